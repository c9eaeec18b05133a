#pragma once

/*
 * Descriptors and whole messages: one SOCK_SEQPACKET message with up to FDIO_FDS_MAX descriptors beside it,
 * and writes that are not cut short.
 */

#include "util/base.h"

#include <sys/uio.h>

enum { FDIO_FDS_MAX = 8 };

enum {
        FDIO_AGAIN = 1, /* would block: nothing was sent, or nothing is there to read */
        FDIO_CLOSED,    /* the peer is gone */
};

/* Send one message without blocking; @fds stay the caller's.  0, FDIO_AGAIN, FDIO_CLOSED, or -errno. */
int fdio_send(int socket, const struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds) MUST_USE;

/*
 * Take one message without blocking.  On 0 the caller owns the @ret_n_fds descriptors, all close-on-exec.
 * A message or control data cut short, and anything beside descriptors, is -EBADMSG and leaves none open.
 */
int fdio_recv(int socket, void *p, size_t room, size_t *ret_n, int ret_fds[FDIO_FDS_MAX],
              size_t *ret_n_fds) MUST_USE;

/* Write everything, waiting where the descriptor makes us wait.  0 or -errno. */
int fdio_write_all(int fd, const void *p, size_t n) MUST_USE;

/*
 * Sealed memory, the way big contents change hands: the maker writes and seals, the reader maps without
 * fear of SIGBUS or of a second look that differs from the first.  fdio_memfd() returns a descriptor or
 * -errno.
 */
int fdio_memfd(const char *name) MUST_USE;
int fdio_seal(int fd) MUST_USE;

/* A new sealed memfd of these bytes, or -errno. */
int fdio_memfd_of(const char *name, const void *p, size_t n) MUST_USE;

/* Size of a sealed memfd; -EBADMSG for any other descriptor. */
int fdio_sealed_size(int fd, uint64_t *ret_bytes) MUST_USE;

/* Map read-only; -EBADMSG when it is not sealed memory.  An empty one is mapped to "" of size 0. */
int fdio_map(int fd, const char **ret_p, size_t *ret_n) MUST_USE;
void fdio_unmap(const char *p, size_t n);

void fdio_close_all(int *fds, size_t n_fds);
int fdio_nonblock(int fd) MUST_USE;

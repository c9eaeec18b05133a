/*
 * Both ends of every socket between our processes go through here, so the two dangers of SCM_RIGHTS are
 * met in one place: a message that carries more than we have room for (MSG_CTRUNC; the kernel has then
 * installed some of the descriptors already, and they must be closed again), and descriptors that leak
 * through an exec (MSG_CMSG_CLOEXEC).
 */
#include "util/fdio.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { SEALS = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL };

union control {
        struct cmsghdr align;
        char p[CMSG_SPACE(sizeof(int) * FDIO_FDS_MAX)];
};

static void control_fill(struct msghdr *msg, union control *control, const int *fds, size_t n_fds)
{
        struct cmsghdr *cmsg;

        memset(control, 0, sizeof(*control));
        msg->msg_control = control->p;
        msg->msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        cmsg = CMSG_FIRSTHDR(msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * n_fds);
}

int fdio_send(int socket, const struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds)
{
        struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n_iov };
        union control control;

        must(n_fds <= FDIO_FDS_MAX);
        if (n_fds > 0)
                control_fill(&msg, &control, fds, n_fds);
        while (sendmsg(socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
                if (errno == EINTR)
                        continue;
                if (errno == EAGAIN || errno == EWOULDBLOCK)
                        return FDIO_AGAIN;
                return errno == EPIPE || errno == ECONNRESET ? FDIO_CLOSED : -errno;
        }
        return 0;
}

/* Collect descriptors of every control message; anything that is not SCM_RIGHTS spoils the whole. */
static int control_take(struct msghdr *msg, int fds[FDIO_FDS_MAX], size_t *ret_n_fds)
{
        size_t n_fds = 0;
        int r = 0;

        for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
                size_t n;

                if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS) {
                        r = -EBADMSG;
                        continue;
                }
                n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                must(n_fds + n <= FDIO_FDS_MAX); /* the room of union control bounds it */
                memcpy(fds + n_fds, CMSG_DATA(cmsg), n * sizeof(int));
                n_fds += n;
        }
        *ret_n_fds = n_fds;
        return r;
}

int fdio_recv(int socket, void *p, size_t room, size_t *ret_n, int ret_fds[FDIO_FDS_MAX], size_t *ret_n_fds)
{
        union control control;
        struct iovec iov = { p, room };
        struct msghdr msg = { .msg_iov = &iov,
                              .msg_iovlen = 1,
                              .msg_control = control.p,
                              .msg_controllen = sizeof(control.p) };
        ssize_t n;
        int r;

        do
                n = recvmsg(socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
                return FDIO_AGAIN;
        if (n < 0)
                return errno == ECONNRESET ? FDIO_CLOSED : -errno;
        r = control_take(&msg, ret_fds, ret_n_fds);
        if (r < 0 || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
                fdio_close_all(ret_fds, *ret_n_fds);
                *ret_n_fds = 0;
                return -EBADMSG;
        }
        if (n == 0) {
                fdio_close_all(ret_fds, *ret_n_fds);
                *ret_n_fds = 0;
                return FDIO_CLOSED; /* nobody of ours sends empty messages */
        }
        *ret_n = (size_t)n;
        return 0;
}

int fdio_write_all(int fd, const void *p, size_t n)
{
        const char *at = p;

        while (n > 0) {
                ssize_t put = write(fd, at, n);

                if (put < 0 && errno == EINTR)
                        continue;
                if (put < 0)
                        return -errno;
                at += put;
                n -= (size_t)put;
        }
        return 0;
}

int fdio_memfd(const char *name)
{
        int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

        return fd < 0 ? -errno : fd;
}

int fdio_seal(int fd)
{
        return fcntl(fd, F_ADD_SEALS, SEALS) < 0 ? -errno : 0;
}

int fdio_memfd_of(const char *name, const void *p, size_t n)
{
        CLEANUP(close_fd) int fd = fdio_memfd(name);
        int r;

        if (fd < 0)
                return fd;
        r = fdio_write_all(fd, p, n);
        if (r == 0)
                r = fdio_seal(fd);
        return r < 0 ? r : TAKE_FD(fd);
}

int fdio_sealed_size(int fd, uint64_t *ret_bytes)
{
        int seals = fcntl(fd, F_GET_SEALS);
        struct stat st;

        if (seals < 0 || (seals & SEALS) != SEALS)
                return -EBADMSG;
        if (fstat(fd, &st) < 0)
                return -errno;
        *ret_bytes = (uint64_t)st.st_size;
        return 0;
}

int fdio_map(int fd, const char **ret_p, size_t *ret_n)
{
        uint64_t size;
        void *p;
        int r = fdio_sealed_size(fd, &size);

        if (r < 0)
                return r;
        *ret_n = (size_t)size;
        *ret_p = "";
        if (size == 0)
                return 0;
        p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
                return -errno;
        *ret_p = p;
        return 0;
}

void fdio_unmap(const char *p, size_t n)
{
        if (p && n > 0)
                munmap((void *)(uintptr_t)p, n);
}

void fdio_close_all(int *fds, size_t n_fds)
{
        for (size_t i = 0; i < n_fds; i++)
                close_fd(&fds[i]);
}

int fdio_nonblock(int fd)
{
        int flags = fcntl(fd, F_GETFL);

        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return -errno;
        return 0;
}

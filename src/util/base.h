#pragma once

/*
 * The few words every other file uses: attributes, sizes, ownership.
 * The only umbrella header; it knows nothing of ours.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MUST_USE     __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define NORETURN     __attribute__((noreturn))
#define UNUSED       __attribute__((unused))
#define CLEANUP(fn)  __attribute__((cleanup(fn)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)    ((a) < (b) ? (a) : (b))
#define MAX(a, b)    ((a) > (b) ? (a) : (b))

#define KIB           UINT64_C(1024)
#define MIB           (1024 * KIB)
#define GIB           (1024 * MIB)
#define NSEC_PER_USEC UINT64_C(1000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_SEC  UINT64_C(1000000000)

/* Our own bugs: stays on in release, and no byte from outside may reach one. */
#define must(cond)                                                                                           \
        do {                                                                                                 \
                if (!(cond))                                                                                 \
                        must_failed(#cond, __FILE__, __LINE__);                                              \
        } while (0)

NORETURN void must_failed(const char *what, const char *file, int line);

/* close(2) for CLEANUP: harmless on -1, keeps errno, leaves -1 behind. */
static inline void close_fd(int *fd)
{
        int saved = errno;

        if (*fd >= 0)
                close(*fd);
        *fd = -1;
        errno = saved;
}

/* free(3) for CLEANUP on any pointer variable. */
static inline void free_ptr(void *pp)
{
        void **p = pp;

        free(*p);
        *p = NULL;
}

/* Move a descriptor or pointer out of a variable that cleans up after itself. */
#define TAKE_FD(fd)                                                                                          \
        ({                                                                                                   \
                int taken_ = (fd);                                                                           \
                (fd) = -1;                                                                                   \
                taken_;                                                                                      \
        })
#define TAKE_PTR(p)                                                                                          \
        ({                                                                                                   \
                __typeof__(p) taken_ = (p);                                                                  \
                (p) = NULL;                                                                                  \
                taken_;                                                                                      \
        })

static inline bool streq(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}

/*
 * The functions of libc by which interpreters first touch the file they run, each with our look at the path before it.
 *
 *   python stat64 · perl, node open64 · ruby, bash open · php fopen · lua fopen64 · java stat64 · javac access
 *   libuv asks statx by syscall(2)
 */
#undef _FILE_OFFSET_BITS /* both kinds of each function are ours */
#include "box/warm_voice.h"
#include "util/base.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* The next function of this name, looked up once. */
#define NEXT(name)                                                                                           \
        static __typeof__(name) *next;                                                                       \
        if (!next)                                                                                           \
        next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define DOOR(result, name, declared, passed)                                                                 \
        EXPORT result name declared;                                                                         \
        EXPORT result name declared                                                                          \
        {                                                                                                    \
                NEXT(name);                                                                                  \
                path = warm_touch(path);                                                                     \
                return next passed;                                                                          \
        }

/* open(2) and its like: the mode is there when a file may be made. */
#define DOOR_OPEN(name, declared, passed)                                                                    \
        EXPORT int name declared;                                                                            \
        EXPORT int name declared                                                                             \
        {                                                                                                    \
                mode_t mode = 0;                                                                             \
                NEXT(name);                                                                                  \
                if (flags & (O_CREAT | O_TMPFILE)) {                                                         \
                        va_list list;                                                                        \
                        va_start(list, flags);                                                               \
                        mode = va_arg(list, mode_t);                                                         \
                        va_end(list);                                                                        \
                }                                                                                            \
                int early = warm_open(path);                                                                 \
                if (early >= 0)                                                                              \
                        return early;                                                                        \
                path = warm_touch(path);                                                                     \
                return next passed;                                                                          \
        }

/* What stat(2) was called before glibc 2.33, still in programs built for older systems (JDKs among them). */
#define DOOR_OLD(name)                                                                                       \
        EXPORT int name(int version, const char *path, void *st);                                            \
        EXPORT int name(int version, const char *path, void *st)                                             \
        {                                                                                                    \
                NEXT(name);                                                                                  \
                path = warm_touch(path);                                                                     \
                return next(version, path, st);                                                              \
        }

DOOR(int, stat, (const char *path, struct stat *st), (path, st))
DOOR(int, stat64, (const char *path, struct stat64 *st), (path, st))
DOOR(int, lstat, (const char *path, struct stat *st), (path, st))
DOOR(int, lstat64, (const char *path, struct stat64 *st), (path, st))
DOOR(int, fstatat, (int at, const char *path, struct stat *st, int flags), (at, path, st, flags))
DOOR(int, fstatat64, (int at, const char *path, struct stat64 *st, int flags), (at, path, st, flags))
DOOR(int, statx, (int at, const char *path, int flags, unsigned mask, struct statx *st),
     (at, path, flags, mask, st))
DOOR_OLD(__xstat)
DOOR_OLD(__xstat64)
DOOR_OLD(__lxstat)
DOOR_OLD(__lxstat64)
DOOR(int, access, (const char *path, int mode), (path, mode))
DOOR(FILE *, fopen, (const char *path, const char *mode), (path, mode))
DOOR(FILE *, fopen64, (const char *path, const char *mode), (path, mode))
DOOR(char *, realpath, (const char *path, char *resolved), (path, resolved))
DOOR_OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
DOOR_OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
DOOR_OPEN(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode))
DOOR_OPEN(openat64, (int at, const char *path, int flags, ...), (at, path, flags, mode))

EXPORT ssize_t read(int fd, void *p, size_t n);
EXPORT ssize_t read(int fd, void *p, size_t n)
{
        NEXT(read);

        return warm_read(fd, p) ? 1 : next(fd, p, n);
}

EXPORT pid_t fork(void);
EXPORT pid_t fork(void)
{
        NEXT(fork);

        return warm_fork() ? 0 : next();
}

EXPORT void *memchr(const void *p, int c, size_t n);
EXPORT void *memchr(const void *p, int c, size_t n)
{
        NEXT(memchr);

        warm_look(p, n);
        return next(p, c, n);
}

EXPORT long syscall(long number, ...);
EXPORT long syscall(long number, ...)
{
        long args[6];
        va_list list;
        NEXT(syscall);

        va_start(list, number);
        for (size_t i = 0; i < ARRAY_LEN(args); i++)
                args[i] = va_arg(list, long);
        va_end(list);
        if (number == SYS_statx)
                args[1] = (long)warm_touch((const char *)args[1]);
        return next(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

/*
 * The library links no libc: it lies in interpreters of any (glibc of the host or of an older image, musl), and every name it
 * leaves open is answered by the one that is there.  So it may use only what all of them have under one name and with one
 * ABI; what they have not is here, for the library alone.
 *
 *   close_range   glibc 2.34, not musl 1.2
 *   fstat         glibc 2.33; before it was __fxstat
 *   atexit        not among glibc's dynamic names; what stands behind it is
 *
 * dlsym() is in glibc since 2.34 and in a library of its own before, which interpreters link.
 */
#include "util/base.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int __cxa_atexit(void (*call)(void *), void *arg, void *library); /* Itanium C++ ABI 3.3.6.3 */

int close_range(unsigned first, unsigned last, int flags)
{
        return (int)syscall(SYS_close_range, first, last, flags);
}

/* KERNEL: on 64 bits its struct stat is the one of both */
int fstat(int fd, struct stat *st)
{
        return (int)syscall(SYS_fstat, fd, st);
}

static void call_plain(void *call)
{
        ((void (*)(void))(uintptr_t)call)();
}

int atexit(void (*call)(void))
{
        return __cxa_atexit(call_plain, (void *)(uintptr_t)call, NULL);
}

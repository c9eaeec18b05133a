/* The other system-call tables of the same processor: 32-bit by interrupt, x32 by a bit in the number. */
#include "probe.h"

static long by_interrupt(long number)
{
        long result = number;

#ifdef __x86_64__
        __asm__ volatile("int $0x80"
                         : "+a"(result)
                         : "b"(0L), "c"(0L), "d"(0L)
                         : "memory", "r8", "r9", "r10", "r11");
#endif
        return result;
}

int main(int argc, char **argv)
{
        if (argc > 1) {
                TRY_FORKED("x32-getpid", syscall(0x40000000 + SYS_getpid));
                TRY_FORKED("x32-mount", syscall(0x40000000 + SYS_mount, 0, 0, 0, 0, 0));
                return done();
        }
        TRY_FORKED("getpid", by_interrupt(20) > 0 ? 0 : -1);
        TRY_FORKED("getuid", by_interrupt(24) >= 0 ? 0 : -1);
        TRY_FORKED("pause-free", by_interrupt(64) >= 0 ? 0 : -1);
        return done();
}

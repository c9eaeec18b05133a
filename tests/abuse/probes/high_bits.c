/* Arguments that the kernel takes as 32 bits, with a bit above: the same answer as without. */
#include "probe.h"

#define HIGH (1L << 32)

int main(void)
{
        TRY("netlink", syscall(SYS_socket, 16 + HIGH, 3, 0));
        TRY("vsock", syscall(SYS_socket, 40 + HIGH, 1, 0));
        TRY("socketpair", syscall(SYS_socketpair, 40 + HIGH, 1, 0, (int[2]){ 0 }));
        TRY("unshare", syscall(SYS_unshare, 0x10000000 + HIGH));
        TRY("rlimit-core", syscall(SYS_setrlimit, 4 + HIGH, (unsigned long[2]){ ~0UL, ~0UL }));
        TRY("memory-merge", syscall(SYS_prctl, 67 + HIGH, 1, 0, 0, 0));
        return done();
}

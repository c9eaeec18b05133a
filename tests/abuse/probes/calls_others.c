/* System calls that reach into other processes, its own child for one. */
#include "probe.h"

int main(void)
{
        pid_t child = fork();
        int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
        char byte = 0;
        struct {
                void *p;
                size_t n;
        } here = { &byte, 1 }, there = { &byte, 1 };

        if (child == 0) {
                sleep(5);
                _exit(0);
        }
        pidfd = pidfd < 0 ? (int)syscall(SYS_pidfd_open, child, 0) : pidfd;
        TRY("process_vm_readv", syscall(SYS_process_vm_readv, child, &here, 1, &there, 1, 0));
        TRY("process_vm_writev", syscall(SYS_process_vm_writev, child, &here, 1, &there, 1, 0));
        TRY("kcmp", syscall(SYS_kcmp, getpid(), child, 0, 0, 0));
        TRY("pidfd_getfd", syscall(SYS_pidfd_getfd, pidfd, 1, 0));
        TRY("ptrace", syscall(SYS_ptrace, 16, child, 0, 0));
        TRY_FORKED("traceme", syscall(SYS_ptrace, 0, 0, 0, 0));
        kill(child, SIGKILL);
        return done();
}

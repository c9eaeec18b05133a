/* Reaches into its parent, which is pid 1 of the box. */
#include "probe.h"
#include <sys/ptrace.h>
#include <sys/uio.h>

int main(void)
{
        static const char *const names[] = {
                "mem", "maps", "environ", "cwd", "root", "exe", "fd/0", "ns/mnt"
        };
        char byte, path[64], what[64];
        struct iovec here = { &byte, 1 }, there = { (void *)main, 1 };
        pid_t parent = getppid();

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
                snprintf(path, sizeof(path), "/proc/%d/%s", parent, names[i]);
                snprintf(what, sizeof(what), "open-%s", names[i]);
                TRY(what, open(path, O_RDONLY | O_NONBLOCK));
        }
        TRY("pidfd_getfd", syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, parent, 0), 0, 0));
        TRY("process_vm_readv", process_vm_readv(parent, &here, 1, &there, 1, 0));
        TRY("ptrace-seize", ptrace(PTRACE_SEIZE, parent, 0, 0));
        if (probe_status == 0)
                TRY("ptrace-attach", ptrace(PTRACE_ATTACH, parent, 0, 0));
        return done();
}

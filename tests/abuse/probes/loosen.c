/* Its own filter on top: allowed, but it loosens nothing. */
#include "probe.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

int main(void)
{
        struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
        struct sock_fprog program = { 1, allow };

        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
                return 3;
        TRY("io_uring_setup", syscall(425, 4, (char[256]){ "" }));
        TRY("add_key", syscall(SYS_add_key, "user", "probe", "x", 1, -2));
        return done();
}

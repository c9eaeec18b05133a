/* Raises hard limits, by both calls. */
#include "probe.h"
#include <sys/resource.h>

int main(void)
{
        struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

        TRY("prlimit-FSIZE", syscall(SYS_prlimit64, 0, RLIMIT_FSIZE, &all, NULL));
        TRY("setrlimit-FSIZE", syscall(SYS_setrlimit, RLIMIT_FSIZE, &all));
        TRY("prlimit-CORE", syscall(SYS_prlimit64, 0, RLIMIT_CORE, &all, NULL));
        TRY("setrlimit-CORE", syscall(SYS_setrlimit, RLIMIT_CORE, &all));
        TRY("prlimit-NOFILE", syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &all, NULL));
        TRY("prlimit-MEMLOCK", syscall(SYS_prlimit64, 0, RLIMIT_MEMLOCK, &all, NULL));
        TRY("prlimit-SIGPENDING", syscall(SYS_prlimit64, 0, RLIMIT_SIGPENDING, &all, NULL));
        return done();
}

/* Limits of another process. */
#include "probe.h"
#include <sys/resource.h>

int main(void)
{
        struct rlimit limit;

        TRY("read", syscall(SYS_prlimit64, getppid(), RLIMIT_NOFILE, NULL, &limit));
        getrlimit(RLIMIT_NOFILE, &limit);
        TRY("write", syscall(SYS_prlimit64, getppid(), RLIMIT_NOFILE, &limit, NULL));
        TRY("write-high-bits", syscall(SYS_prlimit64, getppid() | 1L << 32, RLIMIT_NOFILE, NULL, &limit));
        TRY("priority", setpriority(PRIO_PROCESS, (unsigned)getppid(), 5));
        return done();
}

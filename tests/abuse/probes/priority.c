/* Asks for more of the processor than its share. */
#include "probe.h"
#include <sched.h>
#include <sys/resource.h>

int main(void)
{
        struct sched_param one = { 1 };
        struct {
                unsigned size, policy;
                unsigned long flags;
                int nice;
                unsigned priority;
                unsigned long runtime, deadline, period;
        } deadline = { 48, 6, 0, 0, 0, 1000000, 10000000, 10000000 };

        TRY_FORKED("fifo", sched_setscheduler(0, SCHED_FIFO, &one));
        TRY_FORKED("rr", sched_setscheduler(0, SCHED_RR, &one));
        TRY_FORKED("deadline", syscall(SYS_sched_setattr, 0, &deadline, 0));
        TRY_FORKED("nice", setpriority(PRIO_PROCESS, 0, -20));
        TRY_FORKED("ioprio-rt", syscall(SYS_ioprio_set, 1, 0, 1 << 13));
        return done();
}

/* Sixteen busy processes, all on the core the keeper was last seen on, or on each core in turn. */
#include "probe.h"
#include <sched.h>

int main(void)
{
        long cores = sysconf(_SC_NPROCESSORS_ONLN);

        for (int i = 0; i < 16; i++) {
                cpu_set_t one;

                CPU_ZERO(&one);
                CPU_SET((unsigned)(i / 8 % cores), &one);
                if (fork() > 0)
                        continue;
                sched_setaffinity(0, sizeof(one), &one);
                for (;;)
                        sched_yield();
        }
        for (;;)
                wait(NULL);
}

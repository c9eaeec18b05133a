/* Timers, then queued signals, until there is no further one; more than 1024 is an escape. */
#include "probe.h"
#include <time.h>

int main(void)
{
        struct sigevent none = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
        struct itimerspec fast = { { 0, 1000 }, { 0, 1000 } };
        int timers = 0, queued = 0;
        sigset_t all;
        timer_t timer;

        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        while (timers < 3000 && timer_create(CLOCK_MONOTONIC, &none, &timer) == 0) {
                timer_settime(timer, 0, &fast, NULL);
                timers++;
        }
        while (queued < 3000 && sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ 0 }) == 0)
                queued++;
        check("pending-signals", timers + queued > 1024);
        return done();
}

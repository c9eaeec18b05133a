/* Turns the host's clock; the arguments are the values in force, so that success would change nothing. */
#include "probe.h"
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>

int main(void)
{
        struct timex now = { 0 }, same;
        struct timespec wrong = { -1, -1 };

        adjtimex(&now);
        same = (struct timex){ .modes = ADJ_TICK, .tick = now.tick };
        TRY("adjtimex", adjtimex(&same));
        same = (struct timex){ .modes = ADJ_TICK, .tick = now.tick };
        TRY("clock_adjtime", clock_adjtime(CLOCK_REALTIME, &same));
        TRY("clock_settime", clock_settime(CLOCK_REALTIME, &wrong));
        return done();
}

/* Signals its parent, which is pid 1 of the box, and pid 1 itself. */
#include "probe.h"

int main(void)
{
        bool reached = kill(getppid(), 0) == 0;

        TRY("parent", kill(getppid(), 0));
        TRY("parent-continue", kill(getppid(), SIGCONT));
        for (int i = 1; !reached && i <= 64; i++) {
                kill(getppid(), i);
                kill(1, i);
        }
        return done();
}

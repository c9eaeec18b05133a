/* Takes off what ties it to its parent, closes everything, then spins. */
#include "probe.h"
#include <sys/prctl.h>

int main(void)
{
        puts("started");
        fflush(stdout);
        prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        if (fork() == 0)
                setsid();
        close_range(0, ~0u, 0);
        for (;;)
                ;
}

/* The child of vfork(2) keeps its parent waiting. */
#include "probe.h"

int main(void)
{
        puts("started");
        fflush(stdout);
        if (vfork() == 0)
                for (;;)
                        sleep(60);
        return 0;
}

/* Thirty children nobody waits for. */
#include "probe.h"

int main(void)
{
        for (int i = 0; i < 30; i++)
                if (fork() == 0)
                        _exit(i);
        sleep(0);
        puts("left");
        return 0;
}

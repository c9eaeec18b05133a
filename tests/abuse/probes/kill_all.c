/* Kills everything it may, then says that it is still there. */
#include "probe.h"

int main(void)
{
        if (fork() == 0) {
                sleep(60);
                _exit(0);
        }
        kill(-1, SIGKILL);
        kill(0, 0);
        puts("alone");
        return 0;
}

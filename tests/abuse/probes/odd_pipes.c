/* Its output is a pipe of one page that keeps packets apart and asks for signals: nothing of what it writes is lost. */
#include "probe.h"

enum { LINES = 5000 };

int main(void)
{
        char line[8];

        signal(SIGIO, SIG_IGN);
        fcntl(1, F_SETPIPE_SZ, 4096);
        fcntl(1, F_SETOWN, getpid());
        fcntl(1, F_SETFL, O_DIRECT | O_ASYNC);
        for (int i = 0; i < LINES; i++) {
                snprintf(line, sizeof(line), "%05d\n", i);
                if (write(1, line, 6) != 6)
                        return 1;
        }
        return write(1, "end\n", 4) != 4;
}

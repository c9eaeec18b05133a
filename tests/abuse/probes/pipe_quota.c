/* "fill" takes all the pipe space its user has and waits; "look" sees whether a new pipe is as large as ever. */
#include "probe.h"

int main(int argc, char **argv)
{
        int fds[2], n = 0;

        if (strcmp(argv[1], "fill") == 0) {
                for (; n < 900 && pipe(fds) == 0; n++)
                        if (fcntl(fds[1], F_SETPIPE_SZ, 1 << 20) < 0 && n > 80)
                                break;
                sleep(2);
                return 0;
        }
        if (pipe(fds) < 0)
                return 1;
        check("pipe-size", fcntl(fds[1], F_GETPIPE_SZ) != 65536);
        return done();
}

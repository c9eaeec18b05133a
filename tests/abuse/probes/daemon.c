/* Exits with 0 at once; a grandchild in a session of its own goes on and, with "hold", keeps the output open;
 * with "stop" it is stopped by then. */
#include "probe.h"

int main(int argc, char **argv)
{
        puts("main ends");
        fflush(stdout);
        if (fork() == 0) {
                setsid();
                if (fork() > 0)
                        _exit(0);
                if (argc < 2)
                        close_range(0, 2, 0);
                if (argc > 1 && strcmp(argv[1], "stop") == 0)
                        raise(SIGSTOP);
                for (int i = 0; i < 60; i++)
                        sleep(1);
        }
        wait(NULL);
        return 0;
}

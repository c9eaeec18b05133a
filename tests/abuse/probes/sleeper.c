/* Sleeps a minute; with "stop" it stops itself instead. */
#include "probe.h"

int main(int argc, char **argv)
{
        puts("started");
        fflush(stdout);
        if (argc > 1 && strcmp(argv[1], "stop") == 0)
                raise(SIGSTOP);
        sleep(60);
        return 0;
}

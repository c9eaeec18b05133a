/* Spins for ever; with "quiet" it closes its outputs first, with "deaf" it ignores every signal it can. */
#include "probe.h"

int main(int argc, char **argv)
{
        const char *how = argc > 1 ? argv[1] : "";

        puts("started");
        fflush(stdout);
        for (int i = 1; strcmp(how, "deaf") == 0 && i < 65; i++)
                signal(i, SIG_IGN);
        if (strcmp(how, "quiet") == 0)
                close_range(0, 2, 0);
        for (volatile unsigned long i = 0;; i++)
                ;
}

/* Ends as its argument says: a number is an exit status, "s9" a signal. */
#include "probe.h"

int main(int argc, char **argv)
{
        if (argc > 1 && argv[1][0] == 's') {
                signal(atoi(argv[1] + 1), SIG_DFL);
                raise(atoi(argv[1] + 1));
        }
        return argc > 1 ? atoi(argv[1]) : 0;
}

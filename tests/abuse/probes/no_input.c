/* Leaves its input unread; with "close" it closes it first. */
#include "probe.h"

int main(int argc, char **argv)
{
        if (argc > 1)
                close(0);
        puts("done");
        return 0;
}

/* Executes itself for ever, a little work each time. */
#include "probe.h"

int main(int argc, char **argv)
{
        for (volatile int i = 0; i < 100000; i++)
                ;
        execl("/proc/self/exe", argv[0], NULL);
        return 1;
}

/* The job next door: a fixed amount of arithmetic, and its result. */
#include "probe.h"

int main(void)
{
        unsigned long hash = 14695981039346656037UL;

        for (long i = 0; i < 200000000; i++)
                hash = (hash ^ (unsigned long)(i & 255)) * 1099511628211UL;
        printf("%lx\n", hash);
        return 0;
}

/* Recursion without an end. */
#include "probe.h"

static volatile int depth;

__attribute__((noinline)) static int deeper(volatile char *up)
{
        volatile char here[4096];

        here[0] = (char)depth++;
        return deeper(here) + *up;
}

int main(void)
{
        char top = 0;

        return deeper(&top);
}

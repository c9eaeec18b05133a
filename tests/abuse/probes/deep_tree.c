/* Folders within folders, far deeper than a path can name. */
#include "probe.h"

int main(void)
{
        int n = 0;

        while (n < 5000 && mkdir("d", 0700) == 0 && chdir("d") == 0)
                n++;
        printf("%d deep\n", n);
        return n == 5000 ? 0 : 1;
}

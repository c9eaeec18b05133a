/* Writes: so many bytes ("1048576"), or without end, to stdout (1), stderr (2) or both (3). */
#include "probe.h"

int main(int argc, char **argv)
{
        static char block[65536];
        int where = atoi(argv[1]);
        long left = argc > 2 ? atol(argv[2]) : -1;

        memset(block, 'x', sizeof(block));
        while (left != 0) {
                size_t n = left < 0 || left > (long)sizeof(block) ? sizeof(block) : (size_t)left;

                if ((where & 2) && write(2, block, n) < 0)
                        return 1;
                if (where & 1) {
                        ssize_t r = write(1, block, n);

                        if (r < 0)
                                return 1;
                        n = (size_t)r;
                }
                left -= left < 0 ? 0 : (long)n;
        }
        return 0;
}

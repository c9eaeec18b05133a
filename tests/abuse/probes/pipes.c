/* Pipes as large as they go, filled; then says how many. */
#include "probe.h"

int main(void)
{
        static char block[65536];
        int fds[2], n = 0;

        for (; n < 100 && pipe2(fds, O_NONBLOCK) == 0; n++) {
                (void)fcntl(fds[1], F_SETPIPE_SZ, 1 << 20);
                while (write(fds[1], block, sizeof(block)) > 0)
                        ;
        }
        printf("%d pipes full\n", n);
        return 0;
}

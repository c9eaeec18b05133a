/* One byte every 100 ms. */
#include "probe.h"

int main(void)
{
        for (;;) {
                (void)!write(1, ".", 1);
                usleep(100000);
        }
}

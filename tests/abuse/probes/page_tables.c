/* One page in every 2 MiB of 64 GiB: more kernel memory than its own. */
#include "probe.h"
#include <sys/mman.h>

int main(void)
{
        size_t n = 64UL << 30;
        char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        madvise(p, n, MADV_NOHUGEPAGE);
        for (size_t i = 0; p != MAP_FAILED && i < n; i += 2 << 20)
                p[i] = 1;
        puts("fits");
        return 0;
}

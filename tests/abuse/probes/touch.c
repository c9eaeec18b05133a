/* Touches so many MiB of memory at once, or in steps of 1 MiB ("slow"), or with 16 children ("tree"). */
#include "probe.h"
#include <poll.h>
#include <sys/mman.h>

int main(int argc, char **argv)
{
        size_t n = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1024) << 20;
        const char *how = argc > 2 ? argv[2] : "";
        char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (p == MAP_FAILED)
                return 2;
        if (strcmp(how, "reserve") == 0)
                n = 0;
        for (int i = 0; strcmp(how, "tree") == 0 && i < 16; i++)
                if (fork() == 0) {
                        memset(p, i, n);
                        sleep(2);
                        _exit(0);
                }
        for (size_t i = 0; strcmp(how, "tree") != 0 && i < n; i += 4096) {
                p[i] = 1;
                if (strcmp(how, "slow") == 0 && i % (1 << 20) == 0)
                        poll(NULL, 0, 2);
        }
        while (wait(NULL) > 0)
                ;
        puts("fits");
        return 0;
}

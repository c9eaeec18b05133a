/* Disturbs neighbours for half a second: "cpu" with 32 threads, "io" with fsync, "cache" walking 64 MiB, "memory". */
#include "probe.h"
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>

static const char *how;
static char *area;

static double now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *work(void *arg)
{
        double end = now() + 0.5;
        int fd = how[0] == 'i' ? open("f", O_RDWR | O_CREAT, 0600) : -1;

        while (now() < end) {
                for (size_t i = 0; how[0] == 'm' && i < 48 << 20; i += 4096)
                        area[i]++;
                for (size_t i = 0; how[1] == 'a' && i < 48 << 20; i += 64)
                        area[i]++;
                if (how[0] == 'i' && (pwrite(fd, area, 1 << 20, 0) < 0 || fsync(fd) < 0))
                        break;
        }
        return arg;
}

int main(int argc, char **argv)
{
        int n = strcmp(argv[1], "cpu") == 0 ? 32 : 1;
        pthread_t threads[32];

        how = argv[1];
        area = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (int i = 0; i < n; i++)
                pthread_create(&threads[i], NULL, work, NULL);
        for (int i = 0; i < n; i++)
                pthread_join(threads[i], NULL);
        puts("hogged");
        return 0;
}

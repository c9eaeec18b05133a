/* The main thread is gone, another spins; with "exec" another thread executes a program that says so. */
#include "probe.h"
#include <pthread.h>

static void *other(void *arg)
{
        if (arg)
                execl("/proc/self/exe", "again", NULL);
        for (;;)
                ;
        return arg;
}

int main(int argc, char **argv)
{
        pthread_t thread;

        if (strcmp(argv[0], "again") == 0) {
                puts("executed");
                return 0;
        }
        pthread_create(&thread, NULL, other, argc > 1 ? argv[1] : NULL);
        if (argc > 1)
                pthread_join(thread, NULL);
        pthread_exit(NULL);
}

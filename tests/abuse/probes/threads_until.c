/* Threads until there is no further one; more than the limit (argument) is an escape. */
#include "probe.h"
#include <pthread.h>

static void *wait_here(void *arg)
{
        pause();
        return arg;
}

int main(int argc, char **argv)
{
        int most = argc > 1 ? atoi(argv[1]) : 128, n = 0;
        pthread_attr_t attr;
        pthread_t thread;

        pthread_attr_init(&attr);
        pthread_attr_setstacksize(&attr, 16384);
        while (n <= most && pthread_create(&thread, &attr, wait_here, NULL) == 0)
                n++;
        check("threads", n >= most);
        exit(done());
}

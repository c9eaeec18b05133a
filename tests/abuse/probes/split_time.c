/* Thirty children burn 0.2 s each, "two" threads burn for ever. */
#include "probe.h"
#include <pthread.h>
#include <time.h>

static void *burn(void *arg)
{
        while (clock() < (arg ? CLOCKS_PER_SEC / 5 : CLOCKS_PER_SEC * 60))
                ;
        return arg;
}

int main(int argc, char **argv)
{
        pthread_t thread;

        if (argc > 1) {
                pthread_create(&thread, NULL, burn, NULL);
                burn(NULL);
        }
        for (int i = 0; i < 30; i++)
                if (fork() == 0) {
                        burn(&thread);
                        _exit(0);
                }
        while (wait(NULL) > 0)
                ;
        return 0;
}

/* Thirty threads that do nothing but wait for, wake and requeue each other. */
#include "probe.h"
#include <linux/futex.h>
#include <pthread.h>
#include <time.h>

static int word[4], pi;

static void *storm(void *arg)
{
        struct timespec soon = { 0, 1000 };

        for (unsigned i = (unsigned)(long)arg;; i++) {
                syscall(SYS_futex, &word[i % 4], FUTEX_WAIT, word[i % 4], &soon, NULL, 0);
                word[(i + 1) % 4]++;
                syscall(SYS_futex, &word[(i + 1) % 4], FUTEX_WAKE, 1 << 30, NULL, NULL, 0);
                syscall(SYS_futex, &word[i % 4], FUTEX_CMP_REQUEUE, 1, (void *)8L, &word[(i + 2) % 4],
                        word[i % 4]);
                if (syscall(SYS_futex, &pi, FUTEX_LOCK_PI, 0, &soon, NULL, 0) == 0)
                        syscall(SYS_futex, &pi, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
        }
        return NULL;
}

int main(void)
{
        pthread_t thread;

        for (long i = 0; i < 30; i++)
                if (pthread_create(&thread, NULL, storm, (void *)i) != 0)
                        break;
        storm(NULL);
        return 0;
}

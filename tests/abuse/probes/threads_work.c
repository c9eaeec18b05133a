/* What ordinary programs do with threads and children works. */
#include "probe.h"
#include <pthread.h>
#include <spawn.h>
#include <threads.h>

extern char **environ;

static void *in_thread(void *arg)
{
        return arg;
}

static int in_c11(void *arg)
{
        return arg ? 1 : 0;
}

int main(void)
{
        pthread_t threads[20];
        char *const words[] = { "/usr/bin/env", "true", NULL };
        thrd_t c11;
        pid_t pid;
        FILE *f;

        for (int i = 0; i < 20; i++)
                if (pthread_create(&threads[i], NULL, in_thread, NULL))
                        return 1;
        for (int i = 0; i < 20; i++)
                pthread_join(threads[i], NULL);
        if (thrd_create(&c11, in_c11, NULL) != thrd_success || thrd_join(c11, NULL) != thrd_success)
                return 2;
        if (posix_spawn(&pid, words[0], NULL, NULL, words, environ) || waitpid(pid, NULL, 0) != pid)
                return 3;
        f = popen("echo from a pipe", "r");
        if (!f || fgetc(f) != 'f' || pclose(f))
                return 4;
        if (system("exit 3") != 3 << 8)
                return 5;
        puts("all work");
        return 0;
}

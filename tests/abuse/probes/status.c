/* What /proc/self/status says about rights, in every thread and after fork and exec. */
#include "probe.h"
#include <pthread.h>

static void look(const char *path, const char *who)
{
        static const char *const empty[] = { "CapInh", "CapPrm", "CapEff", "CapBnd",
                                             "CapAmb", "SigBlk", "SigIgn" };
        char what[64];

        for (size_t i = 0; i < sizeof(empty) / sizeof(*empty); i++) {
                snprintf(what, sizeof(what), "%s-%s", who, empty[i]);
                check(what, strtoull(field(path, empty[i]), NULL, 16) != 0);
        }
        snprintf(what, sizeof(what), "%s-NoNewPrivs", who);
        check(what, strcmp(field(path, "NoNewPrivs"), "1") != 0);
        snprintf(what, sizeof(what), "%s-Seccomp", who);
        check(what, strcmp(field(path, "Seccomp:"), "2") != 0);
        snprintf(what, sizeof(what), "%s-Groups", who);
        check(what, field(path, "Groups:")[0] != '\0');
}

static void *in_thread(void *arg)
{
        look("/proc/thread-self/status", "thread");
        return arg;
}

int main(int argc, char **argv)
{
        pthread_t thread;

        if (strcmp(argv[0], "again") == 0) {
                look("/proc/self/status", "exec");
                return done();
        }
        look("/proc/self/status", "main");
        pthread_create(&thread, NULL, in_thread, NULL);
        pthread_join(thread, NULL);
        fflush(stdout);
        if (fork() == 0) {
                look("/proc/self/status", "fork");
                execl("/proc/self/exe", "again", NULL);
        }
        wait(NULL);
        return done();
}

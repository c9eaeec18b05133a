/* "spoil" sets everything a process passes on and executes the rest; "look" tells what is not as a new program
 * finds it. */
#include "probe.h"
#include <sys/resource.h>

int main(int argc, char **argv)
{
        struct rlimit low = { 20, 20 };
        sigset_t all;

        if (strcmp(argv[1], "spoil") == 0) {
                umask(0777);
                sigfillset(&all);
                sigprocmask(SIG_SETMASK, &all, NULL);
                signal(SIGPIPE, SIG_IGN);
                signal(SIGCHLD, SIG_IGN);
                setpriority(PRIO_PROCESS, 0, 19);
                setrlimit(RLIMIT_NOFILE, &low);
                execl("/proc/self/exe", argv[0], "look", NULL);
        }
        getrlimit(RLIMIT_NOFILE, &low);
        check("umask", umask(0) != 022);
        check("blocked", strtoull(field("/proc/self/status", "SigBlk"), NULL, 16) != 0);
        check("ignored", strtoull(field("/proc/self/status", "SigIgn"), NULL, 16) != 0);
        check("nice", getpriority(PRIO_PROCESS, 0) != 0);
        check("descriptors", low.rlim_max <= 20);
        /* spoiled outside on purpose; inside the spoiler is the job before this one */
        return argc > 2 ? 0 : done();
}

/* Makes and enters namespaces by every call there is. */
#include "probe.h"
#include <linux/sched.h>
#include <sched.h>

static const struct {
        const char *name;
        unsigned flag;
} kinds[] = { { "mnt", CLONE_NEWNS },        { "uts", CLONE_NEWUTS }, { "ipc", CLONE_NEWIPC },
              { "net", CLONE_NEWNET },       { "pid", CLONE_NEWPID }, { "user", CLONE_NEWUSER },
              { "cgroup", CLONE_NEWCGROUP }, { "time", 0x80 } };

static long clone_old(unsigned long flags)
{
        long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

        if (pid == 0)
                _exit(0);
        return pid;
}

static long clone_new(unsigned long flags)
{
        struct clone_args args = { .flags = flags, .exit_signal = SIGCHLD };
        long pid = syscall(SYS_clone3, &args, sizeof(args));

        if (pid == 0)
                _exit(0);
        return pid;
}

int main(int argc, char **argv)
{
        char what[32], path[32];

        for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
                unsigned long flag = kinds[i].flag;

                if (argc > 1 && flag != CLONE_NEWUSER)
                        continue;
                snprintf(what, sizeof(what), "unshare-%s", kinds[i].name);
                TRY_FORKED(what, unshare((int)flag));
                memcpy(what, "clone3-", 7), strcpy(what + 7, kinds[i].name);
                TRY(what, clone_new(flag));
                snprintf(what, sizeof(what), "clone-%s", kinds[i].name);
                if (flag != 0x80)
                        TRY(what, clone_old(flag));
                snprintf(what, sizeof(what), "clone-high-%s", kinds[i].name);
                if (flag != 0x80)
                        TRY(what, clone_old(flag | 1UL << 40));
                snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i].name);
                snprintf(what, sizeof(what), "setns-%s", kinds[i].name);
                TRY_FORKED(what, setns(open(path, O_RDONLY), 0));
        }
        for (int i = 0; argc > 1 && i < 10000; i++)
                if (unshare(CLONE_NEWUSER) == 0 && i < 3)
                        escaped("again");
        return done();
}

/* Climbs in the tree of cgroups. */
#include "probe.h"
#include <linux/sched.h>

int main(void)
{
        static const char *const names[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/cgroup.procs",
                                             "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids/tasks",
                                             "/sys/fs/cgroup/unified" };
        struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = 0 };
        char line[4096];
        FILE *f = fopen("/proc/self/cgroup", "r");

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                TRY(names[i], open(names[i], O_RDONLY));
        while (f && fgets(line, sizeof(line), f)) {
                char *path = strchr(strchr(line, ':') + 1, ':') + 1;

                check("path", strcmp(path, "/\n") != 0);
        }
        TRY("mkdir", mkdir("/sys/fs/cgroup/probe", 0700));
        TRY("clone-into", syscall(SYS_clone3, &args, sizeof(args)));
        return done();
}

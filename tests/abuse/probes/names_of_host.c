/* Words of the host in what a program can read about itself; the arguments are words nobody may see. */
#include "probe.h"

int main(int argc, char **argv)
{
        static const char *const files[] = { "mountinfo", "mounts",   "mountstats", "cgroup",    "environ",
                                             "cmdline",   "maps",     "limits",     "sched",     "stack",
                                             "wchan",     "net/unix", "net/dev",    "net/route", "autogroup",
                                             "cpuset",    "loginuid" };
        static char text[1 << 20];
        char path[64], what[300];

        for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
                int fd, bad = 0;
                ssize_t n;

                snprintf(path, sizeof(path), "/proc/self/%s", files[i]);
                fd = open(path, O_RDONLY);
                n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
                if (n < 0) {
                        tried(files[i], -1);
                        continue;
                }
                for (int k = 1; k < argc && strcmp(files[i], "cmdline") != 0; k++)
                        if (memmem(text, (size_t)n, argv[k], strlen(argv[k]))) {
                                snprintf(what, sizeof(what), "%s-tells-%s", files[i], argv[k]);
                                escaped(what);
                                bad++;
                        }
                if (!bad)
                        denied(files[i], "");
        }
        return done();
}

/* Files of the host: those named as arguments, and where secrets usually lie. */
#include "probe.h"
#include <dirent.h>

int main(int argc, char **argv)
{
        static const char *const names[] = { "/etc/shadow",
                                             "/etc/gshadow",
                                             "/root",
                                             "/home",
                                             "/etc/ssh",
                                             "/etc/ssl/private",
                                             "/var/lib/coderunr",
                                             "/etc/coderunr",
                                             "/var/log",
                                             "/var/lib/dpkg",
                                             "/boot",
                                             "/srv",
                                             "/mnt",
                                             "/media",
                                             "/opt",
                                             "/run/systemd",
                                             "/root/.ssh",
                                             "/root/.bash_history",
                                             "/etc/sudoers",
                                             "/etc/fstab",
                                             "/etc/crontab",
                                             "/proc/1/environ",
                                             "/proc/1/root/etc/shadow",
                                             "/proc/self/root/../../etc/shadow",
                                             "/.dockerenv" };
        for (int i = 1; i < argc; i++)
                TRY(argv[i], open(argv[i], O_RDONLY));
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                TRY(names[i], open(names[i], O_RDONLY | O_NONBLOCK));
        return done();
}

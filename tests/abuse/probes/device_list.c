/* Every device it can see beyond the five that are promised, and those that hosts often have. */
#include "probe.h"
#include <dirent.h>

static bool promised(const char *name)
{
        static const char *const names[] = { ".",       "..", "null",  "zero",   "full",   "random",
                                             "urandom", "fd", "stdin", "stdout", "stderr", "shm" };

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                if (strcmp(name, names[i]) == 0)
                        return true;
        return false;
}

int main(void)
{
        static const char *const names[] = {
                "mem",           "kmsg",           "kvm",         "vsock",
                "fuse",          "loop-control",   "net/tun",     "vhost-net",
                "vhost-vsock",   "uinput",         "ttyS0",       "console",
                "tty",           "mapper/control", "snd/timer",   "dri/card0",
                "btrfs-control", "autofs",         "userfaultfd", "cpu_dma_latency",
                "ptmx",          "pts/ptmx",       "hpet",        "rtc0"
        };
        DIR *dir = opendir("/dev");
        struct dirent *entry;
        char path[300];

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
                snprintf(path, sizeof(path), "/dev/%s", names[i]);
                TRY(names[i], open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
        }
        while (dir && (entry = readdir(dir)))
                if (!promised(entry->d_name))
                        escaped(entry->d_name);
        return done();
}

/*
 * The slot's network: a namespace with nothing but loopback, used by one box after the other.  A namespace for each box would
 * cost 0.4 to 1 ms of CPU time (docs/decisions); instead nothing of it can be read or left behind:
 *
 * KERNEL: files of /proc/PID/net keep the mode they are given, for this namespace, in every procfs.  Besides the counters
 * of earlier boxes they tell figures of the whole host (sockstat, protocols, softnet_stat), so all but two are closed.
 *
 * KERNEL: a connection that was closed holds its port for a minute after its program is gone, and what was measured
 * on it is used for the next one to the same address; two sysctls of the namespace end both.
 */
#include "box/network.h"
#include "util/base.h"

#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

int network_raise_loopback(void)
{
        CLEANUP(close_fd) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

        if (fd < 0)
                return -errno;
        return ioctl(fd, SIOCSIFFLAGS, &up) < 0 ? -errno : 0;
}

/* Addresses and routes are the same in every slot, and Java asks for the first. */
static bool stays_open(const char *name)
{
        return streq(name, "if_inet6") || streq(name, "route");
}

static int close_files(int proc)
{
        int fd = openat(proc, "self/net", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;

        if (!dir)
                return -errno;
        while (r == 0 && (entry = readdir(dir)))
                if (entry->d_name[0] != '.' && !stays_open(entry->d_name) &&
                    fchmodat(fd, entry->d_name, entry->d_type == DT_DIR ? 0500 : 0400, 0) < 0)
                        r = -errno;
        closedir(dir);
        return r;
}

static int write_setting(int proc, const char *name, const char *value)
{
        CLEANUP(close_fd) int fd = openat(proc, name, O_WRONLY | O_CLOEXEC);

        if (fd < 0)
                return errno == ENOENT ? 0 : -errno; /* a kernel without the mechanism */
        return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

int network_forget(int proc)
{
        int r = write_setting(proc, "sys/net/ipv4/tcp_max_tw_buckets", "0");

        r = r ? r : write_setting(proc, "sys/net/ipv4/tcp_no_metrics_save", "1");
        r = r ? r : write_setting(proc, "sys/net/ipv4/tcp_fastopen", "0");
        return r ? r : close_files(proc);
}

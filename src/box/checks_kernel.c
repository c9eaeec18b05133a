/*
 * Features of the kernel, asked by using them.  What would change this process happens in a child that does nothing
 * else and hands back an errno as its exit status; mounts are made detached, so they end with their descriptor.
 */
#include "box/checks_priv.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000 /* KERNEL(5.14); Debian 12's headers have it, older ones do not */
#endif

/* Run @probe in a child; 0 or the errno it ended with. */
static int in_child(int (*probe)(int arg), int arg)
{
        pid_t pid = fork();
        int status;

        if (pid < 0)
                return errno;
        if (pid == 0)
                _exit(probe(arg));
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

static bool answer(int error, char found[200])
{
        return error == 0 ? check_found(true, found, "present")
                          : check_found(false, found, "%s", strerror(error));
}

bool check_probe_root(const struct checks_ask *ask, char found[200])
{
        return check_found(geteuid() == 0, found, "running as user id %u", geteuid());
}

static bool has_capability(cap_value_t capability)
{
        cap_t caps = cap_get_proc();
        cap_flag_value_t value = CAP_CLEAR;

        if (!caps)
                return false;
        if (cap_get_flag(caps, capability, CAP_EFFECTIVE, &value) < 0)
                value = CAP_CLEAR;
        cap_free(caps);
        return value == CAP_SET;
}

bool check_probe_capabilities(const struct checks_ask *ask, char found[200])
{
        static const struct {
                cap_value_t value;
                const char *name;
        } needed[] = {
                { CAP_SYS_ADMIN, "SYS_ADMIN" },
                { CAP_SETUID, "SETUID" },
                { CAP_SETGID, "SETGID" },
                { CAP_SETPCAP, "SETPCAP" },
                { CAP_KILL, "KILL" },
                { CAP_CHOWN, "CHOWN" },
                { CAP_MKNOD, "MKNOD" },
                { CAP_NET_ADMIN, "NET_ADMIN" },
                { CAP_DAC_OVERRIDE, "DAC_OVERRIDE" },
        };
        char missing[160] = "";
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_LEN(needed); i++)
                if (!has_capability(needed[i].value))
                        n += (size_t)snprintf(missing + n, sizeof(missing) - n, " %s", needed[i].name);
        return n == 0 ? check_found(true, found, "all %zu", ARRAY_LEN(needed))
                      : check_found(false, found, "not held:%s", missing);
}

bool check_probe_sys_resource(const struct checks_ask *ask, char found[200])
{
        bool ok = has_capability(CAP_SYS_RESOURCE);

        return check_found(ok, found, ok ? "held" : "not held");
}

bool check_probe_kernel(const struct checks_ask *ask, char found[200])
{
        struct utsname name;
        unsigned major = 0, minor = 0;

        if (uname(&name) < 0)
                return answer(errno, found);
        if (sscanf(name.release, "%u.%u", &major, &minor) != 2)
                return check_found(false, found, "unreadable version %.60s", name.release);
        return check_found(major > 5 || (major == 5 && minor >= 14), found, "%.60s", name.release);
}

/* Both refuse the argument when they exist, and are ENOSYS or EPERM when they do not or a profile forbids them. */
bool check_probe_clone3(const struct checks_ask *ask, char found[200])
{
        long r = syscall(SYS_clone3, NULL, 0);

        return answer(r < 0 && errno == EINVAL ? 0 : errno, found);
}

bool check_probe_pidfd(const struct checks_ask *ask, char found[200])
{
        CLEANUP(close_fd) int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

        return answer(fd < 0 ? errno : 0, found);
}

/* A mount of @type that is attached nowhere, or -1; @options is key, value, …, NULL; a value of NULL is a flag. */
static int detached_mount(const char *type, const char *const *options, unsigned attributes)
{
        CLEANUP(close_fd) int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);

        if (fs < 0)
                return -1;
        for (; options && *options; options += 2) {
                unsigned command = options[1] ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

                if (syscall(SYS_fsconfig, fs, command, options[0], options[1], 0) < 0)
                        return -1;
        }
        if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return -1;
        return (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes);
}

static bool mount_answer(const char *type, const char *const *options, unsigned attributes, char found[200])
{
        CLEANUP(close_fd) int fd = detached_mount(type, options, attributes);

        return answer(fd < 0 ? errno : 0, found);
}

bool check_probe_mount_api(const struct checks_ask *ask, char found[200])
{
        return mount_answer("tmpfs", NULL, 0, found);
}

bool check_probe_nosymfollow(const struct checks_ask *ask, char found[200])
{
        static const char *const options[] = { "size", "65536", "nr_inodes", "16", NULL };

        return mount_answer("tmpfs", options, MOUNT_ATTR_NOSYMFOLLOW | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
                            found);
}

bool check_probe_overlay(const struct checks_ask *ask, char found[200])
{
        static const char *const options[] = { "lowerdir", "/usr:/etc", NULL };

        return mount_answer("overlay", options, MOUNT_ATTR_RDONLY, found);
}

bool check_probe_proc_subset(const struct checks_ask *ask, char found[200])
{
        static const char *const options[] = { "subset", "pid", "hidepid", "invisible", NULL };

        return mount_answer("proc", options, 0, found);
}

bool check_probe_devices(const struct checks_ask *ask, char found[200])
{
        CLEANUP(close_fd) int tmpfs = detached_mount("tmpfs", NULL, 0);
        CLEANUP(close_fd) int null = -1;

        if (tmpfs < 0 || mknodat(tmpfs, "null", S_IFCHR | 0666, makedev(1, 3)) < 0)
                return answer(errno, found);
        null = openat(tmpfs, "null", O_WRONLY | O_CLOEXEC);
        return answer(null < 0 ? errno : 0, found);
}

static int unshare_errno(int flags)
{
        return unshare(flags) < 0 ? errno : 0;
}

static bool namespace_answer(int flag, char found[200])
{
        return answer(in_child(unshare_errno, flag), found);
}

bool check_probe_mount_ns(const struct checks_ask *ask, char found[200])
{
        return namespace_answer(CLONE_NEWNS, found);
}

bool check_probe_pid_ns(const struct checks_ask *ask, char found[200])
{
        return namespace_answer(CLONE_NEWPID, found);
}

bool check_probe_net_ns(const struct checks_ask *ask, char found[200])
{
        return namespace_answer(CLONE_NEWNET, found);
}

bool check_probe_ipc_ns(const struct checks_ask *ask, char found[200])
{
        return namespace_answer(CLONE_NEWIPC, found);
}

bool check_probe_uts_ns(const struct checks_ask *ask, char found[200])
{
        return namespace_answer(CLONE_NEWUTS, found);
}

bool check_probe_cgroup_ns(const struct checks_ask *ask, char found[200])
{
        return namespace_answer(CLONE_NEWCGROUP, found);
}

bool check_probe_user_ns(const struct checks_ask *ask, char found[200])
{
        return namespace_answer(CLONE_NEWUSER, found);
}

bool check_probe_seccomp(const struct checks_ask *ask, char found[200])
{
        uint32_t action = SECCOMP_RET_KILL_PROCESS;
        long r = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);

        return answer(r < 0 ? errno : 0, found);
}

bool check_probe_memfd(const struct checks_ask *ask, char found[200])
{
        CLEANUP(close_fd) int fd = memfd_create("check", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        if (fd < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
                return answer(errno, found);
        return answer(0, found);
}

bool check_probe_landlock(const struct checks_ask *ask, char found[200])
{
        long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

        return abi < 0 ? answer(errno, found) : check_found(true, found, "ABI %ld", abi);
}

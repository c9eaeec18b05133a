/*
 * glibc wraps these calls since 2.36 (<sys/mount.h>).
 * One helper turns key=value rows into a mount; each kind is its rows.
 */
#include "box/mounts.h"
#include "util/number.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

struct option {
        const char *key;
        const char *value; /* NULL: a flag */
};

/* A mount of @type with @options, attached nowhere; a descriptor or -errno. */
static int make(const char *type, const struct option *options, uint32_t attributes)
{
        CLEANUP(close_fd) int context = fsopen(type, FSOPEN_CLOEXEC);
        int fd;

        if (context < 0)
                return -errno;
        for (; options->key; options++) {
                unsigned command = options->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

                if (fsconfig(context, command, options->key, options->value, 0) < 0)
                        return -errno;
        }
        if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return -errno;
        fd = fsmount(context, FSMOUNT_CLOEXEC, attributes);
        return fd < 0 ? -errno : fd;
}

static int make_at(const char *where, const char *type, const struct option *options, uint32_t attributes)
{
        CLEANUP(close_fd) int fd = make(type, options, attributes);

        if (fd < 0)
                return fd;
        return move_mount(fd, "", AT_FDCWD, where, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

int mount_work_tmpfs(const char *where, uint64_t bytes, uint64_t inodes, uint32_t mode, uint32_t uid,
                     uint32_t gid)
{
        char size[NUMBER_ROOM], nr[NUMBER_ROOM], text_mode[NUMBER_ROOM], text_uid[NUMBER_ROOM],
                text_gid[NUMBER_ROOM];
        const struct option options[] = {
                { "size", size },    { "nr_inodes", nr }, { "mode", text_mode },
                { "uid", text_uid }, { "gid", text_gid }, { NULL, NULL },
        };

        (void)number_text(size, bytes, 10);
        (void)number_text(nr, inodes, 10);
        (void)number_text(text_mode, mode, 8);
        (void)number_text(text_uid, uid, 10);
        (void)number_text(text_gid, gid, 10);
        return make_at(where, "tmpfs", options,
                       MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME | MOUNT_ATTR_NOSYMFOLLOW);
}

int mount_box_proc(const char *where)
{
        static const struct option options[] = { { "hidepid", "invisible" },
                                                 { "subset", "pid" },
                                                 { NULL, NULL } };

        return make_at(where, "proc", options,
                       MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

int mount_detached_proc(void)
{
        static const struct option options[] = { { NULL, NULL } };

        return make("proc", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

int mount_toolchain(const char *where, const char *source, const char *empty)
{
        char lower[1024];
        struct option options[] = { { "lowerdir", lower }, { NULL, NULL } };

        if ((size_t)snprintf(lower, sizeof(lower), "%s:%s", source, empty) >= sizeof(lower))
                return -ENAMETOOLONG;
        return make_at(where, "overlay", options,
                       MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME);
}

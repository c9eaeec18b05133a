/*
 * Theory of operation: the packer needs names to be resolved, certificates to be read, and the network; so it is not
 * locked into its folder, but cannot write anywhere else: in its mount namespace everything else is read-only, whatever a
 * file's mode may say.
 */
#include "main/packages.h"
#include "config/config.h"
#include "util/err.h"

#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { OPEN_FOLDERS = 32 };

static uint32_t owner;

int packages_path(const struct config *config, char path[PACKAGES_PATH_MAX], struct err *err)
{
        if (snprintf(path, PACKAGES_PATH_MAX, "%s/packages", config->data_directory) >= PACKAGES_PATH_MAX)
                return err_set(err, -ENAMETOOLONG, "data_directory is too long");
        return 0;
}

static int own(const char *path, const struct stat *st, int kind, struct FTW *where)
{
        (void)kind;
        (void)where;
        return st->st_uid == owner && st->st_gid == owner ? 0 : lchown(path, owner, owner);
}

/*
 * The range of users may be another than last time.  The walk follows no link and crosses no mount; lchown() of a path
 * is safe here, because nobody but the packer of an engine that has ended could have changed what the walk saw.
 */
int packages_prepare(const struct config *config, uint32_t uid, struct err *err)
{
        char path[PACKAGES_PATH_MAX];
        struct stat st;
        int r = packages_path(config, path, err);

        if (r < 0)
                return r;
        if ((mkdir(path, 0755) < 0 && errno != EEXIST) || lstat(path, &st) < 0)
                return err_errno(err, -errno, "cannot make the folder %s", path);
        if (!S_ISDIR(st.st_mode))
                return err_set(err, -ENOTDIR, "%s is no folder", path);
        owner = uid;
        if ((st.st_uid != uid && nftw(path, own, OPEN_FOLDERS, FTW_PHYS | FTW_MOUNT) < 0) ||
            chmod(path, 0755) < 0)
                return err_errno(err, -errno, "cannot give %s to the packer", path);
        return 0;
}

int packages_enter(const struct config *config, struct err *err)
{
        struct mount_attr closed = { .attr_set = MOUNT_ATTR_RDONLY };
        struct mount_attr open_again = { .attr_clr = MOUNT_ATTR_RDONLY,
                                         .attr_set =
                                                 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };
        char path[PACKAGES_PATH_MAX];
        int r = packages_path(config, path, err), fd;

        if (r < 0)
                return r;
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount(path, path, NULL, MS_BIND, NULL) < 0 ||
            mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &closed, sizeof(closed)) < 0 ||
            mount_setattr(AT_FDCWD, path, 0, &open_again, sizeof(open_again)) < 0)
                return err_errno(err, -errno, "packer: cannot close the file system but for %s", path);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? err_errno(err, -errno, "packer: cannot open %s", path) : fd;
}

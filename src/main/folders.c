/*
 * Theory of operation: the packer needs names to be resolved, certificates to be read, and the network; so it is not
 * locked into its folder, but cannot write anywhere else: in its mount namespace everything else is read-only, whatever a
 * file's mode may say.
 */
#include "main/folders.h"
#include "config/config.h"
#include "util/err.h"
#include "util/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define STORE_FOLDER "jobs" /* below the data directory */
#define CACHE_FOLDER "cache"

enum { OPEN_FOLDERS = 32, PACKAGE_LEVEL = 2 };

static uint32_t owner;

int folders_make(const char *path, mode_t mode, struct err *err)
{
        char part[PATH_MAX];

        if ((size_t)snprintf(part, sizeof(part), "%s", path) >= sizeof(part))
                return err_set(err, -ENAMETOOLONG, "data_directory is too long");
        for (char *p = strchr(part + 1, '/'); p; p = strchr(p + 1, '/')) {
                *p = '\0';
                if (mkdir(part, 0755) < 0 && errno != EEXIST)
                        return err_errno(err, -errno, "cannot make the folder %s", part);
                *p = '/';
        }
        if (mkdir(part, mode) < 0 && errno != EEXIST)
                return err_errno(err, -errno, "cannot make the folder %s; set data_directory to another",
                                 part);
        return 0;
}

static int own_file(int folder, const char *name, uint32_t uid)
{
        return fchownat(folder, name, uid, uid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT ? -errno : 0;
}

/* The ledger's folder and files are its user's, which may be another than last time. */
int folders_store_prepare(const struct config *config, uint32_t uid, struct err *err)
{
        static const char *const names[] = { ".", "jobs.db", "jobs.db-wal", "jobs.db-shm",
                                             "jobs.db-journal" };
        CLEANUP(close_fd) int folder = -1;
        char path[PATH_MAX];
        int r;

        snprintf(path, sizeof(path), "%s/" STORE_FOLDER, config->data_directory);
        r = folders_make(path, 0700, err);
        if (r < 0)
                return r;
        folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        r = folder < 0 ? -errno : 0;
        for (size_t i = 0; i < ARRAY_LEN(names) && r == 0; i++)
                r = own_file(folder, names[i], uid);
        return r < 0 ? err_errno(err, r, "cannot prepare the folder %s", path) : 0;
}

/* The folder of its store becomes all it sees of the file system, before it gives up root. */
int folders_store_enter(const struct config *config, struct err *err)
{
        char path[PATH_MAX];

        snprintf(path, sizeof(path), "%s/" STORE_FOLDER, config->data_directory);
        if (chdir(path) < 0 || chroot(".") < 0)
                return err_errno(err, -errno, "ledger: cannot enter %s", path);
        return 0;
}

/* Everything in it is a file of the runner's, whose user may be another than last time. */
static int own_all(int folder, uint32_t uid)
{
        int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
        DIR *dir = again < 0 ? NULL : fdopendir(again);
        struct dirent *entry;
        struct stat st;

        if (!dir)
                return -errno;
        if (fstat(folder, &st) < 0 || st.st_uid != uid || st.st_gid != uid)
                while (r == 0 && (entry = readdir(dir)))
                        if (!streq(entry->d_name, ".."))
                                r = own_file(folder, entry->d_name, uid);
        closedir(dir);
        return r;
}

int folders_cache_enter(const struct config *config, uint32_t uid)
{
        CLEANUP(close_fd) int folder = -1;
        char path[PATH_MAX];
        struct err err = { "" };
        int r;

        snprintf(path, sizeof(path), "%s/" CACHE_FOLDER, config->data_directory);
        r = folders_make(path, 0700, &err);
        if (r == 0) {
                folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                r = folder < 0 ? -errno : own_all(folder, uid);
        }
        if (r == 0 && (fchdir(folder) < 0 || chroot(".") < 0))
                r = -errno;
        if (r == 0)
                return TAKE_FD(folder);
        log_warn("the compile cache keeps nothing on disk: %s: %s", path,
                 err.text[0] ? err.text : strerror(-r));
        return -1;
}

int folders_packages_path(const struct config *config, char path[FOLDERS_PATH_MAX], struct err *err)
{
        if (snprintf(path, FOLDERS_PATH_MAX, "%s/packages", config->data_directory) >= FOLDERS_PATH_MAX)
                return err_set(err, -ENAMETOOLONG, "data_directory is too long");
        return 0;
}

/* A package that is the packer's is so to its last file; what was put there by hand is not. */
static int own(const char *path, const struct stat *st, int kind, struct FTW *where)
{
        (void)kind;
        if (st->st_uid != owner || st->st_gid != owner)
                return lchown(path, owner, owner) < 0 ? -1 : FTW_CONTINUE;
        return where->level == PACKAGE_LEVEL ? FTW_SKIP_SUBTREE : FTW_CONTINUE;
}

/*
 * The range of users may be another than last time.  The walk follows no link and crosses no mount; lchown() of a path
 * is safe here, because nobody but the packer of an engine that has ended could have changed what the walk saw.
 */
int folders_packages_prepare(const struct config *config, uint32_t uid, struct err *err)
{
        char path[FOLDERS_PATH_MAX];
        struct stat st;
        int r = folders_packages_path(config, path, err);

        if (r < 0)
                return r;
        if ((mkdir(path, 0755) < 0 && errno != EEXIST) || lstat(path, &st) < 0)
                return err_errno(err, -errno, "cannot make the folder %s", path);
        if (!S_ISDIR(st.st_mode))
                return err_set(err, -ENOTDIR, "%s is no folder", path);
        owner = uid;
        if (nftw(path, own, OPEN_FOLDERS, FTW_PHYS | FTW_MOUNT | FTW_ACTIONRETVAL) < 0 ||
            chmod(path, 0755) < 0)
                return err_errno(err, -errno, "cannot give %s to the packer", path);
        return 0;
}

/* What is mounted later on the host is not seen. */
static int close_all(void)
{
        struct mount_attr closed = { .attr_set = MOUNT_ATTR_RDONLY };

        return mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &closed, sizeof(closed)) < 0 ? -errno : 0;
}

static int leave_mounts(void)
{
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return -errno;
        return 0;
}

int folders_close(const char *name, struct err *err)
{
        int r = leave_mounts();

        r = r ? r : close_all();
        return r < 0 ? err_errno(err, r, "%s: cannot close the file system", name) : 0;
}

int folders_packages_enter(const struct config *config, struct err *err)
{
        struct mount_attr open_again = { .attr_clr = MOUNT_ATTR_RDONLY,
                                         .attr_set =
                                                 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };
        char path[FOLDERS_PATH_MAX];
        int r = folders_packages_path(config, path, err), fd;

        if (r < 0)
                return r;
        if (leave_mounts() < 0 || mount(path, path, NULL, MS_BIND, NULL) < 0 || close_all() < 0 ||
            mount_setattr(AT_FDCWD, path, 0, &open_again, sizeof(open_again)) < 0)
                return err_errno(err, -errno, "packer: cannot close the file system but for %s", path);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? err_errno(err, -errno, "packer: cannot open %s", path) : fd;
}

/*
 * A root becomes one by a rename, and so does a name; what a kill leaves has no name, and is swept by the next who comes.
 * Nobody but root can change anything here, so walks by path are safe.
 */
#include "main/image_store.h"
#include "config/config.h"
#include "main/folders.h"
#include "main/image_pull.h"
#include "util/bytes.h"
#include "util/err.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { OPEN_FOLDERS = 32 };

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
        (void)st;
        (void)kind;
        (void)where;
        (void)remove(path);
        return 0;
}

void image_store_clear(const char *path)
{
        (void)nftw(path, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static int join(char out[IMAGE_PATH_MAX], const char *folder, const char *name)
{
        return (size_t)snprintf(out, IMAGE_PATH_MAX, "%s/%s", folder, name) < IMAGE_PATH_MAX ? 0
                                                                                             : -ENAMETOOLONG;
}

static int make_folder(const char *folder, const char *name, struct err *err)
{
        char path[IMAGE_PATH_MAX];

        if (join(path, folder, name) < 0)
                return err_set(err, -ENAMETOOLONG, "data_directory is too long");
        return folders_make(path, 0755, err);
}

int image_store_open(const struct config *config, struct image_store *ret_store, struct err *err)
{
        struct image_store *store = ret_store;
        char path[IMAGE_PATH_MAX];
        int r;

        *store = (struct image_store){ .lock = -1 };
        r = folders_make(config->data_directory, 0700, err);
        r = r ? r : image_path(config, "", store->folder, err);
        r = r ? r : folders_make(store->folder, 0755, err);
        r = r ? r : make_folder(store->folder, "names", err);
        r = r ? r : make_folder(store->folder, "roots", err);
        r = r ? r : image_path(config, "/staging", store->staging, err);
        r = r ? r : image_path(config, "/fresh", store->fresh, err);
        r = r ? r : image_path(config, "/lock", path, err);
        if (r < 0)
                return r;
        store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (store->lock < 0 || flock(store->lock, LOCK_EX) < 0)
                return err_errno(err, -errno, "cannot lock %s", path);
        image_store_sweep(store);
        return 0;
}

void image_store_close(struct image_store *store)
{
        close_fd(&store->lock);
}

/* Does any name stand for it? */
static bool has_name(const struct image_store *store, const char *digest)
{
        char folder[IMAGE_PATH_MAX], path[IMAGE_PATH_MAX];
        struct dirent *entry;
        bool has = false;
        DIR *dir = join(folder, store->folder, "names") == 0 ? opendir(folder) : NULL;

        if (!dir)
                return true; /* not known */
        while (!has && (entry = readdir(dir))) {
                CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(IMAGE_DIGEST_MAX);

                if (entry->d_name[0] != '.' && join(path, folder, entry->d_name) == 0 &&
                    bytes_read_file(&text, path) == 0 && text.p)
                        has = strncmp(text.p, digest, strlen(digest)) == 0;
        }
        closedir(dir);
        return has;
}

/* Nobody uses it, and from now on nobody can. */
static bool take_away(const char *root, const char *to)
{
        CLEANUP(close_fd) int fd = open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && rename(root, to) == 0;
}

void image_store_sweep(struct image_store *store)
{
        char folder[IMAGE_PATH_MAX], root[IMAGE_PATH_MAX];
        struct dirent *entry;
        DIR *dir = join(folder, store->folder, "roots") == 0 ? opendir(folder) : NULL;

        image_store_clear(store->staging);
        image_store_clear(store->fresh);
        while (dir && (entry = readdir(dir)))
                if (entry->d_name[0] != '.' && join(root, folder, entry->d_name) == 0 &&
                    !has_name(store, entry->d_name) && take_away(root, store->fresh))
                        image_store_clear(store->fresh);
        if (dir)
                closedir(dir);
}

int image_store_write(const char *folder, const char *name, const char *text, struct err *err)
{
        CLEANUP(close_fd) int fd = -1;
        char path[IMAGE_PATH_MAX];
        size_t n = strlen(text);

        if (join(path, folder, name) < 0)
                return err_set(err, -ENAMETOOLONG, "data_directory is too long");
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0 || write(fd, text, n) != (ssize_t)n || fsync(fd) < 0)
                return err_errno(err, errno ? -errno : -EIO, "cannot write %s", path);
        return 0;
}

/* ---- names ---- */

static bool is_used(const struct config *config, const char *digest)
{
        char suffix[IMAGE_DIGEST_MAX + 8], path[IMAGE_PATH_MAX];
        CLEANUP(close_fd) int fd = -1;

        snprintf(suffix, sizeof(suffix), "/roots/%s", digest);
        if (image_path(config, suffix, path, NULL) < 0)
                return false;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

int image_remove(const struct config *config, const char *name, struct err *err)
{
        char path[IMAGE_PATH_MAX], digest[IMAGE_DIGEST_MAX];
        struct image_store store;
        int r = image_store_open(config, &store, err);

        r = r ? r : image_digest(config, name, digest, err);
        r = r ? r : image_name_path(config, name, path, err);
        if (r == 0 && is_used(config, digest))
                r = err_set(err, -EBUSY, "an engine uses %s: stop the engine first", name);
        if (r == 0 && unlink(path) < 0)
                r = err_errno(err, -errno, "cannot remove %s", path);
        if (r == 0)
                image_store_sweep(&store);
        image_store_close(&store);
        return r;
}

static int is_name(const struct dirent *entry)
{
        return entry->d_name[0] != '.';
}

static int tell(const struct config *config, const char *file, image_each_fn each, void *arg)
{
        CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(64);
        char name[IMAGE_NAME_MAX], digest[IMAGE_DIGEST_MAX], suffix[IMAGE_DIGEST_MAX + 16],
                path[IMAGE_PATH_MAX];
        struct stat st;

        snprintf(name, sizeof(name), "%s", file);
        for (char *p = name; *p; p++)
                if (*p == '+')
                        *p = '/';
        if (image_digest(config, name, digest, NULL) != 0 || image_name_path(config, name, path, NULL) < 0 ||
            stat(path, &st) < 0)
                return 0;
        snprintf(suffix, sizeof(suffix), "/roots/%s/bytes", digest);
        if (image_path(config, suffix, path, NULL) < 0 || bytes_read_file(&text, path) < 0 || !text.p)
                return 0;
        return each(arg, name, digest, strtoull(text.p, NULL, 10), (int64_t)st.st_mtim.tv_sec);
}

int image_each(const struct config *config, image_each_fn each, void *arg, struct err *err)
{
        char path[IMAGE_PATH_MAX];
        struct dirent **entries;
        int r = image_path(config, "/names", path, err), n;

        if (r < 0)
                return r;
        n = scandir(path, &entries, is_name, alphasort);
        if (n < 0)
                return errno == ENOENT ? 0 : err_errno(err, -errno, "cannot read %s", path);
        for (int i = 0; i < n; i++) {
                r = r ? r : tell(config, entries[i]->d_name, each, arg);
                free(entries[i]);
        }
        free(entries);
        return r;
}

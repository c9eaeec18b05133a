/*
 * Theory of operation: everything is reached from the folder's descriptor with openat2 beneath it, and no link is ever
 * followed.  Files come first, links last, so that no file can be written through one; the marker is the last file and
 * the rename the last act.
 *
 * TRUST: the pack was made in a box by a stranger's archive.  Its reader checks names and lengths; links are checked
 * here: they may lead anywhere in their own package, or into the system folders a box shows.
 */
#include "packer/store.h"
#include "box/slot.h"
#include "packer/index.h"
#include "packer/unpack.h"
#include "util/err.h"
#include "util/fdio.h"
#include "util/log.h"
#include "util/pack.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#define STAGING ".staging"
#define MARKER  ".ppman-installed"
#define NUMBER  ".coderunr"

enum { DEPTH_MAX = 40, ENV_BYTES = 32768 };

static int open_beneath(int folder, const char *path, int flags, mode_t mode)
{
        struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK),
                                .mode = flags & O_CREAT ? mode : 0,
                                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
        long fd = syscall(SYS_openat2, folder, path, &how, sizeof(how));

        return fd < 0 ? -errno : (int)fd;
}

static int open_package(int folder, const char *name, const char *version)
{
        char path[STORE_PATH_MAX];

        if ((size_t)snprintf(path, sizeof(path), "%s/%s", name, version) >= sizeof(path))
                return -ENAMETOOLONG;
        return open_beneath(folder, path, O_RDONLY | O_DIRECTORY, 0);
}

int store_open(int folder, const char *name, const char *version)
{
        return open_package(folder, name, version);
}

/* ---- removing ---- */

static void remove_inside(int folder, int depth)
{
        DIR *dir = fdopendir(folder);
        struct dirent *entry;

        if (!dir) {
                close(folder);
                return;
        }
        while ((entry = readdir(dir))) {
                if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
                        continue;
                if (unlinkat(dirfd(dir), entry->d_name, 0) == 0 || depth >= DEPTH_MAX)
                        continue;
                folder = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (folder >= 0)
                        remove_inside(folder, depth + 1);
                (void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
        }
        closedir(dir);
}

void store_remove(int folder, const char *name, const char *version)
{
        char path[STORE_PATH_MAX];
        int fd = open_package(folder, name, version);

        if (fd < 0)
                return;
        remove_inside(fd, 0);
        snprintf(path, sizeof(path), "%s/%s", name, version);
        if (unlinkat(folder, path, AT_REMOVEDIR) < 0)
                log_error("package %s-%s cannot be removed whole", name, version);
        (void)unlinkat(folder, name, AT_REMOVEDIR); /* when it was the last version */
}

void store_sweep(int folder)
{
        int fd = open_beneath(folder, STAGING, O_RDONLY | O_DIRECTORY, 0);

        if (fd < 0)
                return;
        remove_inside(fd, 0);
        (void)unlinkat(folder, STAGING, AT_REMOVEDIR);
}

int store_unmark(int folder, const char *name, const char *version)
{
        CLEANUP(close_fd) int fd = open_package(folder, name, version);

        if (fd < 0)
                return fd;
        return unlinkat(fd, MARKER, 0) < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* ---- reading ---- */

static void each_version(int folder, const char *name,
                         void (*each)(void *arg, const char *name, const char *version, bool installed),
                         void *arg)
{
        int fd = open_beneath(folder, name, O_RDONLY | O_DIRECTORY, 0);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;

        while (dir && (entry = readdir(dir)))
                if (index_name_ok(view_of(entry->d_name)))
                        each(arg, name, entry->d_name, store_has(folder, name, entry->d_name, MARKER));
        if (dir)
                closedir(dir);
}

void store_each(int folder, void (*each)(void *arg, const char *name, const char *version, bool installed),
                void *arg)
{
        int fd = open_beneath(folder, ".", O_RDONLY | O_DIRECTORY, 0);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;

        while (dir && (entry = readdir(dir)))
                if (index_name_ok(view_of(entry->d_name)))
                        each_version(folder, entry->d_name, each, arg);
        if (dir)
                closedir(dir);
}

int store_read(int folder, const char *name, const char *version, const char *file, struct bytes *out)
{
        CLEANUP(close_fd) int package = open_package(folder, name, version);
        CLEANUP(close_fd) int fd = package < 0 ? package : open_beneath(package, file, O_RDONLY, 0);
        struct stat st;

        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return -EINVAL;
        *out = BYTES_INIT(STORE_FILE_BYTES);
        return bytes_read_fd(out, fd);
}

bool store_has(int folder, const char *name, const char *version, const char *file)
{
        CLEANUP(close_fd) int package = open_package(folder, name, version);
        struct stat st;

        return package >= 0 && fstatat(package, file, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
               (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode));
}

/* ---- writing ---- */

static int write_file(int folder, const char *path, const void *p, size_t n, mode_t mode)
{
        CLEANUP(close_fd) int fd = open_beneath(folder, path, O_WRONLY | O_CREAT | O_EXCL, mode);

        if (fd < 0)
                return fd;
        return fdio_write_all(fd, p, n);
}

int store_number(int folder, const char *name, const char *version, uint32_t number)
{
        CLEANUP(close_fd) int fd = open_package(folder, name, version);
        char text[16];

        if (fd < 0)
                return fd;
        (void)unlinkat(fd, NUMBER, 0);
        snprintf(text, sizeof(text), "%u\n", number);
        return write_file(fd, NUMBER, text, strlen(text), 0644);
}

static int make_folders(int folder, char *path)
{
        for (char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
                *p = '\0';
                if (mkdirat(folder, path, 0755) < 0 && errno != EEXIST)
                        return -errno;
                *p = '/';
        }
        return 0;
}

/* Files and folders; the links and the environment are told apart. */
static int write_item(int staging, const struct pack_item *item, struct view *links, struct view *env)
{
        char path[PACK_NAME_MAX + 1];
        int r;

        memcpy(path, item->name, item->name_len);
        path[item->name_len] = '\0';
        if (streq(path, "links"))
                *links = (struct view){ item->content, item->size };
        if (streq(path, "env"))
                *env = (struct view){ item->content, item->size };
        if (strncmp(path, "pkg/", 4) != 0)
                return 0;
        if (streq(path, "pkg/" MARKER) || streq(path, "pkg/" NUMBER) || streq(path, "pkg/.env"))
                return 0; /* ours to write */
        r = make_folders(staging, path + 4);
        if (r < 0)
                return r;
        if (item->flags & PACK_DIRECTORY)
                return mkdirat(staging, path + 4, 0755) < 0 && errno != EEXIST ? -errno : 0;
        return write_file(staging, path + 4, item->content, item->size,
                          item->flags & PACK_EXECUTABLE ? 0755 : 0644);
}

/* May a link at @path (in the package) say @target? */
static bool link_ok(const struct store_tree *tree, const char *path, const char *target)
{
        static const char *const shown[] = { "/usr/", "/bin/", "/lib/", "/lib64/", "/etc/alternatives/",
                                             "/tmp" };
        char own[STORE_PATH_MAX + sizeof(SLOT_PACKAGES)];
        int depth = 0;

        if (strstr(target, "/../") && target[0] == '/')
                return false;
        snprintf(own, sizeof(own), SLOT_PACKAGES "/%s/%s/", tree->name, tree->version);
        for (size_t i = 0; i < ARRAY_LEN(shown) && target[0] == '/'; i++)
                if (strncmp(target, shown[i], strlen(shown[i])) == 0)
                        return true;
        if (target[0] == '/')
                return strncmp(target, own, strlen(own)) == 0;
        for (const char *p = path; (p = strchr(p, '/')); p++)
                depth++;
        for (const char *p = target; *p && depth >= 0; p += strcspn(p, "/"), p += *p == '/') {
                size_t n = strcspn(p, "/");

                if (n == 2 && memcmp(p, "..", 2) == 0)
                        depth--;
                else if (n > 0 && !(n == 1 && *p == '.'))
                        depth++;
        }
        return depth >= 0 && *target;
}

/* "path NUL target NUL" again and again. */
static int make_links(int staging, const struct store_tree *tree, struct view links, struct err *err)
{
        char path[PACK_NAME_MAX + 1], *slash;
        size_t n_path, n_target;
        const char *target;

        while (links.n > 0) {
                n_path = strnlen(links.p, links.n);
                n_target = n_path < links.n ? strnlen(links.p + n_path + 1, links.n - n_path - 1) : 0;
                if (n_path + 1 + n_target >= links.n || n_target == 0 || !pack_name_ok(links.p, n_path))
                        return err_set(err, 500, "the archive holds a link that makes no sense");
                memcpy(path, links.p, n_path + 1);
                target = links.p + n_path + 1;
                if (!link_ok(tree, path, target))
                        return err_set(err, 500,
                                       "the archive holds a link out of the package: %.100s -> %.100s", path,
                                       target);
                slash = strrchr(path, '/');
                if (slash)
                        *slash = '\0';
                CLEANUP(close_fd)
                int folder = open_beneath(staging, slash ? path : ".", O_RDONLY | O_DIRECTORY, 0);
                if (folder < 0 || symlinkat(target, folder, slash ? slash + 1 : path) < 0)
                        return err_errno(err, folder < 0 ? folder : -errno,
                                         "cannot make a link of the package");
                links = (struct view){ target + n_target + 1, links.n - n_path - n_target - 2 };
        }
        return 0;
}

static bool is_variable(const char *word)
{
        static const char *const own[] = { "PWD=", "OLDPWD=", "_=", "SHLVL=" };
        size_t n = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

        for (size_t i = 0; i < ARRAY_LEN(own); i++)
                if (strncmp(word, own[i], strlen(own[i])) == 0)
                        return false;
        return n > 0 && word[n] == '=' && !(word[0] >= '0' && word[0] <= '9') && !strchr(word, '\n');
}

/* Where the box had unpacked it stands for where it will be. */
static int add_variable(struct bytes *out, const struct store_tree *tree, const char *word)
{
        static const char was[] = UNPACK_FOLDER;
        int r = 0;

        for (const char *at; r == 0 && (at = strstr(word, was)); word = at + strlen(was)) {
                r = bytes_add(out, word, (size_t)(at - word));
                if (r == 0)
                        r = bytes_printf(out, SLOT_PACKAGES "/%s/%s", tree->name, tree->version);
        }
        r = r ? r : bytes_add_text(out, word);
        return r ? r : bytes_add(out, "\n", 1);
}

static int write_env(int staging, const struct store_tree *tree, struct view env, struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes out = BYTES_INIT(ENV_BYTES);
        int r = bytes_add(&out, "", 0);

        while (env.n > 0 && r == 0) {
                size_t n = strnlen(env.p, env.n);

                if (n == env.n)
                        break;
                if (is_variable(env.p))
                        r = add_variable(&out, tree, env.p);
                env = (struct view){ env.p + n + 1, env.n - n - 1 };
        }
        if (r < 0)
                return err_set(err, 500, "the environment of the package is larger than %d bytes", ENV_BYTES);
        r = write_file(staging, ".env", out.p ? out.p : "", out.n, 0644);
        return r < 0 ? err_errno(err, r, "cannot write the package's environment") : 0;
}

static int write_tree(int staging, const struct store_tree *tree, struct err *err)
{
        struct view links = { "", 0 }, env = { "", 0 };
        struct pack_reader reader;
        struct pack_item item;
        int r = pack_reader_init(&reader, tree->pack.p, tree->pack.n);

        while (r == 0 && (r = pack_reader_next(&reader, &item)) == 1)
                r = write_item(staging, &item, &links, &env);
        if (r < 0)
                return err_errno(err, r, "cannot write the package");
        r = make_links(staging, tree, links, err);
        return r ? r : write_env(staging, tree, env, err);
}

static int mark(int staging, uint32_t number)
{
        struct timespec now;
        char text[32];
        int r;

        snprintf(text, sizeof(text), "%u\n", number);
        r = write_file(staging, NUMBER, text, strlen(text), 0644);
        if (r < 0)
                return r;
        /* WHY: the marker must not reach the disk before what it vouches for */
        if (syncfs(staging) < 0)
                return -errno;
        clock_gettime(CLOCK_REALTIME, &now);
        snprintf(text, sizeof(text), "%lld", (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
        return write_file(staging, MARKER, text, strlen(text), 0644);
}

static int give_name(int folder, const char *staged, const struct store_tree *tree)
{
        char path[STORE_PATH_MAX];

        store_remove(folder, tree->name, tree->version);
        if (mkdirat(folder, tree->name, 0755) < 0 && errno != EEXIST)
                return -errno;
        snprintf(path, sizeof(path), "%s/%s", tree->name, tree->version);
        return renameat(folder, staged, folder, path) < 0 || fsync(folder) < 0 ? -errno : 0;
}

int store_install(int folder, const struct store_tree *tree, struct err *err)
{
        char staged[STORE_PATH_MAX];
        CLEANUP(close_fd) int staging = -1;
        int r = 0, fd;

        snprintf(staged, sizeof(staged), STAGING "/%u", tree->number);
        if ((mkdirat(folder, STAGING, 0700) < 0 && errno != EEXIST) || mkdirat(folder, staged, 0755) < 0)
                return err_errno(err, -errno, "cannot make a folder for the package");
        staging = open_beneath(folder, staged, O_RDONLY | O_DIRECTORY, 0);
        r = staging < 0 ? err_errno(err, staging, "cannot open the package's folder")
                        : write_tree(staging, tree, err);
        if (r == 0 && (r = mark(staging, tree->number)) < 0)
                (void)err_errno(err, r, "cannot write the package");
        if (r == 0 && (r = give_name(folder, staged, tree)) < 0)
                (void)err_errno(err, r, "cannot put the package in its place");
        if (r == 0) {
                (void)unlinkat(folder, STAGING, AT_REMOVEDIR); /* unless another is being written */
                return 0;
        }
        fd = open_beneath(folder, staged, O_RDONLY | O_DIRECTORY, 0);
        if (fd >= 0)
                remove_inside(fd, 0);
        (void)unlinkat(folder, staged, AT_REMOVEDIR);
        (void)unlinkat(folder, STAGING, AT_REMOVEDIR);
        return r;
}

/*
 * The root is one small tmpfs holding everything of template.def, and one overlay per toolchain folder: two
 * or three mounts in all, because every box pays for each of them when it clones the mount namespace.
 *
 * The root of an image is one overlay: a tmpfs with the same things of template.def above, the image's files below; and
 * the tmpfs's /dev over that, because devices of an image must not work.
 *
 * Runs with the keeper's full privileges, before any stranger's byte: it follows only paths written here and in
 * the boot data, and copies only files that everybody may read.
 */
#include "box/root.h"
#include "box/mounts.h"
#include "box/steps.h"
#include "box/warm.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

enum {
        ROOT_BYTES = 64 * 1024 * 1024, /* a bound, not a reservation */
        COPY_DEPTH = 12,
        PID_LINKS = 256, /* /proc/N for the first pids of a box; later ones are reached by /proc/self */
};

/* Second layer of every overlay; relative, because the overlay shows its options to the box in mountinfo. */
static const char empty_layer[] = "run";

/* "<root><path>" in a caller's buffer. */
static const char *at(const struct slot_boot *boot, const char *path, char out[PATH_MAX])
{
        snprintf(out, PATH_MAX, "%s%s", boot->root, path);
        return out;
}

static int make_folder(const struct slot_boot *boot, const char *path, mode_t mode)
{
        char where[PATH_MAX];

        if (mkdir(at(boot, path, where), mode) < 0 && errno != EEXIST)
                return -errno;
        return chmod(where, mode) < 0 ? -errno : 0;
}

/* All folders above @path, then @path itself. */
static int make_folders(const struct slot_boot *boot, const char *path)
{
        char part[PATH_MAX];
        int r = 0;

        for (const char *p = strchr(path + 1, '/'); r == 0; p = strchr(p + 1, '/')) {
                size_t n = p ? (size_t)(p - path) : strlen(path);

                if (n >= sizeof(part))
                        return -ENAMETOOLONG;
                memcpy(part, path, n);
                part[n] = '\0';
                r = make_folder(boot, part, 0755);
                if (!p)
                        break;
        }
        return r;
}

static int make_link(const struct slot_boot *boot, const char *path, const char *target)
{
        char where[PATH_MAX];

        return symlink(target, at(boot, path, where)) < 0 && errno != EEXIST ? -errno : 0;
}

static int make_text(const struct slot_boot *boot, const char *path, const char *content)
{
        char where[PATH_MAX];
        CLEANUP(close_fd)
        int fd = open(at(boot, path, where), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0444);
        size_t n = strlen(content);

        if (fd < 0)
                return -errno;
        return write(fd, content, n) == (ssize_t)n ? 0 : -EIO;
}

static int make_device(const struct slot_boot *boot, const char *path, unsigned major_nr, unsigned minor_nr)
{
        char where[PATH_MAX];

        if (mknod(at(boot, path, where), S_IFCHR | 0666, makedev(major_nr, minor_nr)) < 0)
                return -errno;
        return chmod(where, 0666) < 0 ? -errno : 0;
}

static int copy_bytes(int from, int to)
{
        char buf[16384];
        ssize_t n;

        while ((n = read(from, buf, sizeof(buf))) > 0)
                if (write(to, buf, (size_t)n) != n)
                        return -EIO;
        return n < 0 ? -errno : 0;
}

static int copy_file(const char *from, const char *to)
{
        CLEANUP(close_fd) int in = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        CLEANUP(close_fd) int out = -1;

        if (in < 0)
                return -errno;
        out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
        return out < 0 ? -errno : copy_bytes(in, out);
}

static int copy_tree(const char *from, const char *to, int depth);

static int copy_folder(const char *from, const char *to, int depth)
{
        char inner_from[PATH_MAX], inner_to[PATH_MAX];
        struct dirent *entry;
        DIR *dir = opendir(from);
        int r = 0;

        if (!dir)
                return -errno;
        if (mkdir(to, 0755) < 0 && errno != EEXIST)
                r = -errno;
        while (r == 0 && (entry = readdir(dir))) {
                if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
                        continue;
                if ((size_t)snprintf(inner_from, PATH_MAX, "%s/%s", from, entry->d_name) >= PATH_MAX ||
                    (size_t)snprintf(inner_to, PATH_MAX, "%s/%s", to, entry->d_name) >= PATH_MAX)
                        continue;
                r = copy_tree(inner_from, inner_to, depth + 1);
        }
        closedir(dir);
        return r;
}

/* Copy what everybody may read; leave out the rest without a word. */
static int copy_tree(const char *from, const char *to, int depth)
{
        char target[PATH_MAX];
        struct stat st;
        ssize_t n;

        if (depth > COPY_DEPTH || lstat(from, &st) < 0)
                return 0;
        if (S_ISLNK(st.st_mode)) {
                n = readlink(from, target, sizeof(target) - 1);
                if (n < 0)
                        return 0;
                target[n] = '\0';
                return symlink(target, to) < 0 && errno != EEXIST ? -errno : 0;
        }
        if (S_ISDIR(st.st_mode) && (st.st_mode & 0005) == 0005)
                return copy_folder(from, to, depth);
        if (S_ISREG(st.st_mode) && (st.st_mode & 0004))
                return copy_file(from, to);
        return 0;
}

static int make_copy(const struct slot_boot *boot, const char *path)
{
        char where[PATH_MAX], folder[PATH_MAX];
        struct stat st;
        int r;

        if (lstat(path, &st) < 0)
                return 0;
        snprintf(folder, sizeof(folder), "%s", path);
        *strrchr(folder, '/') = '\0';
        r = make_folders(boot, folder);
        return r < 0 ? r : copy_tree(path, at(boot, path, where), 0);
}

static int make_tree(const struct slot_boot *boot, const char *path)
{
        char where[PATH_MAX];
        struct stat st;
        int r;

        if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
                return 0;
        r = make_folders(boot, path);
        if (r < 0)
                return r;
        return mount_toolchain(at(boot, path, where), path, empty_layer);
}

/* The table, row by row; the first failure ends it.  @copies: the host's files too. */
static int make_files(const struct slot_boot *boot, bool copies)
{
        int r = 0;

#define FOLDER(path, mode)               r = r ? r : make_folder(boot, path, mode);
#define LINK(path, target)               r = r ? r : make_link(boot, path, target);
#define TEXT(path, content)              r = r ? r : make_text(boot, path, content);
#define COPY(path)                       r = r || !copies ? r : make_copy(boot, path);
#define DEVICE(path, major_nr, minor_nr) r = r ? r : make_device(boot, path, major_nr, minor_nr);
#define TREE(path)
#include "box/template.def"
#undef FOLDER
#undef LINK
#undef TEXT
#undef COPY
#undef DEVICE
#undef TREE
        return r;
}

static int make_trees(const struct slot_boot *boot)
{
        const char *word = boot->directories;
        int r = 0;

#define FOLDER(path, mode)
#define LINK(path, target)
#define TEXT(path, content)
#define COPY(path)
#define DEVICE(path, major_nr, minor_nr)
#define TREE(path) r = r ? r : make_tree(boot, path);
#include "box/template.def"
        for (; r == 0 && *word; word += strlen(word) + 1)
                r = make_tree(boot, word);
        return r;
}

/* /bin and its like are links into /usr on most systems, folders of their own on some. */
static int make_bins(const struct slot_boot *boot)
{
        static const char *const names[] = { "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32" };
        char target[PATH_MAX];
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_LEN(names); i++) {
                ssize_t n = readlink(names[i], target, sizeof(target) - 1);

                if (n < 0) {
                        r = make_tree(boot, names[i]);
                        continue;
                }
                target[n] = '\0';
                r = make_link(boot, names[i], target);
        }
        return r;
}

/* Stand-ins that tell the number of cores and the memory, as runtimes ask for them. */
static int make_figures(const struct slot_boot *boot)
{
        char text[16384];
        size_t n = 0;
        int r;

        for (unsigned i = 0; i < boot->cpus && n + 128 < sizeof(text); i++)
                n += (size_t)snprintf(text + n, sizeof(text) - n,
                                      "processor\t: %u\nmodel name\t: cpu\ncpu MHz\t\t: 1000.000\n\n", i);
        r = make_text(boot, "/proc/cpuinfo", text);
        n = (size_t)snprintf(text, sizeof(text), "cpu  0 0 0 0 0 0 0 0 0 0\n");
        for (unsigned i = 0; i < boot->cpus && n + 64 < sizeof(text); i++)
                n += (size_t)snprintf(text + n, sizeof(text) - n, "cpu%u 0 0 0 0 0 0 0 0 0 0\n", i);
        snprintf(text + n, sizeof(text) - n,
                 "intr 0\nctxt 0\nbtime 0\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n");
        r = r ? r : make_text(boot, "/proc/stat", text);
        snprintf(text, sizeof(text),
                 "MemTotal:       %8u kB\nMemFree:        %8u kB\nMemAvailable:   %8u kB\nSwapTotal:         "
                 "    0 kB\nSwapFree:              0 kB\n",
                 1048576, 1048576, 1048576);
        r = r ? r : make_text(boot, "/proc/meminfo", text);
        snprintf(text, sizeof(text), boot->cpus > 1 ? "0-%u\n" : "%u\n", boot->cpus - 1);
        r = r ? r : make_text(boot, "/sys/devices/system/cpu/online", text);
        r = r ? r : make_text(boot, "/sys/devices/system/cpu/possible", text);
        return r ? r : make_text(boot, "/sys/devices/system/cpu/present", text);
}

static int make_pid_links(const struct slot_boot *boot)
{
        char path[32], target[32];
        int r = 0;

        for (int pid = 1; r == 0 && pid <= PID_LINKS; pid++) {
                snprintf(path, sizeof(path), "/proc/%d", pid);
                snprintf(target, sizeof(target), "pid/%d", pid);
                r = make_link(boot, path, target);
        }
        return r;
}

/* What keeps interpreters warm; without it none are. */
static int make_library(const struct slot_boot *boot)
{
        char where[PATH_MAX];

        return *boot->library ? copy_file(boot->library, at(boot, WARM_LIBRARY, where)) : 0;
}

static int mount_base(const struct slot_boot *boot)
{
        char options[64];

        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return -errno;
        snprintf(options, sizeof(options), "size=%d,mode=0755", ROOT_BYTES);
        if (mount("box", boot->root, "tmpfs", MS_NOSUID | MS_NOATIME, options) < 0 || chdir(boot->root) < 0)
                return -errno;
        return 0;
}

struct image {
        const struct slot_boot *boot;
        const char *files;
};

static int pivot(void)
{
        if (syscall(SYS_pivot_root, ".", ".") < 0)
                return -errno;
        return umount2(".", MNT_DETACH) < 0 || chdir("/") < 0 ? -errno : 0;
}

static int close_base(void)
{
        return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOATIME, NULL) < 0
                       ? -errno
                       : 0;
}

static int mount_base_step(const void *boot)
{
        return mount_base(boot);
}

static int files_step(const void *boot)
{
        int r = make_files(boot, true);

        r = r ? r : make_library(boot);
        r = r ? r : make_figures(boot);
        return r ? r : make_pid_links(boot);
}

static int image_files_step(const void *context)
{
        const struct image *image = context;
        int r = make_files(image->boot, false);

        r = r ? r : make_library(image->boot);
        r = r ? r : make_figures(image->boot);
        return r ? r : make_pid_links(image->boot);
}

/*
 * Every name here is one of ours: what is relative is in the tmpfs that mount_base() entered, and in the overlay our own
 * folders win over whatever an image has of the same name.
 */
static int image_overlay_step(const void *context)
{
        static const char layer[] = "tmp"; /* its name is all that mountinfo shows of the image's place */
        const struct image *image = context;
        char where[PATH_MAX];
        int r = mount(image->files, layer, NULL, MS_BIND, NULL) < 0 ? -errno : 0;

        r = r ? r : mount_toolchain(image->boot->root, ".", layer);
        if (r == 0 && umount2(layer, MNT_DETACH) < 0)
                r = -errno;
        at(image->boot, "/dev", where);
        if (r == 0 &&
            (mount("dev", where, NULL, MS_BIND, NULL) < 0 ||
             mount(NULL, where, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC | MS_NOATIME,
                   NULL) < 0))
                r = -errno;
        return r == 0 && chdir(image->boot->root) < 0 ? -errno : r;
}

static bool has_something(const char *path)
{
        DIR *dir = *path ? opendir(path) : NULL;
        struct dirent *entry;
        bool has = false;

        while (dir && !has && (entry = readdir(dir)))
                has = entry->d_name[0] != '.';
        if (dir)
                closedir(dir);
        return has;
}

/*
 * Such folders lie where the operator put the data directory, which is nobody's business in a box: the overlay is made over
 * a bind mount, whose relative name is all that it shows in mountinfo.
 */
static int show_folder(const struct slot_boot *boot, const char *folder, const char *path)
{
        static const char layer[] = "tmp";
        char where[PATH_MAX];
        int r = make_folders(boot, path);

        if (r < 0)
                return r;
        if (mount(folder, layer, NULL, MS_BIND, NULL) < 0)
                return -errno;
        r = mount_toolchain(at(boot, path, where), layer, empty_layer);
        if (umount2(layer, MNT_DETACH) < 0 && r == 0)
                r = -errno;
        return r;
}

static int make_packages(const struct slot_boot *boot)
{
        int r;

        if (!has_something(boot->packages))
                return 0;
        r = show_folder(boot, boot->packages, SLOT_PACKAGES);
        r = r ? r : make_folders(boot, "/coderunr");
        return r ? r
                 : make_link(boot, "/coderunr/packages", SLOT_PACKAGES); /* where CodeRunr's were built for */
}

static int make_prepared(const struct slot_boot *boot)
{
        return has_something(boot->prepared) ? show_folder(boot, boot->prepared, SLOT_PREPARED) : 0;
}

static int toolchain_step(const void *boot)
{
        int r = make_trees(boot);

        r = r ? r : make_bins(boot);
        r = r ? r : make_packages(boot);
        return r ? r : make_prepared(boot);
}

static int pivot_step(const void *boot)
{
        int r = pivot();

        (void)boot;
        return r ? r : close_base();
}

static int image_base_step(const void *context)
{
        const struct image *image = context;

        return mount_base(image->boot);
}

/* The overlay is read-only already. */
static int image_pivot_step(const void *image)
{
        (void)image;
        return pivot();
}

int root_build(const struct slot_boot *boot, const char *image, enum step *ret_step)
{
        static const struct step_row image_rows[] = {
                { STEP_SLOT_ROOT, image_base_step },
                { STEP_SLOT_FILES, image_files_step },
                { STEP_SLOT_TOOLCHAIN, image_overlay_step },
                { STEP_SLOT_PIVOT, image_pivot_step },
        };
        static const struct step_row rows[] = {
                { STEP_SLOT_ROOT, mount_base_step },
                { STEP_SLOT_FILES, files_step },
                { STEP_SLOT_TOOLCHAIN, toolchain_step },
                { STEP_SLOT_PIVOT, pivot_step },
        };

        if (image)
                return steps_run(image_rows, ARRAY_LEN(image_rows), &(struct image){ boot, image }, ret_step);
        return steps_run(rows, ARRAY_LEN(rows), boot, ret_step);
}

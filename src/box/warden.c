/*
 * A slot lives and dies with its keeper process: the keeper's mount, network, uts and ipc namespaces are held by nobody else, so
 * they go with it, and its cgroups are emptied here before the slot is made again.
 */
#include "box/warden.h"
#include "box/filter.h"
#include "util/err.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { RANGES = 16, HIGH_FD = 200 };

/* Whoever unlocks a range removes its file: a lock on a file that is no longer there by that name locks nothing. */
static bool is_there(int fd, const char *path)
{
        struct stat held, named;

        return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino;
}

static int lock_range(uint32_t base)
{
        char path[64];
        int fd;

        snprintf(path, sizeof(path), "/run/coderunr-%u.lock", base);
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                int r = -errno;

                close(fd);
                return r;
        }
        if (!is_there(fd, path)) {
                close(fd);
                return -EWOULDBLOCK;
        }
        return fd;
}

static void unlock_range(uint32_t base, int fd)
{
        char path[64];

        snprintf(path, sizeof(path), "/run/coderunr-%u.lock", base);
        (void)unlink(path);
        close(fd);
}

static int take_range(struct warden *warden, struct err *err)
{
        int fd = -EWOULDBLOCK;

        for (uint32_t i = 0; i < RANGES && fd == -EWOULDBLOCK; i++) {
                warden->uid_base = warden->args.uid_base + i * WARDEN_UIDS;
                fd = lock_range(warden->uid_base);
        }
        if (fd == -EWOULDBLOCK)
                return err_set(err, fd,
                               "%d engines hold the uid ranges from %u on; set uid_base to a free one",
                               RANGES, warden->args.uid_base);
        if (fd < 0)
                return err_errno(err, fd, "cannot lock a uid range in /run");
        warden->lock = fd;
        return 0;
}

/* Other ranges may hold what an engine left that was killed; whoever can lock one knows that nobody lives there. */
static void sweep_other_ranges(const struct warden *warden)
{
        char name[16];

        for (uint32_t i = 0; i < RANGES; i++) {
                uint32_t base = warden->args.uid_base + i * WARDEN_UIDS;
                int fd = base == warden->uid_base ? -1 : lock_range(base);

                if (fd < 0)
                        continue;
                snprintf(name, sizeof(name), "%u", base);
                cgroups_sweep(name, warden->args.cgroup_parent);
                unlock_range(base, fd);
        }
}

/* "a,b" as words with a NUL after each and an empty one at the end. */
static int copy_directories(struct slot_boot *boot, const char *list, struct err *err)
{
        size_t at = 0;

        for (const char *p = list ? list : ""; *p;) {
                size_t n = strcspn(p, ",");

                if (at + n + 2 > sizeof(boot->directories))
                        return err_set(err, -E2BIG, "extra_directories is longer than %zu bytes",
                                       sizeof(boot->directories));
                if (n > 0 && p[0] != '/')
                        return err_set(err, -EINVAL, "extra_directories: '%.*s' is not an absolute path",
                                       (int)n, p);
                memcpy(boot->directories + at, p, n);
                at += n > 0 ? n + 1 : 0;
                p += n + (p[n] == ',');
        }
        return 0;
}

/* Without the library there is nothing to keep warm, and nothing else is lost. */
static int fill_warm(const struct warden_args *args, struct slot_boot *boot, struct err *err)
{
        if (!args->library || args->n_warm == 0 || access(args->library, R_OK) < 0)
                return 0;
        if (strlen(args->library) >= sizeof(boot->library))
                return err_set(err, -ENAMETOOLONG, "the path %s is longer than %zu bytes", args->library,
                               sizeof(boot->library) - 1);
        must(args->n_warm <= SLOT_WARM_MAX);
        snprintf(boot->library, sizeof(boot->library), "%s", args->library);
        memcpy(boot->warm, args->warm, args->n_warm * sizeof(*args->warm));
        boot->n_warm = (uint32_t)args->n_warm;
        boot->warm_idle_ms = args->warm_idle_ms;
        return 0;
}

static int fill_boot(struct warden *warden, struct err *err)
{
        struct slot_boot *boot = warden->boot = calloc(1, sizeof(*boot));
        int r;

        must(boot);
        if (strlen(warden->args.root) >= sizeof(boot->root))
                return err_set(err, -ENAMETOOLONG, "the data directory's path is longer than %zu bytes",
                               sizeof(boot->root) - 8);
        snprintf(boot->root, sizeof(boot->root), "%s", warden->args.root);
        if (warden->args.packages && strlen(warden->args.packages) >= sizeof(boot->packages))
                return err_set(err, -ENAMETOOLONG, "the data directory's path is longer than %zu bytes",
                               sizeof(boot->packages) - 16);
        snprintf(boot->packages, sizeof(boot->packages), "%s",
                 warden->args.packages ? warden->args.packages : "");
        if (warden->args.prepared && strlen(warden->args.prepared) < sizeof(boot->prepared))
                snprintf(boot->prepared, sizeof(boot->prepared), "%s", warden->args.prepared);
        boot->magic = SLOT_MAGIC;
        must(warden->args.n_images <= SLOT_IMAGES_MAX);
        for (size_t i = 0; i < warden->args.n_images; i++)
                if ((size_t)snprintf(boot->images[i], SLOT_IMAGE_PATH_MAX, "%s", warden->args.images[i]) >=
                    SLOT_IMAGE_PATH_MAX)
                        return err_set(err, -ENAMETOOLONG, "the path of the image %s is too long",
                                       warden->args.images[i]);
        boot->n_images = (uint32_t)warden->args.n_images;
        boot->cpus = (uint32_t)MAX(sysconf(_SC_NPROCESSORS_ONLN), 1L);
        boot->disk_bytes = warden->args.disk_bytes;
        boot->inodes = warden->args.inodes;
        for (int i = 0; i < CONTROLLER_COUNT; i++)
                boot->controller_v2[i] = warden->cgroups.v2[i];
        r = fill_warm(&warden->args, boot, err);
        return r ? r : copy_directories(boot, warden->args.directories, err);
}

int warden_open(struct warden *warden, const struct warden_args *args, struct err *err)
{
        char name[16];
        int r;

        *warden = (struct warden){ .args = *args, .lock = -1 };
        /* what a killed keeper leaves must be reaped by somebody: pid 1 of a container often does not */
        if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
                return err_errno(err, -errno, "subreaper");
        must(args->n_slots > 0 && args->n_slots <= WARDEN_SLOTS_MAX);
        if (access(args->keeper, X_OK) < 0)
                return err_errno(err, -errno, "the keeper program %s cannot be run; reinstall coderunr",
                                 args->keeper);
        r = take_range(warden, err);
        if (r < 0)
                return r;
        sweep_other_ranges(warden);
        snprintf(name, sizeof(name), "%u", warden->uid_base);
        r = cgroups_open(&warden->cgroups, name, args->cgroup_parent, err);
        r = r ? r : fill_boot(warden, err);
        r = r ? r : filter_build(warden->boot, err);
        warden->keepers = calloc(args->n_slots, sizeof(*warden->keepers));
        must(warden->keepers);
        if (r < 0)
                warden_close(warden);
        return r;
}

static int make_boot_fd(const struct warden *warden, uint32_t slot, const int fds[ACCOUNT_FD_COUNT])
{
        struct slot_boot boot = *warden->boot;
        int fd = memfd_create("slot", MFD_CLOEXEC);

        if (fd < 0)
                return -errno;
        boot.index = slot;
        boot.slot_uid = warden->uid_base + WARDEN_UID_SLOT + slot;
        boot.init_uid = warden->uid_base + WARDEN_UID_INIT + slot;
        for (int i = 0; i < ACCOUNT_FD_COUNT; i++)
                boot.account_mask |= fds[i] >= 0 ? 1u << i : 0;
        if (write(fd, &boot, sizeof(boot)) != (ssize_t)sizeof(boot)) {
                close(fd);
                return -EIO;
        }
        return fd;
}

/* Put the descriptors where slot.h says; by way of high numbers, since the targets may be in use. */
static int place_fds(int boot, int socket, const int account[ACCOUNT_FD_COUNT])
{
        int wanted[SLOT_FD_ACCOUNT + ACCOUNT_FD_COUNT];
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
                wanted[i] = null;
        wanted[STDERR_FILENO] = STDERR_FILENO;
        wanted[SLOT_FD_BOOT] = boot;
        wanted[SLOT_FD_SOCKET] = socket;
        for (int i = 0; i < ACCOUNT_FD_COUNT; i++)
                wanted[SLOT_FD_ACCOUNT + i] = account[i];
        for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
                if (wanted[i] >= 0 && (wanted[i] = fcntl(wanted[i], F_DUPFD_CLOEXEC, HIGH_FD)) < 0)
                        return -errno;
        for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
                close((int)i);
                if (wanted[i] >= 0 && dup2(wanted[i], (int)i) < 0)
                        return -errno;
        }
        return close_range(ARRAY_LEN(wanted), ~0u, 0) < 0 ? -errno : 0;
}

NORETURN static void become_keeper(const struct warden *warden, uint32_t slot, int boot, int socket,
                                   const int account[ACCOUNT_FD_COUNT])
{
        char name[16];
        char *const argv[] = { "coderunr-keeper", name, NULL };
        char *const env[] = { NULL };
        sigset_t none;

        snprintf(name, sizeof(name), "slot%u", slot);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        umask(0);
        if (cgroups_slot_enter(&warden->cgroups, slot) == 0 && place_fds(boot, socket, account) == 0)
                execve(warden->args.keeper, argv, env);
        _exit(127);
}

int warden_slot_start(struct warden *warden, uint32_t slot, int *ret_socket, struct err *err)
{
        int account[ACCOUNT_FD_COUNT], pair[2], boot, r;
        pid_t pid;

        r = cgroups_slot_open(&warden->cgroups, slot, account, err);
        boot = r < 0 ? -1 : make_boot_fd(warden, slot, account);
        if (r == 0 && boot < 0)
                r = err_errno(err, boot, "boot data of slot %u", slot);
        if (r == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                r = err_errno(err, -errno, "socket of slot %u", slot);
        if (r == 0) {
                pid = fork();
                if (pid == 0)
                        become_keeper(warden, slot, boot, pair[1], account);
                if (pid < 0)
                        r = err_errno(err, -errno, "cannot fork the keeper of slot %u", slot);
                else
                        warden->keepers[slot] = pid;
                close(pair[1]);
                if (pid < 0)
                        close(pair[0]);
                else
                        *ret_socket = pair[0];
        }
        close_fd(&boot);
        for (int i = 0; i < ACCOUNT_FD_COUNT; i++)
                close_fd(&account[i]);
        return r;
}

int warden_reaped(struct warden *warden, pid_t pid)
{
        for (uint32_t i = 0; i < warden->args.n_slots; i++)
                if (warden->keepers[i] == pid) {
                        warden->keepers[i] = 0;
                        (void)cgroups_slot_clear(&warden->cgroups, i);
                        return (int)i;
                }
        return -1;
}

void warden_close(struct warden *warden)
{
        for (uint32_t i = 0; warden->keepers && i < warden->args.n_slots; i++)
                if (warden->keepers[i] > 0) {
                        (void)kill(warden->keepers[i], SIGKILL);
                        (void)waitpid(warden->keepers[i], NULL, 0);
                }
        cgroups_close(&warden->cgroups);
        while (waitpid(-1, NULL, WNOHANG) > 0)
                ;
        free(warden->keepers);
        free(warden->boot);
        if (warden->lock > 0)
                unlock_range(warden->uid_base, warden->lock);
        *warden = (struct warden){ .lock = -1 };
}

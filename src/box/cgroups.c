/*
 * Kernel facts used here:
 *   a v1 group accepts processes and children together; on v2 a group that hands controllers to its children must hold
 *   no process (the root excepted), so the engine steps down into a leaf of its own first;
 *   rmdir answers EBUSY until the last zombie is reaped, hence the retries;
 *   writing a pid to a v1 cgroup.procs can take 10 ms (an RCU grace period), so it is done once per keeper, at start.
 */
#include "box/cgroups.h"
#include "box/hierarchy.h"
#include "util/err.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>

enum {
        TRIES = 100,
        TRY_NS = 10000000,
        GROUP_MODE = 0755,
        SOCKET_BYTES = 16 * 1024 * 1024, /* what may lie in TCP and UDP buffers of one box */
};

static int write_text(const char *folder, const char *file, const char *text)
{
        char path[PATH_MAX];
        CLEANUP(close_fd) int fd = -1;

        snprintf(path, sizeof(path), "%s/%s", folder, file);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, text, strlen(text)) < 0)
                return -errno;
        return 0;
}

/* SIGKILL to every process of a group; the number found. */
static int kill_members(const char *folder)
{
        char path[PATH_MAX];
        FILE *file;
        int pid, n = 0;

        snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
        file = fopen(path, "re");
        while (file && fscanf(file, "%d", &pid) == 1)
                if (pid > 0 && pid != getpid()) {
                        (void)kill(pid, SIGKILL);
                        n++;
                }
        if (file)
                fclose(file);
        return n;
}

/* @act for every group below @folder, the innermost first, then for @folder; the sum of what it returned. */
static int walk(const char *folder, int (*act)(const char *folder))
{
        char inner[PATH_MAX];
        struct dirent *entry;
        DIR *dir = opendir(folder);
        int n = 0;

        while (dir && (entry = readdir(dir)))
                if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
                    (size_t)snprintf(inner, sizeof(inner), "%s/%s", folder, entry->d_name) < sizeof(inner))
                        n += walk(inner, act);
        if (dir)
                closedir(dir);
        return n + act(folder);
}

static int kill_tree(const char *folder)
{
        return walk(folder, kill_members);
}

static void remove_tree(const char *folder)
{
        (void)walk(folder, rmdir); /* a group still in use stays, and is tried again by who called */
}

static void pause_a_little(void)
{
        nanosleep(&(struct timespec){ .tv_nsec = TRY_NS }, NULL);
}

static void sweep(const char *folder)
{
        for (int i = 0; i < TRIES && access(folder, F_OK) == 0; i++) {
                if (kill_tree(folder) == 0)
                        remove_tree(folder);
                if (access(folder, F_OK) == 0)
                        pause_a_little();
        }
}

static int make_group(const char *folder, struct err *err)
{
        sweep(folder);
        if (mkdir(folder, GROUP_MODE) < 0 && errno != EEXIST)
                return err_errno(err, -errno, "cannot make the cgroup %s", folder);
        return 0;
}

/* The group of one v1 controller; the same string for controllers mounted together. */
static int add_v1(struct cgroups *cgroups, const struct hierarchy *place, const char *name, char **ret_folder,
                  struct err *err)
{
        char folder[PATH_MAX];

        if ((size_t)snprintf(folder, sizeof(folder), "%s/coderunr-%s", place->path, name) >= sizeof(folder))
                return err_set(err, -ENAMETOOLONG, "the cgroup path %.100s... is too long", place->path);
        for (size_t i = 0; i < cgroups->n_v1; i++)
                if (streq(cgroups->v1[i], folder)) {
                        *ret_folder = cgroups->v1[i];
                        return 0;
                }
        *ret_folder = cgroups->v1[cgroups->n_v1++] = strdup(folder);
        must(*ret_folder);
        return make_group(folder, err);
}

/*
 * "+memory", "+pids", "+cpu" into a v2 group's subtree_control, one by one so that the failing one is named.  CPU is
 * asked for fair shares between slots only: its counter is in every v2 group, so nothing is lost without it.
 */
static int hand_down(const struct cgroups *cgroups, const char *folder, bool ret_new[CONTROLLER_COUNT],
                     struct err *err)
{
        static const char *const words[CONTROLLER_COUNT] = { "+memory", "+pids", "+cpu" };

        for (int i = 0; i < CONTROLLER_COUNT; i++) {
                int r;

                if (!cgroups->v2[i] || hierarchy_lists(folder, "cgroup.subtree_control", words[i] + 1))
                        continue;
                r = write_text(folder, "cgroup.subtree_control", words[i]);
                if (r < 0 && i != CONTROLLER_CPU)
                        return err_errno(err, r,
                                         "cannot enable the %s controller below %s; start coderunr as a "
                                         "service with Delegate=yes, or name another group: cgroup_parent",
                                         words[i] + 1, folder);
                ret_new[i] = r == 0;
        }
        return 0;
}

static int open_v2(struct cgroups *cgroups, const struct hierarchy *parent, const char *name, struct err *err)
{
        char folder[PATH_MAX + 64], leaf[PATH_MAX + 80];
        bool unused[CONTROLLER_COUNT];
        struct hierarchy mine;
        int r;

        snprintf(folder, sizeof(folder), "%s/coderunr-%s", parent->path, name);
        cgroups->unified = strdup(folder);
        must(cgroups->unified);
        r = make_group(folder, err);
        snprintf(leaf, sizeof(leaf), "%s/engine", folder);
        r = r ? r : make_group(leaf, err);
        if (r == 0 && !hierarchy_is_root(parent) && hierarchy_find(NULL, NULL, NULL, &mine) &&
            streq(mine.path, parent->path)) {
                r = write_text(leaf, "cgroup.procs", "0");
                cgroups->stepped = r == 0;
                if (r < 0)
                        return err_errno(err, r, "cannot step into %s", leaf);
        }
        r = r ? r : hand_down(cgroups, parent->path, cgroups->lent, err);
        return r ? r : hand_down(cgroups, folder, unused, err);
}

int cgroups_open(struct cgroups *cgroups, const char *name, const char *parent, struct err *err)
{
        static const char *const v1_names[CONTROLLER_COUNT] = { "memory", "pids", "cpuacct" };
        static const char *const v2_names[CONTROLLER_COUNT] = { "memory", "pids", NULL };
        char **folders[CONTROLLER_COUNT] = { &cgroups->memory, &cgroups->pids, &cgroups->cpuacct };
        struct hierarchy place, unified = { 0 };
        int r = 0;

        *cgroups = (struct cgroups){ 0 };
        for (int i = 0; r == 0 && i < CONTROLLER_COUNT; i++) {
                if (!hierarchy_find(v1_names[i], v2_names[i], parent, &place))
                        return err_set(
                                err, -ENOTSUP,
                                "no mounted cgroup hierarchy offers the %s controller; mount cgroup2 on "
                                "/sys/fs/cgroup, or enable it on the kernel command line (cgroup_enable=%s)",
                                v1_names[i], v1_names[i]);
                if (place.version == 1)
                        r = add_v1(cgroups, &place, name, folders[i], err);
                else {
                        cgroups->v2[i] = cgroups->any_v2 = true;
                        unified = place;
                }
        }
        /* v1 cpu only for shares between slots and of boxes: without it nothing is lost but that */
        if (r == 0 && !cgroups->v2[CONTROLLER_CPU] && hierarchy_find("cpu", NULL, NULL, &place) &&
            place.version == 1)
                r = add_v1(cgroups, &place, name, &cgroups->cpu, err);
        if (r == 0 && cgroups->any_v2)
                r = open_v2(cgroups, &unified, name, err);
        if (r < 0)
                cgroups_close(cgroups);
        return r;
}

void cgroups_sweep(const char *name, const char *parent)
{
        static const char *const controllers[] = { "memory", "pids", "cpuacct", "cpu", NULL };
        char folder[PATH_MAX + 64];
        struct hierarchy place;

        for (size_t i = 0; i < ARRAY_LEN(controllers); i++) {
                if (!hierarchy_find(controllers[i], NULL, parent, &place))
                        continue;
                snprintf(folder, sizeof(folder), "%s/coderunr-%s", place.path, name);
                remove_tree(folder);
        }
}

static int open_file(const char *folder, uint32_t slot, const char *file, int flags)
{
        char path[PATH_MAX];

        if (!folder)
                return -1;
        snprintf(path, sizeof(path), "%s/slot%u/%s", folder, slot, file);
        return open(path, flags | O_CLOEXEC);
}

/* v1 files by descriptor number; those without `optional` must be there when their controller is on v1. */
static const struct {
        enum account_fd fd;
        int controller;
        const char *file;
        int flags;
        bool optional;
} v1_files[] = {
        { ACCOUNT_MEMORY_LIMIT, CONTROLLER_MEMORY, "memory.limit_in_bytes", O_WRONLY, false },
        { ACCOUNT_MEMORY_SWAP, CONTROLLER_MEMORY, "memory.memsw.limit_in_bytes", O_WRONLY, true },
        { ACCOUNT_MEMORY_USAGE, CONTROLLER_MEMORY, "memory.usage_in_bytes", O_RDONLY, false },
        { ACCOUNT_MEMORY_KERNEL, CONTROLLER_MEMORY, "memory.kmem.usage_in_bytes", O_RDONLY, true },
        { ACCOUNT_MEMORY_PEAK, CONTROLLER_MEMORY, "memory.max_usage_in_bytes", O_RDWR, false },
        { ACCOUNT_MEMORY_OOM, CONTROLLER_MEMORY, "memory.oom_control", O_RDONLY, false },
        { ACCOUNT_PIDS_MAX, CONTROLLER_PIDS, "pids.max", O_WRONLY, false },
        { ACCOUNT_PIDS_EVENTS, CONTROLLER_PIDS, "pids.events", O_RDONLY, true },
        { ACCOUNT_CPU_USAGE, CONTROLLER_CPU, "cpuacct.usage", O_RDONLY, false },
};

/*
 * KERNEL: v1 counts what lies in TCP and UDP buffers apart from all other memory, and not at all until it has a limit;
 * without one a program keeps gigabytes in sockets nobody reads.  v2 charges it to memory.max.
 */
static int bound_sockets(const struct cgroups *cgroups, uint32_t slot, struct err *err)
{
        char folder[PATH_MAX], text[24];
        int r;

        if (!cgroups->memory)
                return 0;
        snprintf(folder, sizeof(folder), "%s/slot%u", cgroups->memory, slot);
        snprintf(text, sizeof(text), "%d", SOCKET_BYTES);
        r = write_text(folder, "memory.kmem.tcp.limit_in_bytes", text);
        return r < 0 ? err_errno(err, r, "cannot limit the memory of sockets in %s", folder) : 0;
}

static int make_slot_groups(const struct cgroups *cgroups, uint32_t slot, struct err *err)
{
        bool unused[CONTROLLER_COUNT];
        char folder[PATH_MAX];
        int r = 0;

        for (size_t i = 0; r == 0 && i < cgroups->n_v1; i++) {
                snprintf(folder, sizeof(folder), "%s/slot%u", cgroups->v1[i], slot);
                if (mkdir(folder, GROUP_MODE) < 0 && errno != EEXIST)
                        r = err_errno(err, -errno, "cannot make the cgroup %s", folder);
        }
        if (r == 0 && cgroups->any_v2) {
                snprintf(folder, sizeof(folder), "%s/slot%u", cgroups->unified, slot);
                if (mkdir(folder, GROUP_MODE) < 0 && errno != EEXIST)
                        r = err_errno(err, -errno, "cannot make the cgroup %s", folder);
                r = r ? r : hand_down(cgroups, folder, unused, err);
        }
        return r;
}

/* KERNEL: v1 kills one process of the group, not the group; whoever waits for that one must be ended by us. */
static int watch_memory(const char *folder, uint32_t slot, int oom_control, struct err *err)
{
        CLEANUP(close_fd) int control = open_file(folder, slot, "cgroup.event_control", O_WRONLY);
        CLEANUP(close_fd) int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        char text[32];
        int n = snprintf(text, sizeof(text), "%d %d", event, oom_control);

        if (control < 0 || event < 0 || write(control, text, (size_t)n) != n)
                return err_errno(err, -errno, "cannot watch %s/slot%u for lack of memory", folder, slot);
        return TAKE_FD(event);
}

/* The period is the same for all boxes; where it cannot be set there is no quota. */
static int open_quota(const struct cgroups *cgroups, uint32_t slot)
{
        char folder[PATH_MAX], text[24];

        if (!cgroups->cpu)
                return -1;
        snprintf(folder, sizeof(folder), "%s/slot%u", cgroups->cpu, slot);
        snprintf(text, sizeof(text), "%d", SLOT_CPU_PERIOD_US);
        if (write_text(folder, "cpu.cfs_period_us", text) < 0)
                return -1;
        return open_file(cgroups->cpu, slot, "cpu.cfs_quota_us", O_WRONLY);
}

int cgroups_slot_open(const struct cgroups *cgroups, uint32_t slot, int ret_fds[ACCOUNT_FD_COUNT],
                      struct err *err)
{
        const char *const folders[CONTROLLER_COUNT] = { cgroups->memory, cgroups->pids, cgroups->cpuacct };
        int r;

        for (int i = 0; i < ACCOUNT_FD_COUNT; i++)
                ret_fds[i] = -1;
        r = make_slot_groups(cgroups, slot, err);
        r = r ? r : bound_sockets(cgroups, slot, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ARRAY_LEN(v1_files); i++) {
                const char *folder = folders[v1_files[i].controller];
                int *fd = &ret_fds[v1_files[i].fd];

                *fd = open_file(folder, slot, v1_files[i].file, v1_files[i].flags);
                if (*fd < 0 && folder && !v1_files[i].optional)
                        return err_errno(err, -errno, "cannot open %s/slot%u/%s", folder, slot,
                                         v1_files[i].file);
        }
        ret_fds[ACCOUNT_CPU_QUOTA] = open_quota(cgroups, slot);
        if (cgroups->memory) {
                ret_fds[ACCOUNT_MEMORY_EVENT] =
                        watch_memory(cgroups->memory, slot, ret_fds[ACCOUNT_MEMORY_OOM], err);
                if (ret_fds[ACCOUNT_MEMORY_EVENT] < 0)
                        return ret_fds[ACCOUNT_MEMORY_EVENT];
        }
        if (cgroups->any_v2) {
                ret_fds[ACCOUNT_V2] = open_file(cgroups->unified, slot, ".", O_RDONLY | O_DIRECTORY);
                if (ret_fds[ACCOUNT_V2] < 0)
                        return err_errno(err, -errno, "cannot open %s/slot%u", cgroups->unified, slot);
        }
        return 0;
}

int cgroups_slot_enter(const struct cgroups *cgroups, uint32_t slot)
{
        char folder[PATH_MAX];
        int r = 0;

        for (size_t i = 0; r == 0 && i < cgroups->n_v1; i++) {
                snprintf(folder, sizeof(folder), "%s/slot%u", cgroups->v1[i], slot);
                r = write_text(folder, "cgroup.procs", "0");
        }
        return r;
}

bool cgroups_slot_clear(const struct cgroups *cgroups, uint32_t slot)
{
        char folder[PATH_MAX];

        for (int i = 0; i < TRIES; i++) {
                int n = 0;

                for (size_t k = 0; k < cgroups->n_v1; k++) {
                        snprintf(folder, sizeof(folder), "%s/slot%u", cgroups->v1[k], slot);
                        n += kill_tree(folder);
                }
                if (cgroups->any_v2) {
                        snprintf(folder, sizeof(folder), "%s/slot%u", cgroups->unified, slot);
                        n += kill_tree(folder);
                }
                if (n == 0)
                        return true;
                pause_a_little();
        }
        return false;
}

static void take_back(const char *folder, const bool which[CONTROLLER_COUNT])
{
        static const char *const words[CONTROLLER_COUNT] = { "-memory", "-pids", "-cpu" };

        for (int i = 0; i < CONTROLLER_COUNT; i++)
                if (which[i])
                        (void)write_text(folder, "cgroup.subtree_control", words[i]);
}

/*
 * Leave the group we were started in as it was, the other way round than open_v2().  KERNEL: a controller cannot be taken
 * from a group whose children hand it on, and no process moves into a group that hands one on.
 */
static void close_v2(struct cgroups *cgroups)
{
        char *slash = strrchr(cgroups->unified, '/');

        for (int i = 0; i < TRIES && kill_tree(cgroups->unified) > 0; i++)
                pause_a_little();
        remove_tree(cgroups->unified); /* all but the leaf we may be in */
        take_back(cgroups->unified, cgroups->v2);
        *slash = '\0';
        take_back(cgroups->unified, cgroups->lent);
        if (cgroups->stepped)
                (void)write_text(cgroups->unified, "cgroup.procs", "0");
        *slash = '/';
        sweep(cgroups->unified);
}

void cgroups_close(struct cgroups *cgroups)
{
        for (size_t i = 0; i < cgroups->n_v1; i++) {
                sweep(cgroups->v1[i]);
                free(cgroups->v1[i]);
        }
        if (cgroups->unified) {
                close_v2(cgroups);
                free(cgroups->unified);
        }
        *cgroups = (struct cgroups){ 0 };
}

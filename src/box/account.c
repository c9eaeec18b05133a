/*
 * Kernel facts used here:
 *   v1 memory: limit <= memsw must hold at every moment;
 *   memory.max_usage_in_bytes is reset by any write; memory.oom_control has `oom_kill N` since 4.13.
 *   v2: memory.peak and pids.peak since 5.19 and 6.1; memory.oom.group since 4.19.
 *   v1 cpu.cfs_quota_us: -1 is no bound, else at least 1 ms; EINVAL where a group above has less, which holds then.
 *   What a box's kernel objects took (pipes, sockets, System V messages) is given back by kernel threads, some time after
 *   its last process is gone; until then it is charged to the v1 group, and cannot be reclaimed.
 *   Page cache that an earlier job of the slot read stays charged to the v1 group; it can be reclaimed, so the limit
 *   does not count it, and the peak is told as the growth over what was charged at the order.
 */
#include "box/account.h"
#include "box/steps.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
        OVERHEAD_DEFAULT =
                768 * 1024, /* keeper, init and the kernel's side of an empty box; measured 0.4-0.7 MiB */
        OVERHEAD_MOST = 4 * 1024 * 1024, /* more than that is page cache, which can be reclaimed */
        HELPERS_V1 = 2,                  /* keeper and init live in the slot's v1 groups */
        HELPERS_V2 = 1,                  /* init */
        GROUP_MODE = 0755,
        RELAXED_PROCESSES = 1024,
        BOX_ROOM = 4 * 1024 * 1024, /* more than making a box takes */
        KERNEL_ROOM = 4 * 1024 * 1024,
        SETTLE_MS = 500,
};

#define RELAXED_BYTES (2 * GIB)

static const char box_group[] = "box";

void account_init(struct account *account, const struct slot_boot *boot)
{
        *account = (struct account){ .box = -1 };
        for (int i = 0; i < ACCOUNT_FD_COUNT; i++)
                account->fd[i] = boot->account_mask & (1u << i) ? SLOT_FD_ACCOUNT + i : -1;
        for (int i = 0; i < CONTROLLER_COUNT; i++)
                account->v2[i] = boot->controller_v2[i];
        account->cpu_share = UINT32_MAX;
}

static ssize_t read_text(int fd, char *text, size_t room)
{
        ssize_t n = pread(fd, text, room - 1, 0);

        text[n < 0 ? 0 : n] = '\0';
        return n;
}

static uint64_t parse_number(const char *text)
{
        uint64_t value = 0;

        for (; *text >= '0' && *text <= '9'; text++)
                value = value * 10 + (uint64_t)(*text - '0');
        return value;
}

static uint64_t read_number(int fd)
{
        char text[32];

        return fd >= 0 && read_text(fd, text, sizeof(text)) > 0 ? parse_number(text) : 0;
}

/* The number behind @key in a file of `key number` lines. */
static uint64_t read_keyed(int fd, const char *key)
{
        char text[1024];
        size_t n = strlen(key);

        if (fd < 0 || read_text(fd, text, sizeof(text)) <= 0)
                return 0;
        for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
                if (strncmp(line, key, n) == 0 && line[n] == ' ')
                        return parse_number(line + n + 1);
        return 0;
}

static int write_number(int fd, uint64_t value)
{
        char text[24];
        int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);

        return pwrite(fd, text, (size_t)n, 0) == n ? 0 : -errno;
}

/* One file of the box's own v2 group. */
static int open_v2(const struct account *account, const char *name, int flags)
{
        return openat(account->box, name, flags | O_CLOEXEC);
}

static uint64_t v2_number(const struct account *account, const char *name)
{
        CLEANUP(close_fd) int fd = open_v2(account, name, O_RDONLY);

        return read_number(fd);
}

static uint64_t v2_keyed(const struct account *account, const char *name, const char *key)
{
        CLEANUP(close_fd) int fd = open_v2(account, name, O_RDONLY);

        return read_keyed(fd, key);
}

static int v2_write(const struct account *account, const char *name, uint64_t value)
{
        CLEANUP(close_fd) int fd = open_v2(account, name, O_WRONLY);

        return fd < 0 ? -errno : write_number(fd, value);
}

static bool any_v2(const struct account *account)
{
        return account->v2[CONTROLLER_MEMORY] || account->v2[CONTROLLER_PIDS] || account->v2[CONTROLLER_CPU];
}

/* What an earlier keeper of the slot left is unknown, so memsw goes out of the way first. */
static int lift_swap_limit(int fd)
{
        return pwrite(fd, "-1", 2, 0) == 2 ? 0 : -errno;
}

static int limit_memory_v1(struct account *account, uint64_t limit)
{
        int swap = account->fd[ACCOUNT_MEMORY_SWAP], plain = account->fd[ACCOUNT_MEMORY_LIMIT];
        int r = 0;

        if (swap >= 0 && (account->memory_limit == 0 || limit > account->memory_limit))
                r = lift_swap_limit(swap);
        r = r ? r : write_number(plain, limit);
        return r == 0 && swap >= 0 ? write_number(swap, limit) : r;
}

static int limit_memory_v2(struct account *account, uint64_t limit)
{
        int r = v2_write(account, "memory.max", limit);

        if (r == 0 && faccessat(account->box, "memory.swap.max", F_OK, 0) == 0)
                r = v2_write(account, "memory.swap.max", 0);
        if (r == 0)
                r = v2_write(account, "memory.oom.group", 1);
        return r;
}

static int limit_memory(struct account *account, uint64_t bytes)
{
        uint64_t limit =
                bytes + (account->v2[CONTROLLER_MEMORY] ? (uint64_t)OVERHEAD_DEFAULT
                                                        : account->overhead_bytes + account->zygote_bytes);
        int r;

        if (limit == account->memory_limit)
                return 0;
        r = account->v2[CONTROLLER_MEMORY] ? limit_memory_v2(account, limit)
                                           : limit_memory_v1(account, limit);
        account->memory_limit = r == 0 ? limit : 0;
        return r;
}

static int limit_pids(struct account *account, uint64_t processes)
{
        bool v2 = account->v2[CONTROLLER_PIDS];
        uint64_t limit = processes + (v2 ? HELPERS_V2 : HELPERS_V1 + account->zygotes);
        int r;

        if (limit == account->pids_limit)
                return 0;
        r = v2 ? v2_write(account, "pids.max", limit) : write_number(account->fd[ACCOUNT_PIDS_MAX], limit);
        account->pids_limit = r == 0 ? limit : 0;
        return r;
}

static int share_v2(const struct account *account, uint32_t percent)
{
        CLEANUP(close_fd) int fd = open_v2(account, "cpu.max", O_WRONLY);
        char text[32] = "max";
        int n = 3;

        if (percent > 0)
                n = snprintf(text, sizeof(text), "%u %d", percent * (SLOT_CPU_PERIOD_US / 100),
                             SLOT_CPU_PERIOD_US);
        return fd < 0 ? -errno : pwrite(fd, text, (size_t)n, 0) == n ? 0 : -errno;
}

static int share_v1(int fd, uint32_t percent)
{
        int r = percent > 0 ? write_number(fd, percent * (uint64_t)(SLOT_CPU_PERIOD_US / 100))
                            : (pwrite(fd, "-1", 2, 0) == 2 ? 0 : -errno);

        return r == -EINVAL ? 0 : r;
}

int account_share(struct account *account, uint32_t percent)
{
        bool v2 = account->v2[CONTROLLER_CPU];
        int r;

        if (percent == account->cpu_share || (v2 ? account->box < 0 : account->fd[ACCOUNT_CPU_QUOTA] < 0))
                return 0;
        r = v2 ? share_v2(account, percent) : share_v1(account->fd[ACCOUNT_CPU_QUOTA], percent);
        account->cpu_share = r == 0 ? percent : UINT32_MAX;
        /* KERNEL: without CONFIG_CFS_BANDWIDTH there is no such file, and CPU time is bounded by the looks only */
        return v2 && r == -ENOENT ? 0 : r;
}

int account_relax(struct account *account)
{
        int r = account->v2[CONTROLLER_MEMORY] ? 0 : limit_memory(account, RELAXED_BYTES);

        return r || account->v2[CONTROLLER_PIDS] ? r : limit_pids(account, RELAXED_PROCESSES);
}

int account_confine(struct account *account, uint64_t memory_bytes, uint64_t processes)
{
        int r = limit_memory(account, memory_bytes);

        return r ? r : limit_pids(account, processes);
}

static uint64_t kernel_bytes(const struct account *account)
{
        return read_number(account->fd[ACCOUNT_MEMORY_KERNEL]);
}

/*
 * Wait for what the last box left in the kernel, lest the next program have less memory than its limit.  What is still there
 * after some time are caches, and counts as the slot's own from then on.
 */
static void settle(struct account *account)
{
        uint64_t bytes = kernel_bytes(account);

        if (account->kernel_bytes == 0)
                account->kernel_bytes = bytes;
        for (int ms = 0; ms < SETTLE_MS && bytes > account->kernel_bytes + KERNEL_ROOM; ms++) {
                (void)poll(NULL, 0, 1);
                bytes = kernel_bytes(account);
        }
        if (bytes > account->kernel_bytes + KERNEL_ROOM)
                account->kernel_bytes = bytes;
}

static int prepare_v1(struct account *account)
{
        uint64_t usage = read_number(account->fd[ACCOUNT_MEMORY_USAGE]);

        /* Where the last box's page cache is still charged, more than the empty slot is in use. */
        if (account->overhead_bytes == 0)
                account->overhead_bytes =
                        MIN(MAX(usage, (uint64_t)OVERHEAD_DEFAULT), (uint64_t)OVERHEAD_MOST);
        if (usage > KERNEL_ROOM || account->kernel_bytes == 0)
                settle(account);
        /* the last program's limit is still there, and the next box would be what is killed for its memory */
        return account->memory_limit > 0 && usage + BOX_ROOM > account->memory_limit ? account_relax(account)
                                                                                     : 0;
}

int account_prepare(struct account *account, int *ret_group)
{
        int r = account->v2[CONTROLLER_MEMORY] ? 0 : prepare_v1(account);

        *ret_group = -1;
        if (r < 0 || !any_v2(account))
                return r;
        if (mkdirat(account->fd[ACCOUNT_V2], box_group, GROUP_MODE) < 0 && errno != EEXIST)
                return -errno;
        account->box = openat(account->fd[ACCOUNT_V2], box_group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (account->box < 0)
                return -errno;
        account->memory_limit = account->pids_limit = 0;
        account->cpu_share = account->v2[CONTROLLER_CPU] ? 0 : account->cpu_share;
        *ret_group = account->box;
        return 0;
}

uint64_t account_charged(const struct account *account)
{
        return account->v2[CONTROLLER_MEMORY] ? 0 : read_number(account->fd[ACCOUNT_MEMORY_USAGE]);
}

static uint64_t oom_kills(const struct account *account)
{
        return account->v2[CONTROLLER_MEMORY] ? v2_keyed(account, "memory.events", "oom_kill")
                                              : read_keyed(account->fd[ACCOUNT_MEMORY_OOM], "oom_kill");
}

int account_memory_event(const struct account *account)
{
        return account->fd[ACCOUNT_MEMORY_EVENT];
}

bool account_memory_killed(const struct account *account)
{
        uint64_t times;

        (void)!read(account->fd[ACCOUNT_MEMORY_EVENT], &times, sizeof(times));
        return oom_kills(account) > account->oom_base;
}

static uint64_t fork_failures(const struct account *account)
{
        return account->v2[CONTROLLER_PIDS] ? v2_keyed(account, "pids.events", "max")
                                            : read_keyed(account->fd[ACCOUNT_PIDS_EVENTS], "max");
}

static uint64_t cpu_total_ns(const struct account *account)
{
        return account->v2[CONTROLLER_CPU] ? v2_keyed(account, "cpu.stat", "usage_usec") * NSEC_PER_USEC
                                           : read_number(account->fd[ACCOUNT_CPU_USAGE]);
}

void account_mark(struct account *account)
{
        account->cpu_base_ns = cpu_total_ns(account);
}

int account_begin(struct account *account, uint64_t memory_bytes, uint64_t processes, enum step *ret_step)
{
        int r;

        *ret_step = STEP_LIMIT_MEMORY;
        r = steps_fault(STEP_LIMIT_MEMORY);
        r = r ? r : limit_memory(account, memory_bytes);
        if (r < 0)
                return r;
        *ret_step = STEP_LIMIT_PROCESSES;
        r = steps_fault(STEP_LIMIT_PROCESSES);
        r = r ? r : limit_pids(account, processes);
        if (r < 0)
                return r;
        if (account->v2[CONTROLLER_MEMORY]) {
                account->memory_base = v2_number(account, "memory.current");
                account->no_peak = faccessat(account->box, "memory.peak", F_OK, 0) < 0;
                account->peak_seen = 0;
        } else {
                account->memory_base = read_number(account->fd[ACCOUNT_MEMORY_USAGE]);
                (void)write_number(account->fd[ACCOUNT_MEMORY_PEAK], 0);
        }
        account->oom_base = oom_kills(account);
        account->forks_base = fork_failures(account);
        account_mark(account);
        return 0;
}

static uint64_t cpu_ns(const struct account *account)
{
        uint64_t total = cpu_total_ns(account);

        return total > account->cpu_base_ns ? total - account->cpu_base_ns : 0;
}

uint64_t account_cpu_ns(struct account *account)
{
        if (account->no_peak)
                account->peak_seen = MAX(account->peak_seen, v2_number(account, "memory.current"));
        return cpu_ns(account);
}

/* KERNEL: memory.peak is there since 5.19; before, the highest of what was seen at the looks, a little too low. */
static uint64_t peak_v2(const struct account *account)
{
        return account->no_peak ? MAX(account->peak_seen, v2_number(account, "memory.current"))
                                : v2_number(account, "memory.peak");
}

void account_end(const struct account *account, struct account_usage *ret_usage)
{
        uint64_t peak = account->v2[CONTROLLER_MEMORY] ? peak_v2(account)
                                                       : read_number(account->fd[ACCOUNT_MEMORY_PEAK]);

        *ret_usage = (struct account_usage){
                .cpu_ns = cpu_ns(account),
                .memory_bytes = peak > account->memory_base ? peak - account->memory_base : 0,
                .oom_kills = oom_kills(account) - account->oom_base,
                .fork_failures = fork_failures(account) - account->forks_base,
        };
}

void account_discard(struct account *account)
{
        if (account->box < 0)
                return;
        close_fd(&account->box);
        (void)unlinkat(account->fd[ACCOUNT_V2], box_group, AT_REMOVEDIR);
}

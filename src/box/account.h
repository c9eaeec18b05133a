#pragma once

/*
 * Account: the limits and counters of one box, in whatever cgroup hierarchy each controller lives.
 *
 * The program's own word is never asked: time, memory, out-of-memory kills and refused forks all come from here.
 * v1: the files of the slot's groups are kept open and reset between boxes.  v2: every box gets a group
 * of its own, so its counters start at nothing and a leftover page of an earlier job cannot be charged to it.
 * Allocates nothing.
 */

#include "box/slot.h"

struct account {
        int fd[ACCOUNT_FD_COUNT]; /* -1: absent */
        bool v2[CONTROLLER_COUNT];
        int box;               /* v2: directory of this box's group, -1: none */
        uint64_t memory_limit; /* last written; 0: unknown */
        uint64_t pids_limit;
        uint32_t cpu_share;   /* last written, in hundredths of a core; 0: no bound, UINT32_MAX: unknown */
        uint64_t memory_base; /* at the order: what the empty box and old page cache take */
        uint64_t cpu_base_ns;
        uint64_t oom_base;
        uint64_t forks_base;
        uint64_t overhead_bytes; /* of an empty slot, measured once */
        uint64_t kernel_bytes;   /* v1: what the kernel holds for a slot without a box */
        uint64_t zygote_bytes;   /* v1: what zygotes take of the slot's memory, which is not the program's */
        uint32_t zygotes;        /* v1: how many of the slot's processes they are */
        bool no_peak;            /* v2 before Linux 5.19: no memory.peak */
        uint64_t peak_seen;      /* then: the highest memory.current of all looks */
};

struct account_usage {
        uint64_t cpu_ns;
        uint64_t memory_bytes;
        uint64_t oom_kills;
        uint64_t fork_failures;
};

void account_init(struct account *account, const struct slot_boot *boot);

/* Before a box is cloned: v2 makes its group.  Returns the group's descriptor for CLONE_INTO_CGROUP (-1 where no
 * controller is on v2) in *ret_group. */
int account_prepare(struct account *account, int *ret_group) MUST_USE;

/* Before a program comes up whose order is not known: no limit of the last one's may be in its way. */
int account_relax(struct account *account) MUST_USE;

/* Before a program comes up that waits in its box: these are its limits until its order sets others. */
int account_confine(struct account *account, uint64_t memory_bytes, uint64_t processes) MUST_USE;

/* v1: bytes charged to the slot now.  On v2 what is outside of boxes is charged elsewhere: 0. */
uint64_t account_charged(const struct account *account);

/* On the order: set limits, remember where the counters stand. */
int account_begin(struct account *account, uint64_t memory_bytes, uint64_t processes,
                  enum step *ret_step) MUST_USE;

/*
 * Let the box have @percent hundredths of a core, or 0: as much as there is.  Written only where it is another than last time.  v1: the
 * keeper is in the group and goes slower with it, so the bound is lifted as soon as the run is over.
 */
int account_share(struct account *account, uint32_t percent) MUST_USE;

/* From here on account_cpu_ns() counts: account_begin() does the same. */
void account_mark(struct account *account);

/* A look at the running box: its CPU time so far.  Where the kernel keeps no peak of memory, it is looked at too. */
uint64_t account_cpu_ns(struct account *account);

/* v1: the descriptor that becomes readable when memory ran out, -1 on v2, where the kernel ends the whole group. */
int account_memory_event(const struct account *account);

/* Was anything killed for lack of memory since account_begin()?  Empties the event. */
bool account_memory_killed(const struct account *account);

void account_end(const struct account *account, struct account_usage *ret_usage);

/* After the box is gone: v2 removes its group. */
void account_discard(struct account *account);

#pragma once

/*
 * The keeper's own header: the pieces of the static program and what they say to each other.
 *
 *   slot.c      the slot, once: namespaces, root, privileges, filter
 *   roots.c     the roots of a slot that shows images too, and the way from one to another
 *   keeper.c    the loop: prepare a box, say READY, serve one order, throw the box away
 *   prepare.c   one box from its cgroup to READY
 *   orders.c    what comes in on the slot's socket
 *   run.c       one order: limits, watch, report
 *   init.c      pid 1 of the box: mounts, ids, clones the program's process, reaps, reports its end
 *   program.c   becomes the program: maps, privileges, filter; then waits for its order
 *   obey.c      the order, inside the box: words, files, streams, exec
 *   zygotes.c   the interpreters beside the keeper that fork into boxes
 *   park.c      the start of a program that waits in its box
 *   warm.c      the library inside both (warm.h); no part of the keeper, but made of the same files
 *   collect.c   packs the work folder after a compile stage
 *
 * All of them are forks of one small process that never allocates.
 */

#include "box/account.h"
#include "box/slot.h"
#include "box/spec.h"

#include <sys/types.h>

enum {
        BOX_UID = 1000, /* the only user and group inside a box */
        BOX_GID = 1000,
};

#define BOX_FOLDER "/box/submission"

/* What init and the program's process say to the keeper, on one channel each. */
enum word {
        WORD_READY = 1, /* either: everything is prepared, nothing is left to give up */
        WORD_FAILED,    /* either: step and error */
        WORD_STARTED,   /* program: about to execute; what follows is the program's own doing */
        WORD_EXITED,    /* init: the program ended, nothing of it is left */
        WORD_EXEC,      /* program: execve failed */
        WORD_DESCRIPTORS, /* init to the keeper: its namespaces; the keeper to a zygote: these and the box's channel */
        WORD_FILES, /* program: a file could not be placed */
};

struct word_frame {
        uint32_t word;
        int32_t step;
        int32_t error;
        int32_t wait_status;
        int32_t pid;            /* of who says it, as its own pid namespace counts */
        uint32_t flags;         /* REPORT_DISK_FULL, REPORT_INODES_FULL */
        uint64_t max_rss_bytes; /* EXITED: as wait4(2) told it */
        uint64_t at_ns;         /* CLOCK_MONOTONIC when it was said */
};

/* What a box's first process needs to know; lives on the keeper's stack at the clone. */
struct box_plan {
        const struct slot_boot *boot;
        uint64_t disk_bytes;
        uint64_t inodes;
        uint32_t slot_uid, init_uid; /* of boot, which is not in a new process's memory yet */
        int control;                 /* init's channel to the keeper: words up, signal numbers down */
        int order;                   /* the program's channel: READY up, then the order down */
        uint32_t
                warm; /* the program that shall wait in the box: row of the slot's table from 1 on, 0: none */
        bool zygote;  /* and it comes from outside */
        int proc;     /* detached procfs of the host's pid namespace, for the engine's own writes */
};

/* One slot's keeper, and the order it serves: static, since nothing is ever allocated. */
struct box {
        pid_t pid; /* of init, 0: none */
        int pidfd;
        int control;
        int order;
        uint64_t disk_bytes;
        uint64_t inodes;
        uint64_t began_ns; /* when making it began, and when it was ready */
        uint64_t ready_ns;
        uint32_t warm; /* the program that waits in it, 0: none */
        pid_t program; /* its pid, as the box counts; 0 where nobody has to know it */
};

struct keeper {
        const struct slot_boot *boot;
        struct account account;
        int proc;
        int roots[1 + SLOT_IMAGES_MAX]; /* a mount namespace each; the first is the slot's own root */
        uint32_t image;                 /* the one it is in: 0 or the n-th image */
        uint32_t next;                  /* the program to wait in the next box */
        struct box box;
};

struct request {
        struct box_spec spec;
        char words[SPEC_WORDS_BYTES];
        int fds[BOX_FD_COUNT];
        int n_fds;
        size_t n; /* bytes of spec and words */
};

extern struct keeper keeper;
extern struct request request;

int slot_boot_map(const struct slot_boot **ret_boot) MUST_USE;
int slot_build(struct keeper *of, enum step *ret_step) MUST_USE;

/* Build every root the slot has, and stay in its own. */
int roots_build(struct keeper *of, enum step *ret_step) MUST_USE;
/* Go where the next box shall be cloned. */
int roots_enter(struct keeper *of, uint32_t image) MUST_USE;

/* @warm: row of the slot's table, or 0.  Where it cannot be warm the box is an ordinary one. */
int box_prepare(uint64_t disk_bytes, uint64_t inodes, uint32_t warm, enum step *ret_step) MUST_USE;
/* The program of a row did not come up: it is not tried again for a while. */
void row_rest(uint32_t row);
/* The same of what waits in the box, which is not as it should be. */
void box_distrust(void);
/* Is it a program of an image?  Such a one may say and do anything. */
bool box_waits_for_image(void);
void box_end(void);     /* kill everything in it; its cgroup's counters stay readable */
void box_discard(void); /* and let go of it */

/* Take one message with its descriptors into `request`.  False: the other end is gone. */
bool request_receive(int channel);
bool request_is_run(void); /* a run order as spec.h says, every number in bounds */
int request_forward(int channel) MUST_USE;
void request_close(void);

void run_request(void);

/* Send a report; when nobody is there to take it the keeper ends. */
void report_send(struct box_report *report);
void report_end(uint64_t job, enum report_end end, enum step step, int error);

NORETURN void init_main(const struct box_plan *plan);
NORETURN void program_main(const struct box_plan *plan);

/* The program's process gives up everything, step by step. */
int program_enter(const struct box_plan *plan, enum step *ret_step) MUST_USE;
void program_reset_session(void); /* a session of its own, an ordinary priority */
void program_reset_signals(void); /* as exec expects them */
NORETURN void program_fail(int channel, enum word word, enum step step, int error); /* say so and end */

/* Become the program that waits in its box for its order. */
NORETURN void park(const struct box_plan *plan);

/* Take one order from @channel and become the program. */
NORETURN void obey(int channel);
/* The same of a process that is the program of row @warm already: returns when it may go on. */
void obey_warm(int channel, uint32_t warm);
/* There is a collector already, at the other end of @fd: the next order tells it instead of forking one. */
void obey_collector(int fd);
/* Wait for the program, pack what it left into @artefact (-1: nothing is wanted), and end as it ended. */
NORETURN void collect_after(pid_t program, int artefact, int channel);
/* Behind that: it cannot go on with this order after all and starts cold. */
NORETURN void obey_again(void);

/*
 * A zygote of row @warm, started unless it runs.  Its child's READY comes on the box's order channel; the child dies with
 * the box.  0 or -errno; a row whose zygote does not start rests (row_rest()).
 */
int zygotes_fork(uint32_t warm, const int fds[], int n_fds, enum step *ret_step) MUST_USE;
void zygotes_close(void);                     /* end them all: their memory is wanted, or the slot ends */
void zygotes_charge(struct account *account); /* what they take of the slot is no program's */
uint32_t zygotes_count(void);

/* Take @n NUL-terminated words at @p apart; to behind the last one, or NULL where @end comes first. */
char *words_take(char *p, const char *end, uint32_t n, char *ret_words[]) MUST_USE;

/*
 * Execute a row with the library in it, for zygotes and for programs to be parked (@proc: the way to the collector, or -1).
 * Comes back with -errno.
 */
int warm_exec(const struct slot_boot *boot, uint32_t row, int channel, int proc) MUST_USE;

/* Send descriptors; take whatever word comes next: how many came beside it, or -errno. */
int fds_send(int channel, const int *fds, int n) MUST_USE;
int fds_recv(int channel, struct word_frame *ret_frame, int *ret_fds, int room) MUST_USE;

/* Why, in a word that may be a stranger's: never 0, always a -errno; and a step there is. */
int word_error(const struct word_frame *frame);
enum step word_step(const struct word_frame *frame);

/* Say a word; nobody to hear it is no error. */
void word_send(int channel, enum word word, enum step step, int error);

/* Pack BOX_FOLDER into @fd.  0 or -errno. */
int collect(int fd) MUST_USE;

/* privileges.c: all return 0 or -errno */
int privileges_keep(uint64_t capabilities) MUST_USE; /* effective = permitted = these, bounding set cut */
int privileges_keep_for_exec(
        uint64_t capabilities) MUST_USE;       /* and let what is executed have them (ambient) */
int privileges_drop_all(void) MUST_USE;        /* none, in any set */
int privileges_lock_securebits(void) MUST_USE; /* no root magic, ids change without touching sets */
int privileges_take_id(uint32_t id) MUST_USE;  /* uid and gid, real, effective and saved */
int filter_load(const struct sock_filter *filter, uint32_t n) MUST_USE;

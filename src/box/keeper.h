#pragma once

/*
 * The keeper's own header: the pieces of the static program and what they say to each other.
 *
 *   keeper.c    one slot: prepares a box, takes its order, watches it, reports, throws it away
 *   init.c      pid 1 of the box: mounts, ids, clones the program's process, reaps, reports its end
 *   program.c   becomes the program: maps, privileges, filter; waits; places files, executes
 *   collect.c   packs the work folder after a compile stage
 *
 * All of them are forks of one small process that never allocates.
 */

#include "box/account.h"
#include "box/slot.h"
#include "box/spec.h"

enum {
        BOX_UID = 1000, /* the only user and group inside a box */
        BOX_GID = 1000,
};

#define BOX_FOLDER "/box/submission"

/* What init and the program's process say to the keeper, on one channel each. */
enum word {
        WORD_READY = 1, /* program: everything is prepared */
        WORD_FAILED,    /* either: step and error */
        WORD_EXITED,    /* init: the program ended, nothing of it is left */
        WORD_EXEC,      /* program: execve failed */
        WORD_FILES,     /* program: a file could not be placed */
};

struct word_frame {
        uint32_t word;
        int32_t step;
        int32_t error;
        int32_t wait_status;
        uint32_t flags;         /* REPORT_DISK_FULL, REPORT_INODES_FULL */
        uint64_t max_rss_bytes; /* EXITED: as wait4(2) told it */
};

/* What a box's first process needs to know; lives on the keeper's stack at the clone. */
struct box_plan {
        const struct slot_boot *boot;
        uint64_t disk_bytes;
        uint64_t inodes;
        int control; /* init's channel to the keeper: words up, signal numbers down */
        int order;   /* the program's channel: READY up, then the order down */
        int proc;    /* detached procfs of the host's pid namespace, for the engine's own writes */
};

NORETURN void init_main(const struct box_plan *plan);
NORETURN void program_main(const struct box_plan *plan);

/* Say a word; nobody to hear it is no error. */
void word_send(int channel, enum word word, enum step step, int error);

/* Pack BOX_FOLDER into @fd.  0 or -errno. */
int collect(int fd) MUST_USE;

/* privileges.c: all return 0 or -errno */
int privileges_keep(uint64_t capabilities) MUST_USE; /* effective = permitted = these, bounding set cut */
int privileges_drop_all(void) MUST_USE;              /* none, in any set */
int privileges_lock_securebits(void) MUST_USE;       /* no root magic, ids change without touching sets */
int privileges_take_id(uint32_t id) MUST_USE;        /* uid and gid, real, effective and saved */
int filter_load(const struct sock_filter *filter, uint32_t n) MUST_USE;

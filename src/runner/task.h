#pragma once

/*
 * Task: a job while the runner has it.  Made from a frame of the front, freed when its result is sent or
 * nobody waits for it any more.
 */

#include "job/result.h"
#include "job/wire.h"
#include "runner/pump.h"
#include "util/digest.h"

#include <sys/queue.h>

struct catalog;
struct err;
struct event;
struct runtime;
struct slot;
struct turn;

struct task {
        TAILQ_ENTRY(task) link;  /* pending or running */
        TAILQ_ENTRY(task) place; /* among those that wait; see turns.h */
        struct turn *turn;
        LIST_ENTRY(task) by_ticket;
        uint64_t ticket;
        const struct runtime *runtime;
        enum job_part part;
        bool merged;
        bool cold;         /* nothing that waits is for it */
        bool fresh;        /* not for the compile cache, neither way */
        bool keyed;        /* `key` is that of its compile stage */
        bool flies;        /* compiles, and others with its key wait for it */
        bool input_read;   /* the compile stage took of its stdin */
        uint64_t since_ns; /* waits for its next stage since then */
        uint64_t looked;   /* how much was kept when the cache was asked last */
        uint64_t owner;
        uint32_t share; /* turns in a row */
        uint8_t key[DIGEST_BYTES];
        struct limits limits[STAGE_COUNT];
        char *words; /* what the names and arguments below point into */
        const char *main_name;
        const char **sources;
        size_t n_sources;
        const char **args;
        size_t n_args;
        int files;    /* sealed pack: sources, later the artefact */
        int input_fd; /* sealed stdin, -1 when it was small */
        struct view input;
        char *input_small;
        uint64_t files_bytes;
        uint64_t held_bytes; /* of files and input, for the bound on what waits */
        struct result result;
        enum stage stage;   /* the one running, or next to run */
        bool begun;         /* some stage was started once */
        bool retried;       /* this stage had its second chance */
        bool orphan;        /* nobody waits for the result */
        uint32_t warm;      /* what this stage is likely to be of the slots' warm programs, 0: none */
        struct slot *avoid; /* where this stage failed for no fault of the program */
        struct slot *slot;  /* where it runs, NULL while pending */
        struct pump pump;
        struct event *watchdog;
        /* Of one that streams: */
        bool interactive;
        bool announced; /* the client knows that this stage has begun */
        bool spoken;    /* the client has seen output of this stage, or the program its stdin */
        struct pump_feed feed;
        void (*tell)(void *arg, const struct wire_frame *frame);
        void *tell_arg;
};

/*
 * Check the frame against what this end knows (the runtime exists, limits are not above its own, big
 * contents are sealed) and make a task.  Descriptors are taken from @fds as they are used.  0, -EBADMSG
 * with text, or -errno.
 */
int task_new(const struct wire_job *job, int fds[WIRE_FDS_MAX], const struct catalog *catalog,
             struct task **ret_task, struct err *err) MUST_USE;
void task_free(struct task *task);

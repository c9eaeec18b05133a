#pragma once

/*
 * Queue: which durable job is next.  An index of the store: it may be lost and built again, and what it hands out is
 * checked against the store before it is run, so handing out twice, late or in another order does no harm.
 *
 * Jobs with `local` wait for our own runner, by priority, and within one in turns between owners, each as often as its
 * share says; jobs with a lane wait for outside runners, first come first served; a job may wait in both ways.
 *
 * What our own runner took is out until it is put in again or dropped: an owner has only so many out at once.
 *
 * An implementation is one file below src/backend, a struct queue_ops, and a row of backend.def.
 */

#include "job/entry.h"

struct err;
struct queue;

enum { QUEUE_GREED = 4 };

enum {
        QUEUE_EMPTY = 1,
        QUEUE_FULL, /* all of it, or this lane */
};

struct queue_limits {
        size_t most;      /* jobs waiting altogether */
        size_t lane_most; /* jobs waiting in one lane that no runner of ours could take */
};

struct queue_item {
        uint64_t seq;
        const char *owner; /* copied */
        const char *lane;  /* "": none; copied */
        enum priority priority;
        bool local;
        uint64_t not_before_ns; /* another attempt waits so long; 0: at once */
        uint64_t expires_ns;    /* 0: never */
};

/* What an owner of jobs may have.  { 1, 0 } is what those get of whom nothing was said. */
struct queue_share {
        uint32_t share; /* takes in one round; at least 1 */
        size_t most;    /* jobs out at once; 0: no limit */
};

struct queue_ops {
        const char *name;
        int (*open)(const struct queue_limits *limits, struct queue **ret_queue, struct err *err);
        void (*close)(struct queue *queue);

        /*
         * May @n more jobs of this kind come?  0 or QUEUE_FULL.  An owner with a name may have QUEUE_GREED times as many
         * waiting as there is room left: however many one of them brings, there is some for the next.
         */
        int (*room)(struct queue *queue, const struct queue_item *item, size_t n);

        /* From now on; 0 or -ENOMEM. */
        int (*tune)(struct queue *queue, const char *owner, const struct queue_share *share);

        /* Put in, whatever the limits: what was accepted once has to be.  0 or -errno. */
        int (*put)(struct queue *queue, const struct queue_item *item);

        /* Take the next for @lane, or for our own runner (NULL), of a priority no lower than @worst.  0 or QUEUE_EMPTY. */
        int (*take)(struct queue *queue, const char *lane, enum priority worst, uint64_t now_ns,
                    uint64_t *ret_seq);

        /* The same for our own runner, of an owner who has nothing out.  0 or QUEUE_EMPTY. */
        int (*take_idle)(struct queue *queue, enum priority worst, uint64_t now_ns, uint64_t *ret_seq);

        /* Forget one; it may be unknown. */
        void (*drop)(struct queue *queue, uint64_t seq);

        /* Take one whose time to be started is over.  0 or QUEUE_EMPTY. */
        int (*expired)(struct queue *queue, uint64_t now_ns, uint64_t *ret_seq);

        /* When the next not_before_ns ends, UINT64_MAX: nothing waits for that. */
        uint64_t (*wake_ns)(struct queue *queue);

        size_t (*count)(struct queue *queue); /* those that wait */
};

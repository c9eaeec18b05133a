#pragma once

/*
 * Slots: the sockets of all keepers, and which of them have a fresh box ready.  Ready slots are taken
 * oldest first.
 */

#include "box/box.h"

#include <sys/queue.h>

struct event;
struct event_base;
struct task;

struct slot {
        TAILQ_ENTRY(slot) link; /* while ready */
        struct slots *slots;
        size_t index;
        int fd; /* -1: no keeper now */
        struct event *event;
        bool ready;
        bool stale;        /* its root shows packages as they were: no job more */
        uint32_t image;    /* whose root its box has: that of the last order */
        struct task *task; /* whose stage runs here */
        uint32_t warm;     /* the program that waits in its box, 0: none */
        uint64_t run;      /* number of that stage, as told to the keeper */
};

struct slot_fns {
        void (*on_ready)(void *arg);
        /* The stage that ran in @slot ended; the slot has forgotten its task already. */
        void (*on_report)(void *arg, struct slot *slot, struct task *task, const struct box_report *report);
        /* The keeper is gone; @task ran there, or NULL. */
        void (*on_gone)(void *arg, struct slot *slot, struct task *task);
};

struct slots {
        struct event_base *base;
        const struct slot_fns *fns;
        void *arg;
        struct slot *all;
        size_t n;
        size_t n_live; /* with a keeper */
        TAILQ_HEAD(, slot) ready;
};

int slots_init(struct slots *slots, struct event_base *base, size_t n, const struct slot_fns *fns,
               void *arg) MUST_USE;
void slots_deinit(struct slots *slots);

/* A keeper's socket for slot @index, new or in place of another.  0, -EINVAL for an index we do not have,
 * -errno. */
int slots_set_take(struct slots *slots, size_t index, int fd) MUST_USE;

/*
 * The ready slot other than @avoid that suits best, of equals the oldest: its box has the root of @image (else another box is
 * made), and @warm waits in it, or nothing does (else what waits is replaced).  @avoid itself only when it is the last one
 * alive.  NULL when there is none.  It is no longer ready: order a run, or give it back.
 */
struct slot *slots_take(struct slots *slots, const struct slot *avoid, uint32_t image, uint32_t warm);
void slots_give_back(struct slots *slots, struct slot *slot);

/* What the roots of slots show has changed: hang up on those that are ready, on the others when they get ready. */
void slots_retire(struct slots *slots);

/* Hang up on a keeper; tells on_gone. */
void slot_drop(struct slot *slot);

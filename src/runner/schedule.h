#pragma once

/*
 * Schedule: which task runs where and when.  Owners take turns (turns.h), and of one owner first come, first served; a stage
 * that failed for no fault of the program is tried once more on another slot, before everybody else.
 */

#include "runner/slots.h"
#include "runner/task.h"
#include "runner/turns.h"

#include <sys/queue.h>

struct event;
struct event_base;
struct reuse;
struct warm_table;

enum {
        SCHEDULE_BUCKETS = 4096,
        SCHEDULE_PEERS = 3, /* clients; whose a task is its ticket tells, modulo this */
        SCHEDULE_GREED = 4,
        SCHEDULE_FULL = 1, /* outcomes of schedule_add_take() */
        SCHEDULE_DOUBLE,   /* there is a task of this ticket */
};

TAILQ_HEAD(task_queue, task);
LIST_HEAD(task_bucket, task);

struct schedule_order {
        struct event_base *base;
        struct reuse *reuse;           /* what compile stages made; NULL: everything is compiled */
        const struct warm_table *warm; /* what slots may keep warm; NULL: nothing */
        size_t n_slots;
        size_t max_pending;
        uint64_t max_pending_bytes;
        /* For a keeper to report beyond the wall-clock limit, and for a slot to become ready. */
        uint64_t patience_ns;
        /* Exactly once for each task added, except those cancelled; the result is valid during the call. */
        void (*on_result)(void *arg, uint64_t ticket, const struct result *result);
        void *arg;
};

struct schedule {
        struct schedule_order order;
        struct slots slots;
        struct task_queue pending, running;
        struct turns turns; /* the pending, in the order in which they are tried */
        size_t n_pending, n_running;
        uint64_t pending_bytes;
        struct task_bucket buckets[SCHEDULE_BUCKETS];
        struct event *stalled;
        bool dispatching;
        bool stopping; /* what is lost now is not tried once more when there is no slot left */
};

/* @schedule is large and must not move. */
int schedule_init(struct schedule *schedule, const struct schedule_order *order) MUST_USE;
void schedule_deinit(struct schedule *schedule);

/* Add a task and start what can start.  0 or an outcome above, with which the task is freed and has no
 * result. */
int schedule_add_take(struct schedule *schedule, struct task *task) MUST_USE;

/* Nobody waits for it any more: no result will come. */
void schedule_cancel(struct schedule *schedule, uint64_t ticket);
void schedule_cancel_peer(struct schedule *schedule, unsigned peer);

/* For a task that streams: see live_input() and live_taken(). */
int schedule_input(struct schedule *schedule, uint64_t ticket, struct view bytes, bool last) MUST_USE;
int schedule_taken(struct schedule *schedule, uint64_t ticket, uint64_t n) MUST_USE;

void schedule_signal(struct schedule *schedule, uint64_t ticket, int number);

/* A keeper's socket; see slots_set_take(). */
int schedule_slot_take(struct schedule *schedule, size_t index, int fd) MUST_USE;

/* Packages came or went: see slots_retire(). */
void schedule_retire_slots(struct schedule *schedule);

/* Is there a task whose runtime is gone? */
bool schedule_uses_gone(const struct schedule *schedule);

/* Answer what has not begun with VERDICT_OVERLOADED; what has begun goes on. */
void schedule_refuse_pending(struct schedule *schedule);

/* Answer everything with VERDICT_ENGINE and kill what runs. */
void schedule_end_all(struct schedule *schedule, const char *text);

bool schedule_is_idle(const struct schedule *schedule);

/*
 *   add ──► pending ──slot ready──► running ──report──► result
 *              ▲                       │
 *              └── run stage follows, ─┘
 *                  or second chance
 *
 * A task is on exactly one of the two queues.  Those whose result is still wanted can be found by ticket;
 * a cancelled one that runs leaves the table at once (a new front counts from one again) and is freed
 * when its box has ended.
 *
 * No wait is without an end: a keeper silent beyond the wall-clock limit is hung up on, and when no slot is
 * alive or ready for long, the pending are told instead of kept.
 */
#include "runner/schedule.h"
#include "runner/live.h"
#include "runner/reuse.h"
#include "runner/stage.h"
#include "runner/warm.h"
#include "runtime/runtime.h"
#include "util/err.h"
#include "util/log.h"

#include <event2/event.h>
#include <stdio.h>

static void dispatch(struct schedule *schedule);

static struct timeval duration(uint64_t ns)
{
        return (struct timeval){ .tv_sec = (time_t)(ns / NSEC_PER_SEC),
                                 .tv_usec = (suseconds_t)(ns % NSEC_PER_SEC / NSEC_PER_USEC) };
}

static struct task *find(struct schedule *schedule, uint64_t ticket)
{
        struct task *task;

        LIST_FOREACH(task, &schedule->buckets[ticket % SCHEDULE_BUCKETS], by_ticket)
        if (task->ticket == ticket)
                return task;
        return NULL;
}

static void pending_add(struct schedule *schedule, struct task *task, bool first)
{
        if (first)
                TAILQ_INSERT_HEAD(&schedule->pending, task, link);
        else
                TAILQ_INSERT_TAIL(&schedule->pending, task, link);
        turns_add(&schedule->turns, task, first);
        schedule->n_pending++;
        schedule->pending_bytes += task->held_bytes;
}

static void pending_take(struct schedule *schedule, struct task *task, bool started)
{
        TAILQ_REMOVE(&schedule->pending, task, link);
        turns_remove(&schedule->turns, task, started);
        schedule->n_pending--;
        schedule->pending_bytes -= task->held_bytes;
}

static void pending_remove(struct schedule *schedule, struct task *task)
{
        pending_take(schedule, task, false);
}

static void running_remove(struct schedule *schedule, struct task *task)
{
        TAILQ_REMOVE(&schedule->running, task, link);
        schedule->n_running--;
        event_del(task->watchdog);
}

/* The one way out of here for a task that is on no queue. */
static void finish(struct schedule *schedule, struct task *task)
{
        if (!task->orphan) {
                LIST_REMOVE(task, by_ticket);
                schedule->order.on_result(schedule->order.arg, task->ticket, &task->result);
        }
        task_free(task);
}

static void finish_with(struct schedule *schedule, struct task *task, enum verdict verdict, const char *text)
{
        struct stage_result *result = &task->result.stages[task->begun ? task->stage : STAGE_RUN];

        result->ran = task->begun;
        result->verdict = verdict;
        snprintf(result->text, sizeof(result->text), "%s", text);
        finish(schedule, task);
}

/* The engine failed this stage: once more elsewhere, then say so. */
static void fault(struct schedule *schedule, struct task *task, struct slot *slot, const char *text)
{
        log_warn("job=%llu stage=%s slot=%zu: %s%s", (unsigned long long)task->ticket,
                 stage_name(task->stage), slot->index, text, task->retried ? "" : "; trying once more");
        task->begun = true;
        if (task->orphan || task->retried || live_has_spoken(task)) {
                finish_with(schedule, task, VERDICT_ENGINE, text);
                return;
        }
        task->retried = true;
        task->cold = true; /* whatever waits warm may be what failed */
        task->avoid = slot;
        pending_add(schedule, task, true);
}

static void on_silence(evutil_socket_t fd, short what, void *arg)
{
        struct task *task = arg;

        log_error("slot %zu says nothing long after its stage had to end; it is given up", task->slot->index);
        slot_drop(task->slot);
}

static int watch(struct schedule *schedule, struct task *task)
{
        struct timeval wait = duration(task->limits[task->stage].wall_ns + schedule->order.patience_ns);

        if (!task->watchdog)
                task->watchdog = evtimer_new(schedule->order.base, on_silence, task);
        return task->watchdog && evtimer_add(task->watchdog, &wait) == 0 ? 0 : -ENOMEM;
}

static void start(struct schedule *schedule, struct task *task, struct slot *slot)
{
        struct err err = { "" };
        int r;

        pending_take(schedule, task, true);
        r = watch(schedule, task);
        if (r == 0)
                r = stage_start(task, slot, schedule->order.warm, schedule->order.base, &err);
        if (r == 0) {
                TAILQ_INSERT_TAIL(&schedule->running, task, link);
                schedule->n_running++;
                reuse_begin(schedule->order.reuse, task);
                return;
        }
        if (task->watchdog)
                event_del(task->watchdog);
        if (r == STAGE_GONE) {
                slot_drop(slot);
                fault(schedule, task, slot, "the slot went away");
                return;
        }
        slots_give_back(&schedule->slots, slot);
        if (r == STAGE_NEVER)
                finish(schedule, task);
        else
                fault(schedule, task, slot, err.text[0] ? err.text : "out of memory");
}

static bool start_next(struct schedule *schedule)
{
        struct task *task;

        if (TAILQ_EMPTY(&schedule->slots.ready))
                return false;
        for (task = turns_first(&schedule->turns); task; task = turns_next(&schedule->turns, task)) {
                enum reuse_next next = reuse_look(schedule->order.reuse, task);
                struct slot *slot;

                if (next == REUSE_WAIT)
                        continue;
                if (next == REUSE_WHOLE) {
                        pending_remove(schedule, task);
                        finish(schedule, task);
                        return true;
                }
                task->warm = warm_guess(schedule->order.warm, task);
                slot = slots_take(&schedule->slots, task->avoid, task->runtime->image, task->warm);
                if (slot) {
                        start(schedule, task, slot);
                        return true;
                }
        }
        return false;
}

/* Tasks wait, and nothing that could help them is ready or running: that may last only so long. */
static void stall_watch(struct schedule *schedule)
{
        bool stalled =
                schedule->n_pending > 0 && schedule->n_running == 0 && TAILQ_EMPTY(&schedule->slots.ready);
        struct timeval wait = duration(schedule->order.patience_ns);

        if (!stalled)
                event_del(schedule->stalled);
        else if (!evtimer_pending(schedule->stalled, NULL))
                evtimer_add(schedule->stalled, &wait);
}

static void dispatch(struct schedule *schedule)
{
        if (schedule->dispatching)
                return;
        schedule->dispatching = true;
        while (start_next(schedule))
                ;
        schedule->dispatching = false;
        stall_watch(schedule);
}

static void on_stalled(evutil_socket_t fd, short what, void *arg)
{
        struct schedule *schedule = arg;
        struct task *task;

        log_error("no slot became ready in time; %zu jobs are given up", schedule->n_pending);
        while ((task = TAILQ_FIRST(&schedule->pending))) {
                pending_remove(schedule, task);
                finish_with(schedule, task, VERDICT_ENGINE, "no slot became ready in time");
        }
}

static void on_ready(void *arg)
{
        dispatch(arg);
}

static void on_report(void *arg, struct slot *slot, struct task *task, const struct box_report *report)
{
        struct schedule *schedule = arg;
        struct stage_result *result = &task->result.stages[task->stage];

        running_remove(schedule, task);
        stage_end(task, report);
        reuse_end(schedule->order.reuse, task);
        if (!task->orphan && result->verdict != VERDICT_ENGINE)
                live_end(task);
        if (task->orphan) {
                finish(schedule, task);
        } else if (result->verdict == VERDICT_ENGINE) {
                struct err err;

                err_set(&err, 0, "%s", result->text);
                fault(schedule, task, slot, err.text);
        } else if (task->part == JOB_COMPILE && result->verdict == VERDICT_OK) {
                task->result.pack = TAKE_FD(task->files);
                finish(schedule, task);
        } else if (task->stage == STAGE_COMPILE && result->verdict == VERDICT_OK) {
                stage_advance(task);
                pending_add(schedule, task, true);
        } else {
                finish(schedule, task);
        }
        dispatch(schedule);
}

static void on_gone(void *arg, struct slot *slot, struct task *task)
{
        struct schedule *schedule = arg;

        if (task) {
                running_remove(schedule, task);
                stage_abandon(task);
                reuse_abandon(schedule->order.reuse, task);
                fault(schedule, task, slot, "the slot went away");
        }
        dispatch(schedule);
        if (schedule->stopping && schedule->slots.n_live == 0)
                schedule_end_all(schedule, "the engine is stopping"); /* the warden is gone, none will come */
}

static const struct slot_fns slot_fns = { on_ready, on_report, on_gone };

int schedule_init(struct schedule *schedule, const struct schedule_order *order)
{
        *schedule = (struct schedule){ .order = *order };
        TAILQ_INIT(&schedule->pending);
        turns_init(&schedule->turns);
        TAILQ_INIT(&schedule->running);
        schedule->stalled = evtimer_new(order->base, on_stalled, schedule);
        if (!schedule->stalled)
                return -ENOMEM;
        return slots_init(&schedule->slots, order->base, order->n_slots, &slot_fns, schedule);
}

static void free_all(struct schedule *schedule)
{
        struct task_queue *queue = &schedule->running;
        struct task *task;

        while ((task = TAILQ_FIRST(&schedule->pending))) {
                pending_remove(schedule, task);
                task_free(task);
        }
        while ((task = TAILQ_FIRST(queue))) {
                TAILQ_REMOVE(queue, task, link);
                task_free(task);
        }
}

void schedule_deinit(struct schedule *schedule)
{
        if (!schedule->stalled)
                return;
        free_all(schedule);
        slots_deinit(&schedule->slots);
        event_free(schedule->stalled);
        schedule->stalled = NULL;
}

/* An owner may have SCHEDULE_GREED times as many waiting as there is room left, so that there is some for the next. */
static bool is_full(const struct schedule *schedule, const struct task *task)
{
        size_t most = schedule->order.max_pending, n = schedule->n_pending;

        if (schedule->pending_bytes + task->held_bytes > schedule->order.max_pending_bytes)
                return true;
        if (!TAILQ_EMPTY(&schedule->slots.ready))
                return false;
        return n >= most || (task->owner && turns_count(&schedule->turns, task->owner) + 1 >
                                                    SCHEDULE_GREED * (most - n - 1));
}

int schedule_add_take(struct schedule *schedule, struct task *task)
{
        uint64_t ticket = task->ticket;

        if (find(schedule, ticket)) {
                task_free(task);
                return SCHEDULE_DOUBLE;
        }
        if (is_full(schedule, task)) {
                task_free(task);
                return SCHEDULE_FULL;
        }
        LIST_INSERT_HEAD(&schedule->buckets[ticket % SCHEDULE_BUCKETS], task, by_ticket);
        if (reuse_look(schedule->order.reuse, task) == REUSE_WHOLE) {
                finish(schedule, task);
                return 0;
        }
        pending_add(schedule, task, false);
        dispatch(schedule);
        return 0;
}

static void cancel(struct schedule *schedule, struct task *task)
{
        LIST_REMOVE(task, by_ticket);
        task->orphan = true;
        task->tell = NULL;
        if (!task->slot) {
                pending_remove(schedule, task);
                finish(schedule, task);
        } else if (box_kill(task->slot->fd, task->slot->run, END_CANCELLED) != 0) {
                log_debug("slot %zu did not take the order to cancel", task->slot->index);
        }
}

void schedule_cancel(struct schedule *schedule, uint64_t ticket)
{
        struct task *task = find(schedule, ticket);

        if (!task)
                return;
        cancel(schedule, task);
        stall_watch(schedule);
}

void schedule_cancel_peer(struct schedule *schedule, unsigned peer)
{
        for (size_t i = 0; i < SCHEDULE_BUCKETS; i++) {
                struct task *task = LIST_FIRST(&schedule->buckets[i]), *next;

                for (; task; task = next) {
                        next = LIST_NEXT(task, by_ticket);
                        if (task->ticket % SCHEDULE_PEERS == peer)
                                cancel(schedule, task);
                }
        }
        stall_watch(schedule);
}

void schedule_signal(struct schedule *schedule, uint64_t ticket, int number)
{
        struct task *task = find(schedule, ticket);

        if (task && task->slot && box_signal(task->slot->fd, task->slot->run, number) != 0)
                log_debug("slot %zu did not take a signal", task->slot->index);
}

int schedule_input(struct schedule *schedule, uint64_t ticket, struct view bytes, bool last)
{
        struct task *task = find(schedule, ticket);

        return task ? live_input(task, bytes, last) : 0;
}

int schedule_taken(struct schedule *schedule, uint64_t ticket, uint64_t n)
{
        struct task *task = find(schedule, ticket);

        return task ? live_taken(task, n) : 0;
}

int schedule_slot_take(struct schedule *schedule, size_t index, int fd)
{
        return slots_set_take(&schedule->slots, index, fd);
}

void schedule_retire_slots(struct schedule *schedule)
{
        slots_retire(&schedule->slots);
}

bool schedule_uses_gone(const struct schedule *schedule)
{
        const struct task *task;

        TAILQ_FOREACH(task, &schedule->pending, link)
        if (task->runtime->gone)
                return true;
        TAILQ_FOREACH(task, &schedule->running, link)
        if (task->runtime->gone)
                return true;
        return false;
}

void schedule_refuse_pending(struct schedule *schedule)
{
        struct task *task = TAILQ_FIRST(&schedule->pending), *next;

        schedule->stopping = true;
        for (; task; task = next) {
                next = TAILQ_NEXT(task, link);
                if (task->begun)
                        continue;
                pending_remove(schedule, task);
                finish_with(schedule, task, VERDICT_OVERLOADED, "the engine is stopping");
        }
        stall_watch(schedule);
}

/* A running task is answered now and freed with its box; its result is copied nowhere. */
static void answer_running(struct schedule *schedule, struct task *task, const char *text)
{
        struct result result;

        result_init(&result);
        result.stages[task->stage].ran = true;
        result.stages[task->stage].verdict = VERDICT_ENGINE;
        snprintf(result.stages[task->stage].text, sizeof(result.stages[task->stage].text), "%s", text);
        schedule->order.on_result(schedule->order.arg, task->ticket, &result);
        result_deinit(&result);
        cancel(schedule, task);
}

void schedule_end_all(struct schedule *schedule, const char *text)
{
        struct task *task;

        while ((task = TAILQ_FIRST(&schedule->pending))) {
                pending_remove(schedule, task);
                finish_with(schedule, task, VERDICT_ENGINE, text);
        }
        TAILQ_FOREACH(task, &schedule->running, link)
        if (!task->orphan)
                answer_running(schedule, task, text);
        stall_watch(schedule);
}

bool schedule_is_idle(const struct schedule *schedule)
{
        return schedule->n_pending == 0 && schedule->n_running == 0;
}

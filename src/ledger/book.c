/*
 * Theory of operation: the store is the truth.  A step reads the entry, asks job/flow.c what the event makes of it, and writes
 * it back only if nobody else has stepped meanwhile; the queue, the works and the waiters hear of it after the commit.
 *
 * Time limits of waiting are kept on the monotonic clock while this process lives; only across its restarts the wall
 * clock has to do.
 */
#include "ledger/book.h"
#include "backend/backend.h"
#include "config/config.h"
#include "job/link.h"
#include "job/notice.h"
#include "ledger/loans.h"
#include "ledger/sets.h"
#include "ledger/waiters.h"
#include "ledger/works.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"

#include <inttypes.h>
#include <stdio.h>

enum { LANE_MOST = 100, SWEEP_MOST = 200 };

/* ---- answers ---- */

void book_answer(struct book *book, uint64_t ticket, const struct desk_answer *answer,
                 const struct desk_entry *entries, size_t n_entries)
{
        CLEANUP(wire_message_deinit) struct wire_message message = WIRE_MESSAGE_INIT;
        CLEANUP(bytes_deinit) struct bytes body = BYTES_INIT(NOTE_BODY_MAX);
        struct link *peer = book->peers[ticket % BOOK_PEERS];
        struct record_out out;
        int r;

        if (!peer)
                return;
        record_out_init(&out, &body);
        note_answer_put(&out, answer, n_entries);
        for (size_t i = 0; i < n_entries; i++)
                note_entry_put(&out, &entries[i]);
        r = out.error < 0 ? out.error
                          : note_encode(NOTE_ANSWER, ticket / BOOK_PEERS, bytes_view(&body), &message);
        r = r ? r : link_send_take(peer, &message, true);
        if (r == 0)
                return;
        log_error("an answer cannot be sent: %s", strerror(-r));
        link_break(peer); /* it asks again of a new connection */
}

void book_refuse(struct book *book, uint64_t ticket, enum desk_status status, const char *text)
{
        struct desk_answer answer = { .status = status, .text = text, .last = true };

        book_answer(book, ticket, &answer, NULL, 0);
}

void book_fault(struct book *book, uint64_t ticket, const struct err *err)
{
        log_error("%s", err->text);
        book_refuse(book, ticket, DESK_UNAVAILABLE, err->text);
}

/* ---- steps ---- */

int book_find(struct book *book, const char *owner, const char *id, struct entry *ret_entry, struct err *err)
{
        int r = book->store_ops->find(book->store, id, ret_entry, err);

        return r == 0 && owner[0] && !streq(owner, ret_entry->head.owner) ? STORE_NONE : r;
}

int book_order(struct book *book, uint64_t seq, struct bytes *bytes, struct err *err)
{
        return book->store_ops->order(book->store, seq, bytes, err);
}

static const char *ended_text(const struct entry *entry, const char *text, char room[ENTRY_TEXT_MAX + 1])
{
        if (entry->flow.state == FLOW_EXPIRED)
                snprintf(room, ENTRY_TEXT_MAX + 1, "nobody started it in time%s%s",
                         entry->head.lane[0] ? "; lane " : "", entry->head.lane);
        else if (entry->flow.state == FLOW_FAILED && entry->flow.attempts >= FLOW_ATTEMPTS)
                snprintf(room, ENTRY_TEXT_MAX + 1, "given up after %u attempts: %.180s", entry->flow.attempts,
                         text ? text : "");
        else
                return text ? text : "";
        return room;
}

int book_step(struct book *book, struct entry *entry, enum flow_event event, uint64_t fence, const char *text)
{
        char room[ENTRY_TEXT_MAX + 1];
        struct flow after;
        int r = flow_step(&entry->flow, event, fence, &after);

        if (r != 0)
                return r;
        entry->flow = after;
        snprintf(entry->text, sizeof(entry->text), "%s", ended_text(entry, text, room));
        if (after.state == FLOW_LEASED)
                entry->started_ms = clock_wall_ms();
        if (!flow_has_ended(after.state))
                return 0;
        entry->ended_ms = clock_wall_ms();
        if (after.state == FLOW_CANCELLED)
                entry->verdict = VERDICT_CANCELLED;
        else if (after.state != FLOW_DONE)
                entry->verdict = VERDICT_ENGINE;
        return 0;
}

/* Who waits to be told of the end finds it in the outbox, or the end has not happened. */
static int post(struct book *book, const struct entry *entry, struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(NOTICE_BYTES_MAX);
        char name[NOTICE_NAME_TEXT];
        int r = notice_outbox_encode(entry, &text);

        notice_outbox_name(entry->ended_number, name);
        return r < 0 ? err_set(err, r, "no memory for a notice")
                     : book->store_ops->card_put(book->store, NOTICE_OUTBOX, name, bytes_view(&text), err);
}

int book_write(struct book *book, struct entry *entry, const struct flow *before, struct err *err)
{
        int r = book->store_ops->update(book->store, entry, before, err);

        return r == 0 && entry->head.notify && flow_has_ended(entry->flow.state) ? post(book, entry, err) : r;
}

static void enqueue(struct book *book, const struct entry *entry, uint64_t pause_ns)
{
        uint64_t now = clock_now_ns(), now_ms = clock_wall_ms();
        struct queue_item item = {
                .seq = entry->seq,
                .owner = entry->head.owner,
                .lane = entry->head.lane,
                .priority = entry->head.priority,
                .local = entry->head.local,
                .not_before_ns = pause_ns ? now + pause_ns : 0,
        };

        if (entry->started_ms == 0 && entry->expires_ms > 0)
                item.expires_ns =
                        now + 1 +
                        (entry->expires_ms > now_ms ? entry->expires_ms - now_ms : 0) * NSEC_PER_MSEC;
        if (book->queue_ops->put(book->queue, &item) < 0)
                log_error("job=%" PRIu64 " cannot be queued: out of memory; the next ledger will",
                          entry->seq);
}

void book_stepped(struct book *book, const struct entry *entry)
{
        enum flow_state state = entry->flow.state;

        if (state == FLOW_RETRY)
                enqueue(book, entry, FLOW_PAUSE_NS(entry->flow.attempts));
        else if (state == FLOW_QUEUED)
                enqueue(book, entry, entry->flow.fence > 0 ? NSEC_PER_SEC : 0);
        else
                book->queue_ops->drop(book->queue, entry->seq);
        if (flow_has_ended(state)) {
                works_abort(book->works, entry->seq);
                loans_end(book->loans, entry->seq);
        }
        waiters_notify(book->waiters, entry);
        works_dispatch(book->works);
}

struct push {
        struct change change;
        struct book *book;
        uint64_t seq;
        uint64_t fence;
        enum flow_event event;
        struct entry entry;
        char text[ENTRY_TEXT_MAX + 1];
};

static int push_apply(struct change *change, struct err *err)
{
        struct push *push = (struct push *)change;
        struct book *book = push->book;
        struct flow before;
        int r = book->store_ops->find_seq(book->store, push->seq, &push->entry, err);

        if (r != 0)
                return r;
        before = push->entry.flow;
        if (book_step(book, &push->entry, push->event, push->fence, push->text) != 0)
                return STORE_STALE;
        return book_write(book, &push->entry, &before, err);
}

static void push_done(struct change *change, int r, const char *text)
{
        struct push *push = (struct push *)change;

        if (r == 0)
                book_stepped(push->book, &push->entry);
        free(push);
}

void book_push(struct book *book, uint64_t seq, enum flow_event event, uint64_t fence, const char *text)
{
        struct push *push = calloc(1, sizeof(*push));

        if (!push) {
                log_error("job=%" PRIu64 ": out of memory", seq);
                return;
        }
        push->change = (struct change){ .apply = push_apply, .done = push_done, .vital = true };
        push->book = book;
        push->seq = seq;
        push->event = event;
        push->fence = fence;
        snprintf(push->text, sizeof(push->text), "%s", text);
        group_add(book->group, &push->change);
}

/* ---- time ---- */

struct sweep {
        struct change change;
        struct book *book;
};

static int sweep_apply(struct change *change, struct err *err)
{
        struct book *book = ((struct sweep *)change)->book;
        uint64_t now = clock_wall_ms(), keep = book->config->job_retention / NSEC_PER_MSEC;
        /* WHY: a group that writes nothing succeeds on a full disk. */
        int r = group_is_broken(book->group) ? book->store_ops->touch(book->store, err) : 0;

        r = r ? r : sets_sweep(book->sets, now, err);
        if (r < 0)
                return r;
        return book->store_ops->sweep(book->store, now > keep ? now - keep : 0, book->config->job_store_size,
                                      SWEEP_MOST, err);
}

static void sweep_done(struct change *change, int r, const char *text)
{
        if (r > 0)
                log_debug("%d old jobs were removed", r);
        free(change);
}

void book_tick(struct book *book)
{
        struct sweep *sweep = calloc(1, sizeof(*sweep));
        uint64_t seq;

        while (book->queue_ops->expired(book->queue, clock_now_ns(), &seq) == 0)
                book_push(book, seq, FLOW_EVENT_EXPIRE, 0, "");
        loans_tick(book->loans);
        works_tick(book->works);
        waiters_tick(book->waiters);
        if (!sweep)
                return;
        sweep->change = (struct change){ .apply = sweep_apply, .done = sweep_done };
        sweep->book = book;
        group_add(book->group, &sweep->change);
}

/* ---- opening ---- */

static bool take_up(void *arg, const struct entry *entry)
{
        struct book *book = arg;

        if (entry->flow.state == FLOW_LEASED && entry->outside)
                loans_add(book->loans, entry, LOAN_AGAIN_MS);
        else if (entry->flow.state == FLOW_LEASED)
                book_push(book, entry->seq, FLOW_EVENT_LOST, entry->flow.fence,
                          "the engine stopped while it ran");
        else if (entry->flow.state == FLOW_RETRY)
                enqueue(book, entry, FLOW_PAUSE_NS(entry->flow.attempts));
        else
                enqueue(book, entry, 0);
        return true;
}

static int open_backends(struct book *book, const char *directory, struct err *err)
{
        struct queue_limits limits = { .most = book->config->max_waiting_jobs, .lane_most = LANE_MOST };
        int r;

        book->store_ops = backend_store(book->config->ephemeral ? "memory" : "sqlite");
        book->queue_ops = backend_queue("local");
        r = book->store_ops->open(directory, &book->store, err);
        r = r ? r : book->queue_ops->open(&limits, &book->queue, err);
        r = r ? r : group_new(book->base, book->store_ops, book->store, &book->group, err);
        r = r ? r : sets_new(book, &book->sets, err);
        r = r ? r : loans_new(book, &book->loans, err);
        r = r ? r : waiters_new(book, &book->waiters, err);
        return r;
}

int book_open(struct book *book, const char *directory, struct err *err)
{
        int r = open_backends(book, directory, err);

        r = r ? r : book->store_ops->open_entries(book->store, take_up, book, err);
        if (r == 0)
                log_info("%zu jobs wait in the %s store", book->queue_ops->count(book->queue),
                         book->store_ops->name);
        return r;
}

void book_close(struct book *book)
{
        group_free(book->group);
        works_free(book->works);
        waiters_free(book->waiters);
        loans_free(book->loans);
        sets_free(book->sets);
        if (book->queue)
                book->queue_ops->close(book->queue);
        if (book->store)
                book->store_ops->close(book->store);
}

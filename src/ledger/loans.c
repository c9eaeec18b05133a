/*
 * Theory of operation: a loan exists from the commit of its lease on.  Whoever comes back in time names job and fencing
 * number; a lease that ran out is an event like any other, and its number is stale from then on.
 */
#include "ledger/loans.h"
#include "ledger/book.h"
#include "ledger/waiters.h"
#include "util/clock.h"
#include "util/err.h"

#include <stdio.h>

enum { BUCKETS = 1024 };

struct loan {
        LIST_ENTRY(loan) link;
        uint64_t seq;
        uint64_t fence;
        uint64_t until_ns;
        char id[ENTRY_ID_MAX + 1];
};

struct loans {
        struct book *book;
        LIST_HEAD(, loan) buckets[BUCKETS];
        size_t n;
};

int loans_new(struct book *book, struct loans **ret_loans, struct err *err)
{
        struct loans *loans = calloc(1, sizeof(*loans));

        if (!loans)
                return err_set(err, -ENOMEM, "ledger: out of memory");
        loans->book = book;
        *ret_loans = loans;
        return 0;
}

static void drop(struct loans *loans, struct loan *loan)
{
        LIST_REMOVE(loan, link);
        loans->n--;
        free(loan);
}

void loans_free(struct loans *loans)
{
        struct loan *loan;

        for (size_t i = 0; loans && i < BUCKETS; i++)
                while ((loan = LIST_FIRST(&loans->buckets[i])))
                        drop(loans, loan);
        free(loans);
}

static struct loan *find(struct loans *loans, uint64_t seq)
{
        struct loan *loan;

        LIST_FOREACH(loan, &loans->buckets[seq % BUCKETS], link)
        if (loan->seq == seq)
                return loan;
        return NULL;
}

static struct loan *find_id(struct loans *loans, const char *id)
{
        struct loan *loan;

        for (size_t i = 0; i < BUCKETS; i++)
                LIST_FOREACH(loan, &loans->buckets[i], link)
        if (streq(loan->id, id))
                return loan;
        return NULL;
}

void loans_add(struct loans *loans, const struct entry *entry, uint64_t lease_ms)
{
        struct loan *loan = find(loans, entry->seq);

        if (!loan) {
                loan = calloc(1, sizeof(*loan));
                if (!loan)
                        return; /* the next ledger finds it leased */
                loan->seq = entry->seq;
                memcpy(loan->id, entry->head.id, sizeof(loan->id));
                LIST_INSERT_HEAD(&loans->buckets[entry->seq % BUCKETS], loan, link);
                loans->n++;
        }
        loan->fence = entry->flow.fence;
        loan->until_ns = clock_now_ns() + lease_ms * NSEC_PER_MSEC;
}

void loans_end(struct loans *loans, uint64_t seq)
{
        struct loan *loan = find(loans, seq);

        if (loan)
                drop(loans, loan);
}

void loans_tick(struct loans *loans)
{
        uint64_t now = clock_now_ns();

        for (size_t i = 0; loans->n > 0 && i < BUCKETS; i++) {
                struct loan *loan = LIST_FIRST(&loans->buckets[i]), *next;

                for (; loan; loan = next) {
                        next = LIST_NEXT(loan, link);
                        if (loan->until_ns > now)
                                continue;
                        book_push(loans->book, loan->seq, FLOW_EVENT_LOST, loan->fence,
                                  "the lease of its outside runner ran out");
                        drop(loans, loan);
                }
        }
}

/* ---- lease ---- */

struct lease {
        struct change change;
        struct book *book;
        uint64_t ticket;
        uint64_t seq;
        struct note_ask ask;
        struct entry entry;
};

static int lease_apply(struct change *change, struct err *err)
{
        struct lease *lease = (struct lease *)change;
        struct flow before;
        int r = lease->book->store_ops->find_seq(lease->book->store, lease->seq, &lease->entry, err);

        if (r != 0)
                return r;
        before = lease->entry.flow;
        if (book_step(lease->book, &lease->entry, FLOW_EVENT_LEASE, 0, "") != 0)
                return STORE_STALE;
        lease->entry.outside = true;
        return book_write(lease->book, &lease->entry, &before, err);
}

static void lease_answer(const struct lease *lease)
{
        CLEANUP(bytes_deinit) struct bytes bytes = BYTES_INIT(ORDER_BYTES_MAX);
        struct desk_entry entry = { .entry = lease->entry };
        struct desk_answer said = { .status = DESK_OK, .last = true };
        struct err err = { "" };
        struct order order;
        struct view cases;
        int r = book_order(lease->book, lease->seq, &bytes, &err);

        if (r != 0 || order_peek(bytes_view(&bytes), &order, &cases) < 0) {
                book_refuse(lease->book, lease->ticket, DESK_UNAVAILABLE, "the stored job cannot be read");
                return;
        }
        entry.order = bytes_view(&bytes);
        entry.memo = order.memo;
        book_answer(lease->book, lease->ticket, &said, &entry, 1);
}

static void lease_done(struct change *change, int r, const char *text)
{
        struct lease *lease = (struct lease *)change;
        struct book *book = lease->book;

        if (r == 0) {
                loans_add(book->loans, &lease->entry, lease->ask.lease_ms);
                book_stepped(book, &lease->entry);
                lease_answer(lease);
        } else if (r > 0) {
                waiters_ask(book->waiters, NOTE_LEASE, lease->ticket,
                            &lease->ask); /* taken by another: look again */
        } else {
                book_refuse(book, lease->ticket, DESK_UNAVAILABLE, text);
        }
        free(lease);
}

bool loans_lease(struct loans *loans, uint64_t ticket, const struct note_ask *ask)
{
        struct book *book = loans->book;
        struct lease *lease;
        uint64_t seq;

        if (book->stopping ||
            book->queue_ops->take(book->queue, ask->lane, PRIORITY_BULK, clock_now_ns(), &seq) != 0)
                return false;
        lease = calloc(1, sizeof(*lease));
        if (!lease) {
                book_push(book, seq, FLOW_EVENT_RETURN, 0, "");
                return false;
        }
        lease->change = (struct change){ .apply = lease_apply, .done = lease_done, .vital = true };
        lease->book = book;
        lease->ticket = ticket;
        lease->seq = seq;
        lease->ask = *ask;
        lease->ask.payload = VIEW("");
        group_add(book->group, &lease->change);
        return true;
}

void loans_renew(struct loans *loans, uint64_t ticket, const struct note_ask *ask)
{
        struct desk_answer said = { .status = DESK_OK, .last = true };
        struct loan *loan = find_id(loans, ask->id);

        if (!loan || (ask->fence != 0 && loan->fence != ask->fence)) {
                book_refuse(loans->book, ticket, DESK_STALE, "the lease is not held any more");
                return;
        }
        loan->until_ns = clock_now_ns() + ask->lease_ms * NSEC_PER_MSEC;
        book_answer(loans->book, ticket, &said, NULL, 0);
}

/* ---- finish ---- */

struct finish {
        struct change change;
        struct book *book;
        uint64_t ticket;
        uint64_t fence;
        struct bytes payload;
        struct entry entry;
        char id[ENTRY_ID_MAX + 1];
};

static void entry_count(struct entry *entry, const struct outcome *outcome, size_t bytes)
{
        entry->bytes += bytes;
        if (outcome->skipped)
                return;
        if (outcome->which != OUTCOME_COMPILE) {
                entry->n_done++;
                entry->n_passed += outcome_has_passed(outcome);
        }
        if (entry->verdict == VERDICT_OK)
                entry->verdict = outcome->stage.verdict;
}

/* One outcome: counted and kept, or only looked at. */
static int finish_outcome(struct finish *finish, struct view bytes, bool dry, struct err *err)
{
        struct book *book = finish->book;
        struct entry *entry = &finish->entry;
        struct outcome outcome;
        uint64_t number;
        int r = outcome_decode(bytes, &outcome);

        if (r < 0)
                return DESK_BAD;
        if (outcome.which != OUTCOME_COMPILE && outcome.which >= entry->n_cases)
                r = DESK_BAD;
        if (r == 0 && !dry)
                r = book->store_ops->outcome_add(book->store, entry->seq, outcome.which, bytes, &number, err);
        if (r == 0 && !dry)
                entry_count(entry, &outcome, bytes.n);
        outcome_deinit(&outcome);
        return r == STORE_TAKEN ? 0 : r;
}

/* WHY twice: what is found wrong with the last one must not leave the first ones behind. */
static int finish_outcomes(struct finish *finish, bool dry, struct err *err)
{
        struct record_in in;
        uint64_t n;
        int r = 0;

        record_in_init(&in, bytes_view(&finish->payload));
        n = record_take(&in, 0, ENTRY_CASES_MAX + 1);
        for (uint64_t i = 0; i < n && r == 0 && !in.bad; i++) {
                struct view bytes = record_take_bytes(&in, NOTE_BODY_MAX);

                if (!in.bad)
                        r = finish_outcome(finish, bytes, dry, err);
        }
        return r == 0 && record_in_end(&in) < 0 ? DESK_BAD : r;
}

static int finish_apply(struct change *change, struct err *err)
{
        struct finish *finish = (struct finish *)change;
        struct book *book = finish->book;
        struct flow before;
        int r = book_find(book, "", finish->id, &finish->entry, err);

        if (r != 0)
                return r < 0 ? r : DESK_NOT_FOUND;
        before = finish->entry.flow;
        if (before.state == FLOW_DONE && finish->fence != 0 && before.fence == finish->fence)
                return 0; /* said twice */
        if (before.state != FLOW_LEASED || !finish->entry.outside)
                return DESK_STALE;
        if (book_step(book, &finish->entry, FLOW_EVENT_FINISH, finish->fence ? finish->fence : before.fence,
                      "") != 0)
                return DESK_STALE;
        r = finish_outcomes(finish, true, err);
        r = r ? r : finish_outcomes(finish, false, err);
        return r ? r : book_write(book, &finish->entry, &before, err);
}

static void finish_done(struct change *change, int r, const char *text)
{
        struct finish *finish = (struct finish *)change;
        struct desk_entry entry = { .entry = finish->entry };
        struct desk_answer said = { .status = DESK_OK, .last = true };

        if (r == 0) {
                book_answer(finish->book, finish->ticket, &said, &entry, 1);
                book_stepped(finish->book, &finish->entry);
        } else if (r > 0) {
                book_refuse(finish->book, finish->ticket, (enum desk_status)r,
                            r == DESK_NOT_FOUND ? "there is no such job"
                            : r == DESK_BAD     ? "the outcomes cannot be read"
                                                : "the lease is not held any more");
        } else {
                book_refuse(finish->book, finish->ticket, DESK_UNAVAILABLE, text);
        }
        bytes_deinit(&finish->payload);
        free(finish);
}

void loans_finish(struct loans *loans, uint64_t ticket, const struct note_ask *ask)
{
        struct finish *finish = calloc(1, sizeof(*finish));

        if (!finish) {
                book_refuse(loans->book, ticket, DESK_UNAVAILABLE, "out of memory");
                return;
        }
        finish->change = (struct change){ .apply = finish_apply, .done = finish_done };
        finish->book = loans->book;
        finish->ticket = ticket;
        finish->fence = ask->fence;
        memcpy(finish->id, ask->id, sizeof(finish->id));
        finish->payload = BYTES_INIT(ask->payload.n);
        if (bytes_add(&finish->payload, ask->payload.p, ask->payload.n) == 0) {
                group_add(loans->book->group, &finish->change);
                return;
        }
        book_refuse(loans->book, ticket, DESK_UNAVAILABLE, "out of memory");
        free(finish);
}

/*
 * Theory of operation: a request is tried; what cannot be answered yet is kept with the entry it is about, and tried again
 * whenever that entry has changed.  Nothing is remembered of a change: a try always reads the store.
 */
#include "ledger/waiters.h"
#include "ledger/cards.h"
#include "ledger/loans.h"
#include "ledger/read.h"
#include "util/clock.h"
#include "util/err.h"

#include <event2/event.h>

enum { BUCKETS = 4096, LOOK_USEC = 100000 };

struct waiter {
        LIST_ENTRY(waiter) by_ticket;
        LIST_ENTRY(waiter) by_what; /* of its entry, or `enders`, `leasers`, `listers` */
        enum note_kind kind;
        uint64_t ticket;
        uint64_t seq;
        uint64_t until_ns;
        struct note_ask ask;
};

LIST_HEAD(waiter_list, waiter);

struct waiters {
        struct book *book;
        struct event *look; /* whose time is over? */
        size_t n;
        struct waiter_list tickets[BUCKETS];
        struct waiter_list seqs[BUCKETS];
        struct waiter_list enders, leasers, listers;
};

static void drop(struct waiters *waiters, struct waiter *waiter)
{
        LIST_REMOVE(waiter, by_ticket);
        LIST_REMOVE(waiter, by_what);
        waiters->n--;
        free(waiter);
}

/* True when it was answered. */
static bool try(struct waiters *waiters, enum note_kind kind, uint64_t ticket, const struct note_ask *ask,
                bool final, uint64_t *ret_seq)
{
        struct book *book = waiters->book;

        *ret_seq = 0;
        switch (kind) {
        case NOTE_GET:
                return read_get(book, ticket, ask, final, ret_seq) == 0;
        case NOTE_WATCH:
                return read_watch(book, ticket, ask, final, ret_seq) == 0;
        case NOTE_ENDED:
                return read_ended(book, ticket, ask, final) == 0;
        case NOTE_CARD_LIST:
                return cards_list(book, ticket, ask, final) == 0;
        default:
                if (loans_lease(book->loans, ticket, ask))
                        return true;
                if (final)
                        book_refuse(book, ticket, DESK_EMPTY, "");
                return final;
        }
}

static void try_waiter(struct waiters *waiters, struct waiter *waiter, bool final)
{
        uint64_t seq;

        if (try(waiters, waiter->kind, waiter->ticket, &waiter->ask, final, &seq))
                drop(waiters, waiter);
}

static void look_later(struct waiters *waiters)
{
        struct timeval later = { .tv_usec = LOOK_USEC };

        if (waiters->n > 0 && !evtimer_pending(waiters->look, NULL))
                evtimer_add(waiters->look, &later);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
        struct waiters *waiters = arg;
        uint64_t now = clock_now_ns();

        for (size_t i = 0; i < BUCKETS; i++) {
                struct waiter *waiter = LIST_FIRST(&waiters->tickets[i]), *next;

                for (; waiter; waiter = next) {
                        next = LIST_NEXT(waiter, by_ticket);
                        if (waiter->until_ns <= now)
                                try_waiter(waiters, waiter, true);
                }
        }
        look_later(waiters);
}

int waiters_new(struct book *book, struct waiters **ret_waiters, struct err *err)
{
        struct waiters *waiters = calloc(1, sizeof(*waiters));

        if (!waiters)
                return err_set(err, -ENOMEM, "ledger: out of memory");
        waiters->book = book;
        waiters->look = evtimer_new(book->base, on_look, waiters);
        if (!waiters->look) {
                free(waiters);
                return err_set(err, -ENOMEM, "ledger: out of memory");
        }
        *ret_waiters = waiters;
        return 0;
}

void waiters_free(struct waiters *waiters)
{
        if (!waiters)
                return;
        for (int peer = 0; peer < BOOK_PEERS; peer++)
                waiters_forget_all(waiters, (enum book_peer)peer);
        event_free(waiters->look);
        free(waiters);
}

static void keep(struct waiters *waiters, enum note_kind kind, uint64_t ticket, const struct note_ask *ask,
                 uint64_t seq)
{
        struct waiter *waiter = calloc(1, sizeof(*waiter));

        if (!waiter) {
                book_refuse(waiters->book, ticket, DESK_UNAVAILABLE, "out of memory");
                return;
        }
        *waiter = (struct waiter){ .kind = kind, .ticket = ticket, .seq = seq, .ask = *ask };
        waiter->ask.payload = VIEW("");
        waiter->until_ns = clock_now_ns() + ask->wait_ms * NSEC_PER_MSEC;
        LIST_INSERT_HEAD(&waiters->tickets[ticket % BUCKETS], waiter, by_ticket);
        if (kind == NOTE_ENDED)
                LIST_INSERT_HEAD(&waiters->enders, waiter, by_what);
        else if (kind == NOTE_LEASE)
                LIST_INSERT_HEAD(&waiters->leasers, waiter, by_what);
        else if (kind == NOTE_CARD_LIST)
                LIST_INSERT_HEAD(&waiters->listers, waiter, by_what);
        else
                LIST_INSERT_HEAD(&waiters->seqs[seq % BUCKETS], waiter, by_what);
        waiters->n++;
        look_later(waiters);
}

void waiters_ask(struct waiters *waiters, enum note_kind kind, uint64_t ticket, const struct note_ask *ask)
{
        uint64_t seq;

        if (!try(waiters, kind, ticket, ask, ask->wait_ms == 0, &seq))
                keep(waiters, kind, ticket, ask, seq);
}

static void notify_enders(struct waiters *waiters, const struct entry *entry)
{
        struct waiter *waiter = LIST_FIRST(&waiters->enders), *next;

        for (; waiter; waiter = next) {
                next = LIST_NEXT(waiter, by_what);
                if ((!waiter->ask.id[0] || streq(waiter->ask.id, entry->head.batch)) &&
                    (!waiter->ask.owner[0] || streq(waiter->ask.owner, entry->head.owner)))
                        try_waiter(waiters, waiter, false);
        }
}

static void notify_leasers(struct waiters *waiters, const char *lane)
{
        struct waiter *waiter = LIST_FIRST(&waiters->leasers), *next;

        for (; waiter; waiter = next) {
                next = LIST_NEXT(waiter, by_what);
                if (!lane || streq(waiter->ask.lane, lane))
                        try_waiter(waiters, waiter, false);
        }
}

static void notify_listers(struct waiters *waiters)
{
        struct waiter *waiter = LIST_FIRST(&waiters->listers), *next;

        for (; waiter; waiter = next) {
                next = LIST_NEXT(waiter, by_what);
                try_waiter(waiters, waiter, false);
        }
}

void waiters_notify(struct waiters *waiters, const struct entry *entry)
{
        bool ended = flow_has_ended(entry->flow.state);
        struct waiter *waiter = LIST_FIRST(&waiters->seqs[entry->seq % BUCKETS]), *next;

        for (; waiter; waiter = next) {
                next = LIST_NEXT(waiter, by_what);
                if (waiter->seq == entry->seq && (ended || waiter->kind == NOTE_WATCH))
                        try_waiter(waiters, waiter, false);
        }
        if (ended && entry->head.notify)
                notify_listers(waiters);
        if (ended)
                notify_enders(waiters, entry);
        else if (entry->flow.state == FLOW_QUEUED && entry->head.lane[0])
                notify_leasers(waiters, entry->head.lane);
}

void waiters_tick(struct waiters *waiters)
{
        if (waiters->book->queue_ops->count(waiters->book->queue) > 0)
                notify_leasers(waiters, NULL);
}

void waiters_forget(struct waiters *waiters, uint64_t ticket)
{
        struct waiter *waiter;

        LIST_FOREACH(waiter, &waiters->tickets[ticket % BUCKETS], by_ticket)
        if (waiter->ticket == ticket)
                break;
        if (waiter)
                drop(waiters, waiter);
}

void waiters_forget_all(struct waiters *waiters, enum book_peer peer)
{
        for (size_t i = 0; i < BUCKETS; i++) {
                struct waiter *waiter = LIST_FIRST(&waiters->tickets[i]), *next;

                for (; waiter; waiter = next) {
                        next = LIST_NEXT(waiter, by_ticket);
                        if (waiter->ticket % BOOK_PEERS == peer)
                                drop(waiters, waiter);
                }
        }
}

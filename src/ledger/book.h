#pragma once

/*
 * Book: everything the ledger holds, and the life of an entry in it: handed in, leased, finished, cancelled, expired, swept.
 * Each step is a change of a group (ledger/group.h); what it means for queue, work and waiters happens when it is
 * committed.
 */

#include "job/desk.h"
#include "job/note.h"
#include "job/queue.h"
#include "job/store.h"
#include "ledger/group.h"
#include "ledger/shares.h"

struct catalog;
struct config;
struct event_base;
struct link;
struct loans;
struct sets;
struct waiters;
struct works;

/* Who asks.  A ticket is told apart by whose it is: the peer's own, times the number of peers, plus the peer. */
enum book_peer { BOOK_FRONT, BOOK_COURIER, BOOK_PEERS };

static inline uint64_t book_ticket(enum book_peer peer, uint64_t ticket)
{
        return ticket * BOOK_PEERS + peer;
}

struct book {
        const struct config *config;
        const struct catalog *catalog;
        struct event_base *base;
        const struct store_ops *store_ops;
        struct store *store;
        const struct queue_ops *queue_ops;
        struct queue *queue;
        struct group *group;
        struct sets *sets;              /* test sets in memory */
        struct works *works;            /* what our runner runs */
        struct loans *loans;            /* what outside runners run */
        struct waiters *waiters;        /* requests whose answer has to wait */
        struct link *peers[BOOK_PEERS]; /* NULL: there is none now */
        struct shares shares;           /* of the owners of jobs */
        size_t n_arriving;              /* handed in and not committed yet */
        bool shelved;                   /* the packages are known */
        bool stopping;
};

/* Open store and queue, fill the queue from the store, and give back what was leased when the last ledger ended. */
int book_open(struct book *book, const char *directory, struct err *err) MUST_USE;
void book_close(struct book *book);

/*
 * One step of an entry in memory: @event on @entry, with everything that goes with it but the writing.  @text says why
 * it will be tried again or failed; "" or NULL otherwise.  0 or an outcome of flow_step().
 */
int book_step(struct book *book, struct entry *entry, enum flow_event event, uint64_t fence,
              const char *text) MUST_USE;

/* Write an entry that was in the life @before: 0, STORE_NONE, STORE_STALE or -errno. */
int book_write(struct book *book, struct entry *entry, const struct flow *before, struct err *err) MUST_USE;

/* After the commit of any step: into the queue or out of it, and tell who waits for it. */
void book_stepped(struct book *book, const struct entry *entry);

/* An entry by id as @owner may see it ("" sees all): 0, STORE_NONE or -errno. */
int book_find(struct book *book, const char *owner, const char *id, struct entry *ret_entry,
              struct err *err) MUST_USE;

/* The order of an entry into @bytes; 0, STORE_NONE or -errno. */
int book_order(struct book *book, uint64_t seq, struct bytes *bytes, struct err *err) MUST_USE;

/* An event of the book's own (LOST, EXPIRE, RETURN...) on entry @seq, as a change. */
void book_push(struct book *book, uint64_t seq, enum flow_event event, uint64_t fence, const char *text);

/* What time brings: expiry, retention.  Called every second. */
void book_tick(struct book *book);

/* Requests that change something; each answers by itself, later. */
void book_submit(struct book *book, uint64_t ticket, const struct note_ask *ask);
void book_cancel(struct book *book, uint64_t ticket, const struct note_ask *ask);
void book_set_put(struct book *book, uint64_t ticket, const struct note_ask *ask);
void book_set_get(struct book *book, uint64_t ticket, const struct note_ask *ask);

/* Answer a request of a peer, if it is still there. */
void book_answer(struct book *book, uint64_t ticket, const struct desk_answer *answer,
                 const struct desk_entry *entries, size_t n_entries);
void book_refuse(struct book *book, uint64_t ticket, enum desk_status status, const char *text);
void book_fault(struct book *book, uint64_t ticket, const struct err *err);

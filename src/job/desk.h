#pragma once

/*
 * Desk: where a door hands in durable jobs and asks about them.  It is the front's end of the connection to the ledger;
 * runs on the caller's loop, never blocks.
 *
 * Every request is answered through its callback, later, from the loop, exactly once, unless it is
 * forgotten first with desk_forget().  When the ledger dies, requests wait for a new one and
 * are asked again: handing in is told apart by the ids, so nothing is accepted twice.  Without a ledger for five
 * seconds, or with one that does not answer, and when the store cannot write, the answer is DESK_UNAVAILABLE: nothing was accepted that will be run
 * (or the answer is unknown: the same order may be handed in again).
 *
 * Everywhere @owner "" sees what everybody handed in; another sees its own only.
 */

#include "job/order.h"
#include "job/outcome.h"

struct desk;
struct event_base;

enum desk_status {
        DESK_OK,
        DESK_NOT_FOUND,
        DESK_CONFLICT,    /* the idempotency key (or id) was used for another job */
        DESK_FULL,        /* queue or lane: 503 with Retry-After; nothing was accepted */
        DESK_STALE,       /* the lease is not held any more, or the job has ended */
        DESK_EMPTY,       /* nothing to lease came in time */
        DESK_BAD,         /* the test set of an order is unknown, or a record was out of bounds */
        DESK_UNAVAILABLE, /* 503 */
        DESK_STATUS_COUNT,
};

/* One entry of an answer.  What lies in views lives during the call. */
struct desk_entry {
        struct entry entry;
        bool existed;        /* submit: the same job had been handed in before */
        struct view memo;    /* when asked for */
        struct view notice;  /* with the memo, when there is one: for notice_decode() */
        struct view order;   /* lease: for order_decode(); else empty */
        uint32_t n_outcomes; /* when asked for; read them with desk_outcome() */
        struct view outcomes;
};

struct desk_answer {
        enum desk_status status;
        const char *text; /* a sentence, "" when DESK_OK */
        bool last;        /* watch, ended: nothing will come after this */
        const struct desk_entry *entries;
        size_t n_entries;
        uint64_t number;          /* set_put, set_get: cases in the set; watch, ended: the next @after */
        char set[ORDER_SET_TEXT]; /* set_put: its name */
};

typedef void (*desk_fn)(void *arg, const struct desk_answer *answer);

/* Take the outcomes of an entry one by one: 1 and an outcome to outcome_deinit() with its number, 0 at the end, or -errno.
 * Zero @at first. */
int desk_outcome(const struct desk_entry *entry, size_t *at, struct outcome *ret_outcome,
                 uint64_t *ret_number) MUST_USE;

/* @fd is taken over; -1: the ledger comes later, by desk_reconnect_take(). */
int desk_new_take(struct event_base *base, int fd, void (*on_lost)(void *arg), void *arg,
                  struct desk **ret_desk, struct err *err) MUST_USE;
void desk_free(struct desk *desk);
int desk_reconnect_take(struct desk *desk, int fd, struct err *err) MUST_USE;

/* The request's owner is gone: its callback is not called any more. What was handed in stays. */
void desk_forget(struct desk *desk, uint64_t ticket);

/*
 * All functions below: 0 and the request's ticket, or -errno with text and no callback.
 */

/* Hand in: all of @orders or none.  The answer has one entry each, in their order; a job whose idempotency key is known
 * is answered with the entry it had (`existed`). */
int desk_submit(struct desk *desk, const struct order *orders, size_t n, desk_fn fn, void *arg,
                uint64_t *ret_ticket, struct err *err) MUST_USE;

enum {
        DESK_WANT_MEMO = 1 << 0,
        DESK_WANT_OUTCOMES = 1 << 1, /* with their outputs */
};

/* One job.  With @wait_ms it is answered when the job has ended, or then. */
int desk_get(struct desk *desk, const char *owner, const char *id, uint64_t wait_ms, unsigned want,
             desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err) MUST_USE;

struct desk_filter {
        const char *owner;
        const char *door;  /* "": of every door */
        const char *batch; /* "": whichever */
        uint32_t states;   /* 1 << enum flow_state; 0: all */
        uint64_t before;   /* seq; 0: from the newest on */
        uint32_t most;     /* entries, at most DESK_LIST_MAX */
        unsigned want;     /* DESK_WANT_MEMO */
};

enum { DESK_LIST_MAX = 1000 };

/* Newest first. */
int desk_list(struct desk *desk, const struct desk_filter *filter, desk_fn fn, void *arg,
              uint64_t *ret_ticket, struct err *err) MUST_USE;

/* DESK_OK with the entry as it is now: cancelled, or DESK_STALE when it had ended before. */
int desk_cancel(struct desk *desk, const char *owner, const char *id, desk_fn fn, void *arg,
                uint64_t *ret_ticket, struct err *err) MUST_USE;

/*
 * Streams are pulled: each call is answered once, with some of what comes after @after (about a MiB at most), or when
 * @wait_ms is over with nothing.  answer.number is the @after of the next call; `last` says that there is no more.
 *
 * desk_watch(): outcomes of one job, in the order in which they were written.
 * desk_ended(): jobs with their outcomes, in the order of their ends, counted by ended_number; of one batch, or with
 * @batch "" of all, which has no last.
 */
int desk_watch(struct desk *desk, const char *owner, const char *id, uint64_t after, uint64_t wait_ms,
               desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err) MUST_USE;
int desk_ended(struct desk *desk, const char *owner, const char *batch, uint64_t after, uint64_t wait_ms,
               unsigned want, desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err) MUST_USE;

/*
 * For doors to outside runners.  Lease the next job of @lane, waiting up to @wait_ms for one; the lease ends after
 * @lease_ms unless renewed.  entry.flow.fence is what renew and finish have to name; @fence 0 stands for whoever holds it.
 */
int desk_lease(struct desk *desk, const char *lane, uint64_t wait_ms, uint64_t lease_ms, desk_fn fn,
               void *arg, uint64_t *ret_ticket, struct err *err) MUST_USE;
int desk_renew(struct desk *desk, const char *id, uint64_t fence, uint64_t lease_ms, desk_fn fn, void *arg,
               uint64_t *ret_ticket, struct err *err) MUST_USE;

/* All outcomes of the job; missing cases count as skipped.  DESK_STALE when another holds it or it has ended. */
int desk_finish(struct desk *desk, const char *id, uint64_t fence, const struct outcome *outcomes, size_t n,
                desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err) MUST_USE;

/*
 * Cards: small documents of a door (at most ORDER_MEMO_MAX), kept until they are dropped, by name in a drawer of the door's own.  Every
 * answer has an entry for each card: its head.id is the name, its memo the text (get, list).  A list comes in
 * the order of the names; unless `last`, more follow @after the last of them.
 */
int desk_card_put(struct desk *desk, const char *drawer, const char *name, struct view text, desk_fn fn,
                  void *arg, uint64_t *ret_ticket, struct err *err) MUST_USE;
int desk_card_drop(struct desk *desk, const char *drawer, const char *name, desk_fn fn, void *arg,
                   uint64_t *ret_ticket, struct err *err) MUST_USE;
int desk_card_get(struct desk *desk, const char *drawer, const char *name, desk_fn fn, void *arg,
                  uint64_t *ret_ticket, struct err *err) MUST_USE;
int desk_card_list(struct desk *desk, const char *drawer, const char *after, uint32_t most, desk_fn fn,
                   void *arg, uint64_t *ret_ticket, struct err *err) MUST_USE;

/* The same, answered with an empty list only after @wait_ms. */
int desk_card_await(struct desk *desk, const char *drawer, const char *after, uint32_t most, uint64_t wait_ms,
                    desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err) MUST_USE;

/* Can jobs be accepted?  DESK_OK, or DESK_UNAVAILABLE when the store could not be written. */
int desk_ready(struct desk *desk, desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err) MUST_USE;

/* Test sets: kept by content, found by name. */
int desk_set_put(struct desk *desk, const struct order_case *cases, size_t n, desk_fn fn, void *arg,
                 uint64_t *ret_ticket, struct err *err) MUST_USE;
int desk_set_get(struct desk *desk, const char *set, desk_fn fn, void *arg, uint64_t *ret_ticket,
                 struct err *err) MUST_USE;

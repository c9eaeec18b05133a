#pragma once

/*
 * Ask: what an exchange wants from the ledger (job/desk.h), so that nobody is called back for a client that has gone.
 * It is the exchange's state, or the first member of it.
 *
 *     struct ask *ask = ask_new(exchange, sizeof(*ask), on_answer);
 *     if (ask)
 *             ASK(ask, desk_get, "", id, 0, DESK_WANT_MEMO);
 */

#include "job/desk.h"
#include "util/err.h"

struct exchange;

struct ask {
        struct exchange *exchange;
        void (*fn)(struct exchange *exchange, const struct desk_answer *answer); /* may ask again */
        uint64_t ticket;
        bool open;
};

/* @room bytes, zeroed but for the ask, as the state of @exchange; NULL: it has been answered 500. */
void *ask_new(struct exchange *exchange, size_t room,
              void (*fn)(struct exchange *exchange, const struct desk_answer *answer));

/* What becomes of it with its exchange: to be called by an on_end that a door puts in the place of this one. */
void ask_end(struct exchange *exchange);

/* For ASK(). */
struct desk *ask_desk(const struct ask *ask);
void ask_arrived(void *arg, const struct desk_answer *answer);
void ask_sent(struct ask *ask, int r, const struct err *err);

/* A function of the desk with its arguments; what it cannot even send is answered as DESK_UNAVAILABLE. */
#define ASK(ask, function, ...)                                                                              \
        do {                                                                                                 \
                struct err ask_err_ = { "" };                                                                \
                ask_sent(                                                                                    \
                        (ask),                                                                               \
                        function(ask_desk(ask), __VA_ARGS__, ask_arrived, (ask), &(ask)->ticket, &ask_err_), \
                        &ask_err_);                                                                          \
        } while (0)

#pragma once

/*
 * Exchange: one request and the answer it is owed.
 *
 * A door gets an exchange whose request is complete, and answers it exactly once, at once or later.
 * The answer ends the exchange: do not touch it after exchange_reply() or exchange_fail().
 * When the client goes away first, the exchange ends without a word: its job is cancelled, its state freed.
 *
 * A door that speaks WebSocket will take the connection over instead of answering: its row of routes.def is a GET like any
 * other, the request carries the upgrade fields, and conn.c is where descriptor and unread bytes are handed on.
 */

#include "api/http1.h"
#include "api/reply.h"
#include "api/route.h"
#include "job/entry.h"

struct caller;
struct conn;
struct err;
struct exchange;
struct front;
struct job;
struct result;
struct server;
struct work;

typedef void (*exchange_room_fn)(struct exchange *exchange);
typedef void (*exchange_result_fn)(struct exchange *exchange, const struct result *result);

struct exchange {
        struct http1 http;
        const struct front *front; /* configuration and catalog */
        char owner[ENTRY_OWNER_MAX +
                   1]; /* whose API key came with it; "": there are no keys, or it sees all */
        void *state;   /* the door's own, freed with free(3) */
        void (*on_end)(struct exchange *exchange); /* before that, however it ended; NULL: nothing to do */
        struct view params[ROUTE_PARAMS_MAX];      /* of the path, where its route has {names}; not decoded */

        /* Below is the business of conn.c, exchange.c, gate.c and route.c. */
        int found; /* what route_find() said of it */
        const struct route *route;
        char allow[ROUTE_ALLOW_MAX];
        struct caller *caller; /* whose key it is; NULL: there are none */
        bool seated;           /* counts against its caller's concurrency */
        struct conn *conn;
        struct server *server;
        exchange_result_fn on_result;
        exchange_room_fn on_room;
        uint64_t ticket;
        bool submitted;
        struct work *work;
        uint64_t charge; /* its share of server->body_bytes */
};

struct exchange *exchange_new(struct server *server, struct conn *conn) MUST_USE;
/* Cancels its job when one is running. */
void exchange_free(struct exchange *exchange);

/* Bring the charge for the body up to date. */
void exchange_charge(struct exchange *exchange);

/* The body has been read and is not needed any more. */
void exchange_drop_body(struct exchange *exchange);

/* Move the body out; it stays charged until exchange_drop_body(). */
struct bytes exchange_take_body(struct exchange *exchange);

/*
 * Run @work on a thread, which must not touch the exchange.  In its done(), work->owner is the exchange, or NULL when
 * the client has gone.
 */
void exchange_work(struct exchange *exchange, struct work *work);

/* Answer; the body of @reply is taken over. */
void exchange_reply(struct exchange *exchange, struct reply *reply);

/* Answer {"message": @message}. */
void exchange_fail(struct exchange *exchange, int status, const char *message);

/*
 * Answer 200 in pieces: begin once, add, end, which ends the exchange.  @on_room is called once, from the loop, when the
 * client has taken most of what was added; add no more than a few hundred KiB between two of its calls.  A client
 * that goes away, or takes nothing for the write timeout, ends the exchange without a word.
 */
void exchange_stream(struct exchange *exchange, const char *type);
void exchange_stream_add(struct exchange *exchange, struct view bytes);
void exchange_stream_want(struct exchange *exchange, exchange_room_fn on_room);
void exchange_stream_end(struct exchange *exchange);

/*
 * Hand a job to the runner; @on_result is called from the loop, later, unless the client goes away before.
 * 0, or a negative errno with text: then the exchange is still to be answered.
 */
int exchange_submit(struct exchange *exchange, const struct job *job, exchange_result_fn on_result,
                    struct err *err) MUST_USE;

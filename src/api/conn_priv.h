#pragma once

/* A connection from inside: conn.c reads requests and decides what to wait for, conn_answer.c writes answers. */

#include "api/conn.h"
#include "api/front.h"
#include "api/http1.h"
#include "api/server.h"

#include <event2/event_struct.h>

enum { CONN_OUT_HIGH = 65536 }; /* bytes of answers above which nothing more is begun */

enum conn_state { CONN_HEAD, CONN_BODY, CONN_BUSY, CONN_LINGER };

struct conn {
        TAILQ_ENTRY(conn) link;
        struct server *server;
        int fd;
        enum conn_state state;
        bool idle;      /* in server->idle: HEAD, and not a byte of it */
        bool fresh;     /* no request so far: its head is due since accept */
        bool eof;       /* the client sends nothing more, and we have read it all */
        bool left;      /* a FIN was seen while BUSY */
        bool closing;   /* close once everything is sent */
        bool streaming; /* BUSY, and its head is sent */
        bool chunked;
        bool running;
        bool dead;
        short watched; /* events asked of libevent */
        struct event event;
        struct event timer;
        uint64_t armed;         /* when the timer fires; 0: not armed */
        uint64_t deadline;      /* of the state; 0: none */
        uint64_t send_deadline; /* 0: nothing to send */
        struct evbuffer *in;
        struct evbuffer *out;
        size_t counted; /* its share of server->answer_bytes */
        struct http1_scan scan;
        struct exchange *exchange;
};

static inline const struct config *conn_config(const struct conn *conn)
{
        return conn->server->front->config;
}

/* Go on as far as it can; may free. */
void conn_run(struct conn *conn);
void conn_free(struct conn *conn);

/* Move to the end of the other list. */
void conn_change_list(struct conn *conn);

/* Write what the client takes. */
void conn_flush(struct conn *conn);

/* Tell the door of a stream that its client has taken most of what there was. */
void conn_offer_room(struct conn *conn);

/*
 * Answers that nobody takes cost memory: past what all of them may have, whoever has been slowest to take theirs is
 * closed.  The one at hand is spared, however large its answer is.
 */
void conn_count_answers(struct conn *conn);

#pragma once

/* Conn: one client connection: reads requests one after the other, writes answers in the same order. */

#include "util/base.h"

#include "util/bytes.h"

struct conn;
struct evbuffer;
struct reply;
struct server;

/* 0 or -ENOMEM; @fd is taken over. */
int conn_open_take(struct server *server, int fd) MUST_USE;

/* Close now: cancels its job, tells nobody. */
void conn_close(struct conn *conn);

/* Answer the request at hand, which ends its exchange; the body of @reply is taken over. */
void conn_reply(struct conn *conn, struct reply *reply);

/* An answer in pieces; see exchange_stream(). */
void conn_stream_begin(struct conn *conn, const char *type);
void conn_stream_add(struct conn *conn, struct view bytes);
void conn_stream_end(struct conn *conn);

/* The connection becomes something else than HTTP: what was read of it and what is not sent yet, and its descriptor.  The
 * conn ends with the exchange at hand. */
int conn_hand_over(struct conn *conn, struct evbuffer *in, struct evbuffer *out) MUST_USE;

/* Look for room from the loop. */
void conn_stream_wake(struct conn *conn);

/* The server drains: close unless a request is waiting to be read; cut the streams, which their clients take up again. */
void conn_drain(struct conn *conn);
void conn_cut_streams(struct server *server);

/* Keys were taken away: close what is under way with them. */
void conn_cut_gone(struct server *server);

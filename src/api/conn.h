#pragma once

/* Conn: one client connection: reads requests one after the other, writes answers in the same order. */

#include "util/base.h"

struct conn;
struct reply;
struct server;

/* 0 or -ENOMEM; @fd is taken over. */
int conn_open_take(struct server *server, int fd) MUST_USE;

/* Close now: cancels its job, tells nobody. */
void conn_close(struct conn *conn);

/* Answer the request at hand, which ends its exchange; the body of @reply is taken over. */
void conn_reply(struct conn *conn, struct reply *reply);

/* The server drains: close unless a request is waiting to be read. */
void conn_drain(struct conn *conn);

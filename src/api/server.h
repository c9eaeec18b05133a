#pragma once

/* Server: listeners, the connections they brought, and what these share. */

#include "api/reply.h"
#include "util/base.h"

#include <sys/queue.h>

struct client;
struct conn;
struct desk;
struct err;
struct event;
struct event_base;
struct front;
struct gate;
struct pool;
struct porter;

TAILQ_HEAD(conn_list, conn);
TAILQ_HEAD(websocket_list, websocket);

struct server {
        const struct front *front;
        struct event_base *base;
        struct client *client;
        struct desk *desk;
        struct porter *porter;
        struct pool *pool;
        struct gate *gate;
        struct event **listeners;
        struct event *pause; /* ends a pause of the listeners after running out of descriptors */
        struct reply_common common;
        struct conn_list idle; /* between requests, the longest idle first */
        struct conn_list active;
        struct websocket_list websockets;
        size_t n_conns;
        size_t max_conns;
        uint64_t body_bytes; /* of all requests together */
        uint64_t body_bytes_max;
        uint64_t answer_bytes; /* of all answers that wait for their clients */
        bool draining;
};

/* @server is zeroed but for front, base, client, desk, porter, pool and gate. */
int server_init(struct server *server, struct err *err) MUST_USE;
void server_deinit(struct server *server);

/* Accept nothing for so long, or until server_release(); clients wait. */
void server_hold(struct server *server, unsigned ms);
void server_release(struct server *server);

/* Stop listening, close what is idle; breaks the loop when the last connection is gone. */
void server_drain(struct server *server);

/* A connection has ended; called by conn.c. */
void server_forget(struct server *server);

/*
 * Theory of operation: the exchange stands between a door, which knows requests and results, and the connection, which knows
 * bytes.  It owns the request, the door's state and the ticket of the job; whoever ends first, all three go together.
 */
#include "api/exchange.h"
#include "api/conn.h"
#include "api/front.h"
#include "api/gate.h"
#include "api/pool.h"
#include "api/server.h"
#include "config/config.h"
#include "job/client.h"
#include "job/job.h"

struct exchange *exchange_new(struct server *server, struct conn *conn)
{
        struct exchange *exchange = calloc(1, sizeof(*exchange));

        if (!exchange)
                return NULL;
        http1_init(&exchange->http, server->front->config->request_body_limit);
        exchange->front = server->front;
        exchange->server = server;
        exchange->conn = conn;
        return exchange;
}

void exchange_free(struct exchange *exchange)
{
        if (!exchange)
                return;
        if (exchange->on_end)
                exchange->on_end(exchange);
        if (exchange->submitted)
                client_cancel(exchange->server->client, exchange->ticket);
        if (exchange->work)
                exchange->work->owner = NULL;
        exchange_drop_body(exchange);
        gate_leave(exchange);
        http1_deinit(&exchange->http);
        free(exchange->state);
        free(exchange);
}

void exchange_charge(struct exchange *exchange)
{
        exchange->server->body_bytes += exchange->http.body.room - exchange->charge;
        exchange->charge = exchange->http.body.room;
}

void exchange_drop_body(struct exchange *exchange)
{
        bytes_deinit(&exchange->http.body);
        exchange_charge(exchange);
}

struct bytes exchange_take_body(struct exchange *exchange)
{
        struct bytes body = exchange->http.body;

        exchange->http.body = BYTES_INIT(0);
        return body;
}

void exchange_reply(struct exchange *exchange, struct reply *reply)
{
        conn_reply(exchange->conn, reply);
}

void exchange_fail(struct exchange *exchange, int status, const char *message)
{
        struct reply reply;

        reply_message(&reply, status, message);
        exchange_reply(exchange, &reply);
}

void exchange_stream(struct exchange *exchange, const char *type)
{
        conn_stream_begin(exchange->conn, type);
}

void exchange_stream_add(struct exchange *exchange, struct view bytes)
{
        conn_stream_add(exchange->conn, bytes);
}

void exchange_stream_want(struct exchange *exchange, exchange_room_fn on_room)
{
        exchange->on_room = on_room;
        conn_stream_wake(exchange->conn);
}

void exchange_stream_end(struct exchange *exchange)
{
        conn_stream_end(exchange->conn);
}

void exchange_work(struct exchange *exchange, struct work *work)
{
        work->owner = exchange;
        exchange->work = work;
        pool_add(exchange->server->pool, work);
}

static void on_done(void *arg, const struct result *result)
{
        struct exchange *exchange = arg;

        exchange->submitted = false;
        exchange->on_result(exchange, result);
}

int exchange_submit(struct exchange *exchange, const struct job *job, exchange_result_fn on_result,
                    struct err *err)
{
        struct job whose = *job; /* the same job: what it points to stays the caller's */
        int r;

        gate_name_job(exchange->caller, &whose);
        exchange->on_result = on_result;
        r = client_submit(exchange->server->client, &whose, on_done, exchange, &exchange->ticket, err);
        if (r < 0)
                return r;
        exchange->submitted = true;
        return 0;
}

/*
 * Theory of operation: an answer goes into `out` whole, or piece by piece while its exchange is BUSY; the socket takes it as it
 * can.  When the last byte is in `out` the exchange is over, and conn_run() looks at the next request.
 */
#include "api/conn_priv.h"
#include "api/exchange.h"
#include "config/config.h"
#include "util/clock.h"
#include "util/log.h"

#include <event2/buffer.h>
#include <event2/event.h>

#define ANSWER_BYTES_MAX (256 * MIB)

void conn_change_list(struct conn *conn)
{
        struct server *server = conn->server;

        TAILQ_REMOVE(conn->idle ? &server->idle : &server->active, conn, link);
        conn->idle = !conn->idle;
        if (conn->idle)
                TAILQ_INSERT_TAIL(&server->idle, conn, link);
        else
                TAILQ_INSERT_TAIL(&server->active, conn, link);
}

void conn_flush(struct conn *conn)
{
        while (!conn->dead && evbuffer_get_length(conn->out) > 0) {
                if (evbuffer_write(conn->out, conn->fd) < 0) {
                        conn->dead = errno != EAGAIN && errno != EINTR;
                        break;
                }
        }
        if (evbuffer_get_length(conn->out) == 0)
                conn->send_deadline = 0;
}

static struct reply_how how_of(struct conn *conn)
{
        const struct http1_request *request = conn->exchange ? &conn->exchange->http.request : NULL;

        if (!request || conn->exchange->http.status != 0 || !request->keep_alive || conn->server->draining)
                conn->closing = true;
        return (struct reply_how){
                .with_body = !request || !view_eq(request->method, VIEW("HEAD")),
                .close = conn->closing,
                .minor = request ? request->minor : 1,
        };
}

/* The whole answer is in `out`: the exchange is over. */
static void answered(struct conn *conn)
{
        uint64_t now = clock_now_ns();

        exchange_free(TAKE_PTR(conn->exchange));
        if (conn->idle)
                conn_change_list(conn); /* its idle time begins anew */
        conn->scan = (struct http1_scan){ 0 };
        conn->left = false;
        conn->fresh = false;
        conn->streaming = false;
        conn->state = CONN_HEAD;
        conn->deadline = 0;
        conn->send_deadline = now + conn_config(conn)->write_timeout;
        if (!conn->running)
                conn_run(conn);
}

void conn_reply(struct conn *conn, struct reply *reply)
{
        if (reply_format(reply, &conn->server->common, how_of(conn), conn->out) < 0)
                conn->dead = true;
        reply_deinit(reply);
        answered(conn);
}

/* A client of HTTP/1.0 knows no chunks: for it the end of the connection is the end of the stream. */
void conn_stream_begin(struct conn *conn, const char *type)
{
        struct reply_how how;

        conn->chunked = conn->exchange->http.request.minor > 0;
        conn->closing = conn->closing || !conn->chunked;
        how = how_of(conn);
        if (reply_format_stream(type, &conn->server->common, how, conn->out) < 0)
                conn->dead = true;
        conn->streaming = true;
}

void conn_stream_add(struct conn *conn, struct view bytes)
{
        bool is_head = view_eq(conn->exchange->http.request.method, VIEW("HEAD"));

        if (bytes.n == 0 || is_head)
                return;
        if ((conn->chunked && evbuffer_add_printf(conn->out, "%zx\r\n", bytes.n) < 0) ||
            evbuffer_add(conn->out, bytes.p, bytes.n) < 0 ||
            (conn->chunked && evbuffer_add(conn->out, "\r\n", 2) < 0))
                conn->dead = true;
        if (conn->send_deadline == 0)
                conn->send_deadline = clock_now_ns() + conn_config(conn)->write_timeout;
        conn_stream_wake(conn);
}

void conn_stream_wake(struct conn *conn)
{
        event_active(&conn->event, EV_TIMEOUT, 0);
}

void conn_stream_end(struct conn *conn)
{
        bool is_head = view_eq(conn->exchange->http.request.method, VIEW("HEAD"));

        if (conn->chunked && !is_head && evbuffer_add(conn->out, "0\r\n\r\n", 5) < 0)
                conn->dead = true;
        answered(conn);
}

void conn_offer_room(struct conn *conn)
{
        exchange_room_fn on_room = conn->exchange ? conn->exchange->on_room : NULL;

        if (!conn->streaming || !on_room || conn->dead || evbuffer_get_length(conn->out) > CONN_OUT_HIGH)
                return;
        conn->exchange->on_room = NULL;
        on_room(conn->exchange);
        conn_flush(conn);
}

static struct conn *slowest_but(struct conn *spared)
{
        struct conn *slowest = NULL, *conn;

        TAILQ_FOREACH(conn, &spared->server->active, link)
        {
                if (conn == spared || conn->counted == 0)
                        continue;
                if (!slowest || conn->send_deadline < slowest->send_deadline)
                        slowest = conn;
        }
        return slowest;
}

void conn_count_answers(struct conn *conn)
{
        struct server *server = conn->server;
        size_t n = evbuffer_get_length(conn->out);
        struct conn *slowest;

        server->answer_bytes += n - conn->counted;
        conn->counted = n;
        while (server->answer_bytes > ANSWER_BYTES_MAX && (slowest = slowest_but(conn))) {
                log_debug("closed a connection that holds %zu bytes of its answer", slowest->counted);
                conn_free(slowest);
        }
}

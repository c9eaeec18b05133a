/*
 * Theory of operation
 *
 *            accept
 *              |
 *              v   a head that needs a body      whole
 *      +---> HEAD ----------------------> BODY ---------+
 *      |       | a head without body                    v
 *      |       +-------------------------------------> BUSY   a door has the request
 *      |                                                |
 *      +------------------- keep-alive <----------------+ conn_reply()
 *                                                       | close, refusal
 *                                                       v
 *                                                     LINGER -> closed
 *
 * Requests are taken one at a time, so pipelined answers go out in order; while one is answered the next ones wait in
 * `in` and, past READ_AHEAD, in the kernel.  The next head is not looked at while more than CONN_OUT_HIGH bytes of answers
 * wait for the client.
 *
 * Whatever happens is an event; every event ends in conn_run(), which goes on as far as it can, decides what to wait
 * for, and is the only place that frees.  Code below it marks a connection dead and returns.  What is said to the client
 * is written by conn_answer.c.
 *
 * While a request is BUSY the client may leave.  A reset shows at once.  A FIN may be a client that closed, or one that
 * only closed its sending side and waits: a 100 (Continue), which any HTTP/1.1 client has to skip, makes the kernel of
 * the former answer with a reset.  From then on we wait edge-triggered, or the FIN would wake us for ever.
 *
 * After a refusal or a "Connection: close" the sending side is shut down and what the client still sends is thrown away
 * for a moment, lest a reset takes the answer away before it was read.
 */
#include "api/conn_priv.h"
#include "api/exchange.h"
#include "api/gate.h"
#include "api/route.h"
#include "api/server.h"
#include "config/config.h"
#include "util/clock.h"
#include "util/log.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <poll.h>
#include <sys/socket.h>

enum {
        READ_STEP = 65536,
        READ_AHEAD = 65536,
        REQUESTS_PER_TURN = 16, /* then others get their turn */
};

#define LINGER_NS (2 * NSEC_PER_SEC)
#define CONTINUE  "HTTP/1.1 100 Continue\r\n\r\n"

static void settle_idle(struct conn *conn)
{
        bool idle = conn->state == CONN_HEAD && !conn->closing && evbuffer_get_length(conn->in) == 0 &&
                    evbuffer_get_length(conn->out) == 0;

        if (conn->idle == idle)
                return;
        conn_change_list(conn);
        if (idle)
                conn->deadline = clock_now_ns() + conn_config(conn)->idle_timeout;
}

void conn_free(struct conn *conn)
{
        struct server *server = conn->server;

        server->answer_bytes -= conn->counted;
        exchange_free(conn->exchange);
        event_del(&conn->event);
        event_del(&conn->timer);
        evbuffer_free(conn->in);
        evbuffer_free(conn->out);
        close_fd(&conn->fd);
        TAILQ_REMOVE(conn->idle ? &server->idle : &server->active, conn, link);
        free(conn);
        server_forget(server);
}

/* Only the kernel's word counts: recv(2) says 0 both for a FIN and, after one, for a reset. */
static short peer_state(const struct conn *conn)
{
        struct pollfd pfd = { conn->fd, POLLRDHUP, 0 };

        return poll(&pfd, 1, 0) > 0 ? pfd.revents : 0;
}

static void conn_fill(struct conn *conn)
{
        static char scratch[READ_STEP]; /* one thread; never read before it was written */
        ssize_t n = recv(conn->fd, scratch, sizeof(scratch), 0);

        if (n < 0)
                conn->dead = errno != EAGAIN && errno != EINTR;
        else if (n == 0)
                conn->eof = true;
        else if (conn->state != CONN_LINGER && evbuffer_add(conn->in, scratch, (size_t)n) < 0)
                conn->dead = true;
}

static void send_continue(struct conn *conn)
{
        if (evbuffer_add(conn->out, CONTINUE, sizeof(CONTINUE) - 1) < 0)
                conn->dead = true;
        if (conn->send_deadline == 0)
                conn->send_deadline = clock_now_ns() + conn_config(conn)->write_timeout;
}

/* The client may have left while its request is BUSY: see above. */
static void peer_finished(struct conn *conn)
{
        if (conn->left || !conn->exchange)
                return;
        conn->left = true;
        if (conn->exchange->http.request.minor > 0 && !conn->streaming)
                send_continue(conn);
}

/* Answer what is wrong with the bytes themselves, and close. */
static void refuse(struct conn *conn, int status, const char *reason)
{
        struct reply reply;

        log_debug("refused: %d %s", status, reason);
        reply_message(&reply, status, reason);
        conn->closing = true;
        conn_reply(conn, &reply);
}

static void dispatch(struct conn *conn)
{
        conn->state = CONN_BUSY;
        conn->deadline = 0;
        route_dispatch(conn->exchange);
}

static void begin(struct conn *conn, struct view head)
{
        struct server *server = conn->server;
        struct reply reply;
        int r;

        conn->exchange = exchange_new(server, conn);
        r = conn->exchange ? http1_begin(&conn->exchange->http, head) : -ENOMEM;
        evbuffer_drain(conn->in, head.n);
        if (r < 0) {
                conn->dead = true;
        } else if (r > HTTP1_DONE) {
                refuse(conn, r, conn->exchange->http.reason);
        } else if (!gate_ask(server->gate, conn->exchange, clock_now_ns(), &reply)) {
                conn->closing = r != HTTP1_DONE; /* the body is not read */
                conn_reply(conn, &reply);
        } else if (r == HTTP1_DONE) {
                dispatch(conn);
        } else {
                conn->state = CONN_BODY;
                conn->deadline = clock_now_ns() + conn_config(conn)->body_timeout;
                if (conn->exchange->http.request.expects_continue && evbuffer_get_length(conn->in) == 0)
                        send_continue(conn);
        }
}

/* Returns whether there is reason to go on at once. */
static bool step_head(struct conn *conn)
{
        size_t n = evbuffer_get_length(conn->in);
        const char *p, *reason = "";
        int r;

        if (evbuffer_get_length(conn->out) > CONN_OUT_HIGH)
                conn_flush(conn);
        if (conn->dead || conn->closing || evbuffer_get_length(conn->out) > CONN_OUT_HIGH)
                return false;
        if (n == 0) {
                conn->closing = conn->eof;
                return false;
        }
        if (!conn->fresh && conn->scan.at == 0)
                conn->deadline = clock_now_ns() + conn_config(conn)->header_timeout;
        n = MIN(n, (size_t)HTTP1_HEAD_MAX + 1);
        p = (const char *)evbuffer_pullup(conn->in, (ssize_t)n);
        r = p ? http1_scan(&conn->scan, p, n, &reason) : -ENOMEM;
        if (r == HTTP1_DONE)
                begin(conn, (struct view){ p, conn->scan.at });
        else if (r > HTTP1_DONE)
                refuse(conn, r, reason);
        else if (r < 0 || conn->eof)
                conn->dead = true;
        return r > 0;
}

static bool step_body(struct conn *conn)
{
        struct server *server = conn->server;
        struct exchange *exchange = conn->exchange;
        struct evbuffer_iovec piece;

        while (evbuffer_peek(conn->in, -1, NULL, &piece, 1) > 0) {
                size_t used;
                int r = http1_feed(&exchange->http, piece.iov_base, piece.iov_len, &used);

                evbuffer_drain(conn->in, used);
                exchange_charge(exchange);
                if (r == HTTP1_DONE)
                        dispatch(conn);
                else if (r > HTTP1_DONE)
                        refuse(conn, r, exchange->http.reason);
                else if (server->body_bytes > server->body_bytes_max)
                        refuse(conn, 503, "too many large requests at once");
                if (conn->state != CONN_BODY)
                        return true;
        }
        if (conn->eof)
                refuse(conn, 400, "the body ended early");
        return conn->eof;
}

/* All is sent and the connection is to be closed. */
static void linger(struct conn *conn)
{
        shutdown(conn->fd, SHUT_WR);
        evbuffer_drain(conn->in, evbuffer_get_length(conn->in));
        conn->state = CONN_LINGER;
        conn->deadline = clock_now_ns() + LINGER_NS;
}

static void on_timer(evutil_socket_t fd, short what, void *arg);
static void on_event(evutil_socket_t fd, short what, void *arg);

/* The timer is left running when it fires too early: it looks again then, which is cheaper than setting it often. */
static void arm(struct conn *conn)
{
        uint64_t when = conn->deadline, now;
        struct timeval tv;

        if (conn->send_deadline && (when == 0 || conn->send_deadline < when))
                when = conn->send_deadline;
        if (when == 0 || (conn->armed && conn->armed <= when))
                return;
        now = clock_now_ns();
        when = MAX(when, now);
        tv.tv_sec = (time_t)((when - now) / NSEC_PER_SEC);
        tv.tv_usec = (suseconds_t)((when - now) % NSEC_PER_SEC / 1000 + 1);
        event_add(&conn->timer, &tv);
        conn->armed = when;
}

static void watch(struct conn *conn)
{
        bool reads = !conn->eof;
        short want;

        if (conn->state == CONN_BUSY)
                reads = reads && !conn->left && evbuffer_get_length(conn->in) < READ_AHEAD;
        else if (conn->state == CONN_HEAD)
                reads = reads && !conn->closing && evbuffer_get_length(conn->in) <= HTTP1_HEAD_MAX;
        want = reads ? EV_READ | EV_PERSIST : EV_READ | EV_CLOSED | EV_ET | EV_PERSIST;
        if (evbuffer_get_length(conn->out) > 0)
                want |= EV_WRITE;
        if (want == conn->watched)
                return;
        event_del(&conn->event);
        event_assign(&conn->event, conn->server->base, conn->fd, want, on_event, conn);
        event_add(&conn->event, NULL);
        conn->watched = want;
}

/* Returns whether there is more to do, at another turn. */
static bool conn_advance(struct conn *conn)
{
        bool more = true;

        for (int i = 0; i < REQUESTS_PER_TURN && more && !conn->dead; i++) {
                more = conn->state == CONN_HEAD   ? step_head(conn)
                       : conn->state == CONN_BODY ? step_body(conn)
                                                  : false;
        }
        if (!conn->dead && conn->eof && conn->state == CONN_BUSY)
                peer_finished(conn);
        conn_flush(conn);
        conn_offer_room(conn);
        return more;
}

void conn_run(struct conn *conn)
{
        bool more;

        conn->running = true;
        more = conn_advance(conn);
        if (!conn->dead && conn->closing && conn->state == CONN_HEAD && evbuffer_get_length(conn->out) == 0)
                linger(conn);
        if (conn->state == CONN_LINGER && conn->eof)
                conn->dead = true;
        conn->running = false;
        if (conn->dead) {
                conn_free(conn);
                return;
        }
        settle_idle(conn);
        conn_count_answers(conn);
        watch(conn);
        arm(conn);
        if (more)
                event_active(&conn->event, EV_TIMEOUT, 0);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
        struct conn *conn = arg;

        if (what & (EV_READ | EV_CLOSED)) {
                if (conn->watched & EV_ET) {
                        short state = peer_state(conn);

                        conn->dead = state & (POLLERR | POLLHUP);
                        if (state & POLLRDHUP && conn->state == CONN_BUSY)
                                peer_finished(conn);
                } else {
                        conn_fill(conn);
                }
        }
        conn_run(conn);
}

/* A deadline has passed. */
static void expire(struct conn *conn)
{
        if (conn->state == CONN_BODY)
                refuse(conn, 408, "the request body did not arrive in time");
        else if (conn->state == CONN_HEAD && !conn->idle && !conn->closing)
                refuse(conn, 408, "the request head did not arrive in time");
        else
                conn->dead = true;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
        struct conn *conn = arg;
        uint64_t now = clock_now_ns();

        conn->armed = 0;
        conn->running = true;
        if (conn->send_deadline && conn->send_deadline <= now)
                conn->dead = true;
        else if (conn->deadline && conn->deadline <= now)
                expire(conn);
        conn_run(conn);
}

int conn_open_take(struct server *server, int fd)
{
        struct conn *conn = calloc(1, sizeof(*conn));

        if (!conn) {
                close(fd);
                return -ENOMEM;
        }
        conn->server = server;
        conn->fd = fd;
        conn->in = evbuffer_new();
        conn->out = evbuffer_new();
        conn->idle = true;
        conn->fresh = true;
        conn->deadline = clock_now_ns() + conn_config(conn)->header_timeout;
        TAILQ_INSERT_TAIL(&server->idle, conn, link);
        server->n_conns++;
        event_assign(&conn->event, server->base, fd, EV_READ | EV_PERSIST, on_event, conn);
        event_assign(&conn->timer, server->base, -1, 0, on_timer, conn);
        if (!conn->in || !conn->out || event_add(&conn->event, NULL) < 0) {
                conn_free(conn);
                return -ENOMEM;
        }
        conn->watched = EV_READ | EV_PERSIST;
        arm(conn);
        return 0;
}

void conn_close(struct conn *conn)
{
        conn->dead = true;
        if (!conn->running)
                conn_free(conn);
}

int conn_hand_over(struct conn *conn, struct evbuffer *in, struct evbuffer *out)
{
        event_del(&conn->event);
        evbuffer_add_buffer(in, conn->in);
        evbuffer_add_buffer(out, conn->out);
        conn->dead = true;
        return TAKE_FD(conn->fd);
}

void conn_drain(struct conn *conn)
{
        if (!conn->eof)
                conn_fill(conn);
        conn->closing = conn->closing || evbuffer_get_length(conn->in) == 0;
        conn_run(conn);
}

void conn_cut_streams(struct server *server)
{
        struct conn *conn = TAILQ_FIRST(&server->active), *next;

        for (; conn; conn = next) {
                next = TAILQ_NEXT(conn, link);
                if (conn->streaming)
                        conn_close(conn);
        }
}

void conn_cut_gone(struct server *server)
{
        struct conn *conn = TAILQ_FIRST(&server->active), *next;

        for (; conn; conn = next) {
                next = TAILQ_NEXT(conn, link);
                if (conn->exchange && caller_is_gone(conn->exchange->caller))
                        conn_close(conn);
        }
}

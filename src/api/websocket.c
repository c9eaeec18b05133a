/*
 * Theory of operation
 *
 *   websocket_accept() ──► OPEN ──close, ours or theirs──► CLOSING ──all sent──► LINGER ──end, or 2 s──► freed
 *
 * ws_frames.c takes the client's bytes apart and puts ours together; here are the socket, the clock and what is left to send.
 * Like a conn, a websocket does everything in run(), the only place that frees; what is below it marks it dead and
 * returns.  The door is told through fns, which is NULL as soon as nobody wants to hear.
 */
#include "api/websocket.h"
#include "api/conn.h"
#include "api/exchange.h"
#include "api/front.h"
#include "api/server.h"
#include "api/websocket_handshake.h"
#include "api/ws_frames.h"
#include "config/config.h"
#include "util/clock.h"
#include "util/log.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <poll.h>
#include <sys/socket.h>
#include <wslay/wslay.h>

enum {
        READ_STEP = 65536,
        OUT_LOW = 65536, /* below it a client keeps up */
};

#define OUT_MAX        (16 * MIB)
#define OUT_OF_ALL_MAX (192 * MIB) /* answers of HTTP included, which may have some more */
#define LINGER_NS      (2 * NSEC_PER_SEC)

enum websocket_state { WEBSOCKET_OPEN, WEBSOCKET_CLOSING, WEBSOCKET_LINGER };

struct websocket {
        TAILQ_ENTRY(websocket) link;
        struct server *server;
        const struct websocket_fns *fns; /* NULL: nobody listens */
        void *arg;
        int fd;
        enum websocket_state state;
        bool paused;
        bool want_room;
        bool running;
        bool dead;
        bool eof;
        bool pinged;   /* and nothing heard since */
        short watched; /* events asked of libevent */
        struct event event, timer;
        uint64_t heard;         /* when the last bytes came */
        uint64_t send_deadline; /* 0: nothing to send */
        uint64_t linger_deadline;
        struct ws_frames frames;
        size_t charged;         /* its share of server->body_bytes */
        struct evbuffer *early; /* what came with the upgrade; NULL when done */
        struct evbuffer *out;
        size_t counted; /* its share of server->answer_bytes */
};

static void run(struct websocket *ws);

static const struct config *config_of(const struct websocket *ws)
{
        return ws->server->front->config;
}

static void charge(struct websocket *ws, size_t room)
{
        ws->server->body_bytes += room - ws->charged;
        ws->charged = room;
}

static void websocket_free(struct websocket *ws)
{
        struct server *server = ws->server;

        TAILQ_REMOVE(&server->websockets, ws, link);
        event_del(&ws->event);
        event_del(&ws->timer);
        server->answer_bytes -= ws->counted;
        ws_frames_deinit(&ws->frames);
        charge(ws, 0);
        if (ws->early)
                evbuffer_free(ws->early);
        if (ws->out)
                evbuffer_free(ws->out);
        close_fd(&ws->fd);
        free(ws);
        server_forget(server);
}

/* Tell the door, once. */
static void gone(struct websocket *ws)
{
        const struct websocket_fns *fns = TAKE_PTR(ws->fns);

        if (fns)
                fns->on_gone(ws->arg);
}

static void say_close(struct websocket *ws, unsigned code, const char *reason)
{
        if (ws->state != WEBSOCKET_OPEN)
                return;
        ws->state = WEBSOCKET_CLOSING;
        if (ws_frames_close(&ws->frames, code, reason) < 0)
                ws->dead = true;
}

/* The client broke a rule of ours. */
static void expel(struct websocket *ws, unsigned code, const char *reason)
{
        log_debug("websocket closed: %u %s", code, reason);
        say_close(ws, code, reason);
        gone(ws);
}

static void on_message(void *arg, struct bytes *message)
{
        struct websocket *ws = arg;

        if (ws->fns)
                ws->fns->on_message(ws->arg, message);
}

static bool on_room(void *arg, size_t room)
{
        struct websocket *ws = arg;

        charge(ws, room);
        return ws->server->body_bytes <= ws->server->body_bytes_max;
}

static const struct ws_frames_fns frames_fns = { on_message, on_room };

static void take(struct websocket *ws, struct view bytes)
{
        int r;

        ws->heard = clock_now_ns();
        ws->pinged = false;
        if (ws->state != WEBSOCKET_OPEN)
                return;
        r = ws_frames_take(&ws->frames, bytes, ws->heard / NSEC_PER_SEC);
        if (r < 0)
                ws->dead = true;
        if (r == FRAMES_CLOSED) {
                ws->state = WEBSOCKET_CLOSING;
                gone(ws);
        }
}

static void fill(struct websocket *ws)
{
        static char scratch[READ_STEP]; /* one thread; never read before it was written */
        ssize_t n = recv(ws->fd, scratch, sizeof(scratch), 0);

        if (n < 0)
                ws->dead = errno != EAGAIN && errno != EINTR;
        else if (n == 0)
                ws->eof = true;
        else
                take(ws, (struct view){ scratch, (size_t)n });
}

static void take_early(struct websocket *ws)
{
        struct evbuffer *early = TAKE_PTR(ws->early);
        size_t n = evbuffer_get_length(early);

        if (n > 0)
                take(ws, (struct view){ (const char *)evbuffer_pullup(early, -1), n });
        evbuffer_free(early);
}

static void flush(struct websocket *ws)
{
        size_t before = evbuffer_get_length(ws->out);

        while (!ws->dead && evbuffer_get_length(ws->out) > 0) {
                if (evbuffer_write(ws->out, ws->fd) < 0) {
                        ws->dead = errno != EAGAIN && errno != EINTR;
                        break;
                }
        }
        if (evbuffer_get_length(ws->out) == 0)
                ws->send_deadline = 0;
        else if (evbuffer_get_length(ws->out) < before || ws->send_deadline == 0)
                ws->send_deadline = clock_now_ns() + config_of(ws)->write_timeout;
}

static void count_answers(struct websocket *ws)
{
        size_t n = evbuffer_get_length(ws->out);

        ws->server->answer_bytes += n - ws->counted;
        ws->counted = n;
        if (n > OUT_MAX)
                expel(ws, WSLAY_CODE_POLICY_VIOLATION, "too slow");
        else if (ws->server->answer_bytes > OUT_OF_ALL_MAX && !websocket_has_room(ws))
                expel(ws, FRAMES_TRY_AGAIN_LATER, "too much waits for all clients together");
}

static void offer_room(struct websocket *ws)
{
        if (!ws->want_room || !ws->fns || !websocket_has_room(ws))
                return;
        ws->want_room = false;
        ws->fns->on_room(ws->arg);
        flush(ws);
}

/* All is said: let the client read it in peace. */
static void settle(struct websocket *ws)
{
        if (ws->state == WEBSOCKET_CLOSING && evbuffer_get_length(ws->out) == 0) {
                shutdown(ws->fd, SHUT_WR);
                ws->state = WEBSOCKET_LINGER;
                ws->linger_deadline = clock_now_ns() + LINGER_NS;
        }
        if (ws->eof && ws->state != WEBSOCKET_CLOSING)
                ws->dead = true;
}

static uint64_t next_deadline(const struct websocket *ws)
{
        const struct config *config = config_of(ws);
        uint64_t when = UINT64_MAX;

        if (ws->state == WEBSOCKET_LINGER)
                return ws->linger_deadline;
        if (ws->send_deadline)
                when = ws->send_deadline;
        if (ws->state == WEBSOCKET_OPEN && !ws->paused)
                when = MIN(when, ws->heard + config->idle_timeout / (ws->pinged ? 1 : 2));
        return when;
}

static void arm(struct websocket *ws)
{
        uint64_t when = next_deadline(ws), now = clock_now_ns(), wait;
        struct timeval tv;

        if (when == UINT64_MAX) {
                event_del(&ws->timer);
                return;
        }
        wait = when > now ? when - now : 0;
        tv.tv_sec = (time_t)(wait / NSEC_PER_SEC);
        tv.tv_usec = (suseconds_t)(wait % NSEC_PER_SEC / NSEC_PER_USEC + 1);
        event_add(&ws->timer, &tv);
}

static void on_event(evutil_socket_t fd, short what, void *arg);

static void watch(struct websocket *ws)
{
        bool reads = !ws->eof && (!ws->paused || ws->state != WEBSOCKET_OPEN);
        short want = reads ? EV_READ | EV_PERSIST : EV_READ | EV_CLOSED | EV_ET | EV_PERSIST;

        if (evbuffer_get_length(ws->out) > 0)
                want |= EV_WRITE;
        if (want == ws->watched)
                return;
        event_del(&ws->event);
        event_assign(&ws->event, ws->server->base, ws->fd, want, on_event, ws);
        event_add(&ws->event, NULL);
        ws->watched = want;
}

static void run(struct websocket *ws)
{
        ws->running = true;
        flush(ws);
        offer_room(ws);
        count_answers(ws);
        flush(ws);
        settle(ws);
        if (ws->dead)
                gone(ws);
        ws->running = false;
        if (ws->dead) {
                websocket_free(ws);
                return;
        }
        watch(ws);
        arm(ws);
}

/* While nothing is read only the kernel can tell that the client has left. */
static bool peer_left(const struct websocket *ws)
{
        struct pollfd pfd = { ws->fd, POLLRDHUP, 0 };

        return poll(&pfd, 1, 0) > 0 && pfd.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
        struct websocket *ws = arg;

        ws->running = true;
        if (ws->early)
                take_early(ws);
        if (what & (EV_READ | EV_CLOSED)) {
                if (!(ws->watched & EV_ET))
                        fill(ws);
                else if (peer_left(ws))
                        ws->dead = true;
        }
        run(ws);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
        struct websocket *ws = arg;
        uint64_t now = clock_now_ns();

        ws->running = true;
        if (next_deadline(ws) > now) {
                run(ws);
                return;
        }
        if (ws->state != WEBSOCKET_OPEN) {
                ws->dead = true;
        } else if (ws->send_deadline && ws->send_deadline <= now) {
                expel(ws, WSLAY_CODE_POLICY_VIOLATION, "too slow");
                ws->send_deadline = now + LINGER_NS; /* one more chance to read why */
        } else if (ws->pinged) {
                expel(ws, WSLAY_CODE_GOING_AWAY, "nothing was heard for too long");
        } else {
                ws->pinged = true;
                ws->dead = ws_frames_ping(&ws->frames) < 0;
        }
        run(ws);
}

/* What was told from outside the loop's events is sent at its next turn. */
static void wake(struct websocket *ws)
{
        if (!ws->running)
                event_active(&ws->event, EV_TIMEOUT, 0);
}

static void refuse(struct exchange *exchange, int status, const char *reason)
{
        struct reply reply;

        reply_message(&reply, status, reason);
        reply.upgrade = status == 426;
        exchange_reply(exchange, &reply);
}

static struct websocket *websocket_new(struct server *server)
{
        struct websocket *ws = calloc(1, sizeof(*ws));

        if (!ws)
                return NULL;
        ws->server = server;
        ws->fd = -1;
        ws->heard = clock_now_ns();
        ws->early = evbuffer_new();
        ws->out = evbuffer_new();
        event_assign(&ws->event, server->base, -1, 0, on_event, ws);
        event_assign(&ws->timer, server->base, -1, 0, on_timer, ws);
        server->n_conns++;
        TAILQ_INSERT_TAIL(&server->websockets, ws, link);
        if (ws->early && ws->out &&
            ws_frames_init(&ws->frames, server->front->config->websocket_message_limit, ws->out, &frames_fns,
                           ws) == 0)
                return ws;
        websocket_free(ws);
        return NULL;
}

struct websocket *websocket_accept(struct exchange *exchange)
{
        struct server *server = exchange->server;
        char accept[WEBSOCKET_ACCEPT_MAX];
        const char *reason = "";
        struct websocket *ws;
        int status = websocket_handshake(&exchange->http.request, server->front->config->websocket_origins,
                                         accept, &reason);

        if (status == 0 && server->draining) {
                status = 503;
                reason = "the engine is stopping";
        }
        ws = status == 0 ? websocket_new(server) : NULL;
        if (!ws) {
                refuse(exchange, status ? status : 503, status ? reason : "no memory for another connection");
                return NULL;
        }
        ws->fd = conn_hand_over(exchange->conn, ws->early, ws->out);
        if (evbuffer_add_printf(
                    ws->out,
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Accept: %s\r\n\r\n",
                    accept) < 0)
                ws->dead = true;
        wake(ws);
        return ws;
}

void websocket_attach(struct websocket *ws, const struct websocket_fns *fns, void *arg)
{
        ws->fns = fns;
        ws->arg = arg;
}

void websocket_send(struct websocket *ws, struct view text)
{
        if (ws_frames_say(&ws->frames, text) < 0)
                ws->dead = true;
        wake(ws);
}

void websocket_close(struct websocket *ws, unsigned code, const char *reason)
{
        ws->fns = NULL;
        say_close(ws, code, reason);
        wake(ws);
}

void websocket_pause(struct websocket *ws, bool paused)
{
        if (ws->paused == paused)
                return;
        ws->paused = paused;
        ws->heard = clock_now_ns();
        ws->pinged = false;
        wake(ws);
}

bool websocket_has_room(const struct websocket *ws)
{
        return evbuffer_get_length(ws->out) <= OUT_LOW;
}

void websocket_want_room(struct websocket *ws)
{
        ws->want_room = true;
        wake(ws);
}

void websocket_cut_gone(struct server *server)
{
        struct websocket *ws;

        TAILQ_FOREACH(ws, &server->websockets, link)
        if (ws->fns)
                ws->fns->on_keys(ws->arg);
}

void websocket_drain_all(struct server *server)
{
        struct websocket *ws;

        TAILQ_FOREACH(ws, &server->websockets, link)
        if (ws->fns)
                ws->fns->on_drain(ws->arg);
}

void websocket_abort_all(struct server *server)
{
        struct websocket *ws;

        while ((ws = TAILQ_FIRST(&server->websockets))) {
                gone(ws);
                websocket_free(ws);
        }
}

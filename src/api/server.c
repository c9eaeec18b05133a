/*
 * Theory of operation: listeners are level-triggered and take a handful of connections a turn.  Room for a new connection,
 * or for its descriptor, is made by closing the one that has idled longest; when all are at work the new one is turned
 * away with a 503.
 */
#include "api/server.h"
#include "api/conn.h"
#include "api/front.h"
#include "api/websocket.h"
#include "config/config.h"
#include "util/err.h"
#include "util/log.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum {
        ACCEPTS_PER_TURN = 64,
        DESCRIPTORS_KEPT = 64, /* not for clients: listeners, loop, runner, files of jobs under way */
        PAUSE_MS = 100,
        BODIES_AT_ONCE = 8, /* this many bodies of the largest size may be in memory */
};

static const char turned_away[] =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\n"
        "Content-Length: 34\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
        "{\"message\":\"too many connections\"}";

static bool make_room(struct server *server)
{
        struct conn *idlest = TAILQ_FIRST(&server->idle);

        if (!idlest)
                return false;
        conn_close(idlest);
        return true;
}

static void turn_away(int fd)
{
        ssize_t n UNUSED = send(fd, turned_away, sizeof(turned_away) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);

        close(fd);
}

void server_hold(struct server *server, unsigned ms)
{
        struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

        for (size_t i = 0; i < server->front->n_listeners; i++)
                if (server->listeners[i])
                        event_del(server->listeners[i]);
        event_add(server->pause, &tv);
}

static void on_pause_end(evutil_socket_t fd, short what, void *arg)
{
        struct server *server = arg;

        for (size_t i = 0; i < server->front->n_listeners; i++)
                if (server->listeners[i])
                        event_add(server->listeners[i], NULL);
}

void server_release(struct server *server)
{
        if (!event_pending(server->pause, EV_TIMEOUT, NULL))
                return;
        event_del(server->pause);
        on_pause_end(-1, 0, server);
}

/* Out of descriptors or memory: returns whether to try again at once. */
static bool accept_failed(struct server *server)
{
        if (errno == EINTR || errno == ECONNABORTED)
                return true;
        if (errno == EAGAIN)
                return false;
        if ((errno == EMFILE || errno == ENFILE) && make_room(server))
                return true;
        log_warn("cannot accept a connection: %s", strerror(errno));
        server_hold(server, PAUSE_MS);
        return false;
}

static void on_accept(evutil_socket_t listener, short what, void *arg)
{
        struct server *server = arg;

        for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
                int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

                if (fd < 0 && accept_failed(server))
                        continue;
                if (fd < 0)
                        return;
                if (server->n_conns >= server->max_conns && !make_room(server)) {
                        turn_away(fd);
                        continue;
                }
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
                if (conn_open_take(server, fd) < 0)
                        log_warn("no memory for a connection");
        }
}

/* As many connections as configured, or as many as we may have descriptors. */
static size_t settle_max_conns(const struct config *config)
{
        uint64_t want = config->max_connections;
        struct rlimit files;

        if (getrlimit(RLIMIT_NOFILE, &files) < 0)
                return want;
        files.rlim_cur = files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == RLIM_INFINITY)
                return want;
        if (files.rlim_cur >= want + DESCRIPTORS_KEPT)
                return want;
        log_warn("max_connections is %llu but RLIMIT_NOFILE is %llu: raise that limit",
                 (unsigned long long)want, (unsigned long long)files.rlim_cur);
        return MAX(files.rlim_cur, (rlim_t)DESCRIPTORS_KEPT + 1) - DESCRIPTORS_KEPT;
}

int server_init(struct server *server, struct err *err)
{
        const struct front *front = server->front;
        int r;

        TAILQ_INIT(&server->idle);
        TAILQ_INIT(&server->active);
        TAILQ_INIT(&server->websockets);
        server->max_conns = settle_max_conns(front->config);
        server->body_bytes_max = BODIES_AT_ONCE * front->config->request_body_limit;
        r = reply_common_init(&server->common, front->config);
        if (r < 0)
                return err_errno(err, r, "front: headers");
        server->pause = event_new(server->base, -1, 0, on_pause_end, server);
        server->listeners = calloc(front->n_listeners + 1, sizeof(server->listeners[0]));
        if (!server->listeners || !server->pause)
                return err_set(err, -ENOMEM, "front: out of memory");
        for (size_t i = 0; i < front->n_listeners; i++) {
                evutil_make_socket_nonblocking(front->listeners[i]);
                server->listeners[i] =
                        event_new(server->base, front->listeners[i], EV_READ | EV_PERSIST, on_accept, server);
                if (!server->listeners[i] || event_add(server->listeners[i], NULL) < 0)
                        return err_set(err, -ENOMEM, "front: cannot watch a listening socket");
        }
        return 0;
}

static void stop_listening(struct server *server)
{
        for (size_t i = 0; server->listeners && i < server->front->n_listeners; i++) {
                if (!server->listeners[i])
                        continue;
                event_free(TAKE_PTR(server->listeners[i]));
                close(server->front->listeners[i]);
        }
}

void server_drain(struct server *server)
{
        size_t n = server->n_conns;

        if (server->draining)
                return;
        stop_listening(server);
        server->draining = true;
        /* Each one looked at goes to the end of the list, to the other list, or away. */
        while (n-- > 0 && !TAILQ_EMPTY(&server->idle))
                conn_drain(TAILQ_FIRST(&server->idle));
        conn_cut_streams(server);
        websocket_drain_all(server);
        if (server->n_conns == 0)
                event_base_loopbreak(server->base);
}

void server_forget(struct server *server)
{
        server->n_conns--;
        if (server->draining && server->n_conns == 0)
                event_base_loopbreak(server->base);
}

void server_deinit(struct server *server)
{
        if (!server->front)
                return;
        while (!TAILQ_EMPTY(&server->idle))
                conn_close(TAILQ_FIRST(&server->idle));
        while (!TAILQ_EMPTY(&server->active))
                conn_close(TAILQ_FIRST(&server->active));
        websocket_abort_all(server);
        stop_listening(server);
        free(server->listeners);
        if (server->pause)
                event_free(server->pause);
        reply_common_deinit(&server->common);
        *server = (struct server){ 0 };
}

/*
 * Theory of operation: one loop, and two threads beside it that parse large bodies.  The front never forks, opens no file, and holds nothing that cannot be lost:
 * when it dies its clients see a closed connection and the runner cancels their jobs.
 */
#include "api/front.h"
#include "api/conn.h"
#include "api/door_jobs.h"
#include "api/gate.h"
#include "api/pool.h"
#include "api/server.h"
#include "api/websocket.h"
#include "config/config.h"
#include "job/client.h"
#include "job/desk.h"
#include "job/porter.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"

#include <event2/event.h>
#include <jansson.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/socket.h>

enum { DRAIN_SECONDS = 30, PARSE_THREADS = 2, SHELF_MS = 3000 };

struct front_state {
        const struct front *front;
        struct event_base *base;
        struct client *client;
        struct desk *desk;
        struct porter *porter;
        struct pool *pool;
        struct gate gate;
        struct server server;
        struct event *events[3]; /* SIGTERM, SIGINT, control */
        struct event *deadline;
};

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
        struct front_state *state = arg;

        log_warn("%zu connections are still open after %d s: closing them", state->server.n_conns,
                 DRAIN_SECONDS);
        event_base_loopbreak(state->base);
}

static void stop(struct front_state *state)
{
        struct timeval tv = { DRAIN_SECONDS, 0 };

        if (state->server.draining)
                return;
        log_info("stopping");
        event_add(state->deadline, &tv);
        server_drain(&state->server);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
        stop(arg);
}

static void on_ledger_lost(void *arg)
{
        log_error("lost the ledger; waiting for a new one");
}

static void on_runner_lost(void *arg)
{
        log_error("lost the runner; waiting for a new one");
}

/* Returns the descriptor that came with the byte, -1 when none did, -2 at the end. */
static int control_recv(int fd, char *ret_kind)
{
        char control[CMSG_SPACE(sizeof(int))];
        struct iovec iov = { ret_kind, 1 };
        struct msghdr msg = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof(control),
        };
        struct cmsghdr *cmsg;
        ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        int got;

        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? -1 : -2;
        if (n == 0)
                return -2;
        cmsg = CMSG_FIRSTHDR(&msg);
        if (!cmsg || cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS ||
            cmsg->cmsg_len != CMSG_LEN(sizeof(int)))
                return -1;
        memcpy(&got, CMSG_DATA(cmsg), sizeof(got));
        return got;
}

/* What a key has begun ends with it, where it would go on for long. */
static void load_keys_take(struct front_state *state, int fd)
{
        if (!gate_load_take(&state->gate, fd, state->front->config->keys_file))
                return;
        conn_cut_gone(&state->server);
        websocket_cut_gone(&state->server);
}

static void connect_take(struct front_state *state, char kind, int fd)
{
        struct err err = { "the packer cannot be connected" };
        int r;

        if (kind == FRONT_LEDGER)
                r = desk_reconnect_take(state->desk, fd, &err);
        else if (kind == FRONT_PACKER)
                r = porter_connect_take(state->porter, fd);
        else
                r = client_reconnect_take(state->client, fd, &err);
        if (r < 0)
                log_error("%s", err.text);
        else
                log_debug("connected to a new %s", kind == FRONT_LEDGER   ? "ledger"
                                                   : kind == FRONT_PACKER ? "packer"
                                                                          : "runner");
}

static void on_control(evutil_socket_t fd, short what, void *arg)
{
        struct front_state *state = arg;
        char kind = FRONT_RUNNER;
        int peer = control_recv(fd, &kind);

        if (peer == -2) {
                event_del(state->events[2]);
                stop(state);
        } else if (peer >= 0 && kind == FRONT_KEYS) {
                load_keys_take(state, peer);
        } else if (peer >= 0) {
                connect_take(state, kind, peer);
        }
}

static void on_shelf(void *arg)
{
        struct front_state *state = arg;

        server_release(&state->server);
}

static int add_event(struct front_state *state, size_t i, int fd, short what, event_callback_fn on_event)
{
        state->events[i] = event_new(state->base, fd, what | EV_PERSIST, on_event, state);
        return state->events[i] && event_add(state->events[i], NULL) == 0 ? 0 : -ENOMEM;
}

static int front_open(struct front_state *state, struct err *err)
{
        const struct front *front = state->front;
        int r;

        state->base = event_base_new();
        if (!state->base)
                return err_set(err, -ENOMEM, "front: no event loop");
        gate_init(&state->gate, front->config);
        r = client_new_take(state->base, front->runner, on_runner_lost, state, &state->client, err);
        if (r < 0)
                return r;
        r = desk_new_take(state->base, -1, on_ledger_lost, state, &state->desk, err);
        if (r < 0)
                return r;
        state->porter = porter_new(state->base, front->catalog, on_shelf, state);
        if (!state->porter)
                return err_set(err, -ENOMEM, "front: out of memory");
        r = pool_new(state->base, PARSE_THREADS, &state->pool, err);
        if (r < 0)
                return r;
        state->deadline = event_new(state->base, -1, 0, on_deadline, state);
        if (!state->deadline || add_event(state, 0, SIGTERM, EV_SIGNAL, on_signal) < 0 ||
            add_event(state, 1, SIGINT, EV_SIGNAL, on_signal) < 0 ||
            (front->control >= 0 && add_event(state, 2, front->control, EV_READ, on_control) < 0))
                return err_set(err, -ENOMEM, "front: out of memory");
        state->server = (struct server){ .front = front,
                                         .base = state->base,
                                         .client = state->client,
                                         .desk = state->desk,
                                         .porter = state->porter,
                                         .pool = state->pool,
                                         .gate = &state->gate };
        r = server_init(&state->server, err);
        /* a client that comes early must not be told that a package it has installed is unknown */
        if (r == 0 && front->control >= 0)
                server_hold(&state->server, SHELF_MS);
        return r;
}

static void front_close(struct front_state *state)
{
        server_deinit(&state->server);
        pool_free(state->pool);
        client_free(state->client);
        desk_free(state->desk);
        porter_free(state->porter);
        for (size_t i = 0; i < ARRAY_LEN(state->events); i++)
                if (state->events[i])
                        event_free(state->events[i]);
        gate_deinit(&state->gate);
        if (state->deadline)
                event_free(state->deadline);
        if (state->base)
                event_base_free(state->base);
        if (state->front->control >= 0)
                close(state->front->control);
}

/* WHY: left to itself jansson reads a file at the first object, which we may not be allowed to any more. */
static void seed_hashes(void)
{
        size_t seed = 0;

        if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
                seed = (size_t)clock_now_ns();
        json_object_seed(seed | 1);
}

int front_run(const struct front *front)
{
        struct front_state state = { .front = front };
        struct err err = { "" };
        int r;

        signal(SIGPIPE, SIG_IGN);
        seed_hashes();
        jobs_set_isolation(front->isolation);
        r = front_open(&state, &err);
        if (r < 0)
                log_error("%s", err.text);
        else
                event_base_dispatch(state.base);
        front_close(&state);
        return r < 0 ? 1 : 0;
}

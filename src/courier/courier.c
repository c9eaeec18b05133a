/*
 * Theory of operation: one loop, a thread for each request that is being made.  The outbox is read from its beginning once,
 * and then from where it was read to; the ledger answers when there is more.
 */
#include "courier/courier.h"
#include "config/config.h"
#include "courier/courier_priv.h"
#include "util/err.h"
#include "util/fdio.h"
#include "util/log.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>

/* What is known of the outbox at once; what is more waits in the ledger. */
enum { DELIVERIES_MAX = 20000, CARDS_AT_ONCE = 500, WAIT_MS = 60000 };

uint64_t courier_random(void)
{
        uint64_t random = 0;

        must(getrandom(&random, sizeof(random), 0) == (ssize_t)sizeof(random));
        return random;
}

/* ---- the outbox ---- */

static void on_later(evutil_socket_t fd, short what, void *arg)
{
        struct courier *courier = arg;

        courier->is_reading = false;
        courier_read_outbox(courier);
}

static void read_later(struct courier *courier)
{
        struct timeval later = { .tv_sec = 1 };

        courier->is_reading = true;
        must(event_base_once(courier->base, -1, EV_TIMEOUT, on_later, courier, &later) == 0);
}

static void on_cards(void *arg, const struct desk_answer *answer)
{
        struct courier *courier = arg;

        courier->is_reading = false;
        if (answer->status != DESK_OK) {
                read_later(courier);
                return;
        }
        for (size_t i = 0; i < answer->n_entries; i++) {
                const char *name = answer->entries[i].entry.head.id;

                snprintf(courier->last, sizeof(courier->last), "%.*s", NOTICE_NAME_TEXT - 1, name);
                delivery_new(courier, courier->last, answer->entries[i].memo);
        }
        courier_read_outbox(courier);
}

void courier_read_outbox(struct courier *courier)
{
        struct err err = { "" };
        uint64_t ticket;

        if (courier->is_reading || courier->n_deliveries >= DELIVERIES_MAX)
                return;
        courier->is_reading = true;
        if (desk_card_await(courier->desk, NOTICE_OUTBOX, courier->last, CARDS_AT_ONCE, WAIT_MS, on_cards,
                            courier, &ticket, &err) < 0)
                read_later(courier);
}

/* ---- the process ---- */

static void on_lost(void *arg)
{
        log_warn("lost the ledger; waiting for a new one");
}

static void on_control(evutil_socket_t socket, short what, void *arg)
{
        struct courier *courier = arg;
        struct courier_message message = { 0 };
        struct err err = { "" };
        int fds[FDIO_FDS_MAX];
        size_t n, n_fds;
        int r = fdio_recv(socket, &message, sizeof(message), &n, fds, &n_fds);

        if (r == FDIO_AGAIN)
                return;
        if (r != 0) {
                event_base_loopbreak(courier->base);
                return;
        }
        r = n == sizeof(message) && n_fds == 1 && message.kind == COURIER_LEDGER
                    ? desk_reconnect_take(courier->desk, TAKE_FD(fds[0]), &err)
                    : -EBADMSG;
        fdio_close_all(fds, n_fds);
        if (r < 0)
                log_error("control message kind=%u: %s", message.kind, err.text[0] ? err.text : strerror(-r));
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
        event_base_loopbreak(arg);
}

static int courier_open(struct courier *courier, struct event *events[2], struct err *err)
{
        const struct config *config = courier->args->config;
        int r = address_blocks_parse(config->webhook_allow, &courier->allowed, err);

        courier->base = event_base_new();
        if (r < 0 || !courier->base)
                return r < 0 ? r : -ENOMEM;
        courier->posts = posts_new(courier->base, &courier->allowed, config->webhook_timeout);
        events[0] = evsignal_new(courier->base, SIGTERM, on_signal, courier->base);
        events[1] =
                event_new(courier->base, courier->args->control, EV_READ | EV_PERSIST, on_control, courier);
        r = courier->posts && events[0] && events[1] ? rounds_open(courier) : -ENOMEM;
        r = r ? r : desk_new_take(courier->base, -1, on_lost, courier, &courier->desk, err);
        if (r == 0 && (event_add(events[0], NULL) < 0 || event_add(events[1], NULL) < 0))
                r = -ENOMEM;
        return r;
}

int courier_run(const struct courier_args *args)
{
        static struct courier courier; /* threads of requests may outlive the loop */
        struct event *events[2] = { NULL, NULL };
        struct err err = { "out of memory" };
        int r;

        signal(SIGPIPE, SIG_IGN);
        courier.args = args;
        r = courier_open(&courier, events, &err);
        if (r < 0) {
                log_error("the courier cannot start: %s", err.text);
                return EXIT_FAILURE;
        }
        courier_read_outbox(&courier);
        event_base_dispatch(courier.base);
        /* WHY: nothing of it has to be put away, and a request in flight is made again by the next one */
        _exit(EXIT_SUCCESS);
}

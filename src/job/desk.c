/*
 * Theory of operation: every request is one frame, kept until its answer is here, so that a ledger started anew gets it
 * again; that is harmless since each of them names what it means by id, fence or content.  Leaving the table comes before
 * the callback, so a second answer for the same ticket finds nobody.
 *
 * A ledger that stands still, or dies whenever it starts, is told from one that works by its silence: while some request
 * is overdue and nothing at all arrives, requests are answered without it and new ones are not sent; the first frame, or
 * the next ledger, ends that.
 */
#include "job/desk_priv.h"
#include "job/link.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/fdio.h"
#include "util/log.h"

#include <event2/event.h>
#include <fcntl.h>
#include <sys/queue.h>

enum {
        BUCKETS = 4096,
        REQUESTS_MAX = 100000,
        PATIENCE_SECONDS = 5, /* for a new ledger, or an answer */
};

struct request {
        LIST_ENTRY(request) by_ticket;
        TAILQ_ENTRY(request) link;
        uint64_t ticket;
        uint64_t until_ns; /* then a ledger that works has answered */
        desk_fn fn;
        void *arg;
        struct wire_message message; /* as it was sent, to be sent again */
};

TAILQ_HEAD(request_list, request);
LIST_HEAD(request_bucket, request);

struct desk {
        struct event_base *base;
        struct link *link; /* NULL: the ledger is gone */
        void (*on_lost)(void *arg);
        void *arg;
        uint64_t last_ticket;
        struct event *forsaken; /* no new ledger came */
        struct event *look;     /* every second while there are requests */
        uint64_t heard_ns;      /* the ledger's newest sign of life */
        bool silent;
        struct request_list requests;
        size_t n_requests;
        struct request_bucket buckets[BUCKETS];
};

static struct request *find(struct desk *desk, uint64_t ticket)
{
        struct request *request;

        LIST_FOREACH(request, &desk->buckets[ticket % BUCKETS], by_ticket)
        if (request->ticket == ticket)
                return request;
        return NULL;
}

static void drop(struct desk *desk, struct request *request)
{
        LIST_REMOVE(request, by_ticket);
        TAILQ_REMOVE(&desk->requests, request, link);
        desk->n_requests--;
        wire_message_deinit(&request->message);
        free(request);
}

static void finish(struct desk *desk, struct request *request, const struct desk_answer *answer)
{
        desk_fn fn = request->fn;
        void *arg = request->arg;

        drop(desk, request);
        fn(arg, answer);
}

static void finish_without(struct desk *desk, struct request *request, const char *text)
{
        struct desk_answer answer = { .status = DESK_UNAVAILABLE, .text = text };

        finish(desk, request, &answer);
}

static void on_forsaken(evutil_socket_t fd, short what, void *arg)
{
        struct desk *desk = arg;
        uint64_t newest = desk->last_ticket;
        struct request *request;

        while ((request = TAILQ_FIRST(&desk->requests)) && request->ticket <= newest)
                finish_without(desk, request, "the ledger is not there; try again later");
}

static void await_ledger(struct desk *desk)
{
        struct timeval patience = { .tv_sec = PATIENCE_SECONDS };

        if (!evtimer_pending(desk->forsaken, NULL))
                evtimer_add(desk->forsaken, &patience);
}

static void on_lost(void *arg)
{
        struct desk *desk = arg;

        link_free(desk->link);
        desk->link = NULL;
        await_ledger(desk);
        if (desk->on_lost)
                desk->on_lost(desk->arg);
}

static void look_later(struct desk *desk)
{
        struct timeval later = { .tv_sec = 1 };

        if (desk->n_requests > 0 && !evtimer_pending(desk->look, NULL))
                evtimer_add(desk->look, &later);
}

/* WHY two walks: a callback may forget requests of others. */
static void finish_overdue(struct desk *desk, uint64_t now)
{
        CLEANUP(free_ptr) uint64_t *tickets = calloc(desk->n_requests, sizeof(*tickets));
        struct request *request;
        size_t n = 0;

        TAILQ_FOREACH(request, &desk->requests, link)
        if (tickets && request->until_ns < now)
                tickets[n++] = request->ticket;
        if (n > 0 && !desk->silent)
                log_warn("the ledger does not answer");
        desk->silent = desk->silent || n > 0;
        for (size_t i = 0; i < n; i++) {
                request = find(desk, tickets[i]);
                if (request)
                        finish_without(desk, request, "the ledger does not answer; try again later");
        }
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
        struct desk *desk = arg;
        uint64_t now = clock_now_ns();

        if (desk->n_requests > 0 && now - desk->heard_ns > PATIENCE_SECONDS * NSEC_PER_SEC)
                finish_overdue(desk, now);
        look_later(desk);
}

static void heard(struct desk *desk)
{
        desk->heard_ns = clock_now_ns();
        if (desk->silent)
                log_info("the ledger answers again");
        desk->silent = false;
}

static int send_again(struct desk *desk, const struct request *request)
{
        CLEANUP(wire_message_deinit) struct wire_message message = WIRE_MESSAGE_INIT;
        int r = bytes_add(&message.bytes, request->message.bytes.p, request->message.bytes.n);

        for (size_t i = 0; i < request->message.n_fds && r == 0; i++) {
                int fd = fcntl(request->message.fds[i], F_DUPFD_CLOEXEC, 0);

                if (fd < 0)
                        return -errno;
                message.fds[message.n_fds++] = fd;
        }
        return r ? r : link_send_take(desk->link, &message, true);
}

static void answer_arrived(struct desk *desk, const struct note *note)
{
        struct request *request = find(desk, note->ticket);
        struct desk_entry *entries = NULL;
        struct desk_answer answer;

        if (!request)
                return; /* forgotten while its answer was on the way */
        if (note_answer_decode(note->body, &answer, &entries) < 0)
                finish_without(desk, request, "the ledger's answer cannot be read");
        else
                finish(desk, request, &answer);
        free(entries);
}

static void on_message(void *arg, const char *p, size_t n, int *fds, size_t n_fds)
{
        struct desk *desk = arg;
        struct note note = { 0 };
        int r = note_decode(p, n, fds, n_fds, &note);

        heard(desk);
        fdio_close_all(fds, n_fds);
        if (r == 0 && note.kind == NOTE_ANSWER)
                answer_arrived(desk, &note);
        else
                r = r < 0 ? r : -EBADMSG;
        note_deinit(&note);
        if (r == 0)
                return;
        log_error("the ledger sent a frame that cannot be taken apart; its connection is given up");
        on_lost(desk);
}

static const struct link_fns link_fns = { on_message, on_lost };

int desk_new_take(struct event_base *base, int fd, void (*lost)(void *arg), void *arg, struct desk **ret_desk,
                  struct err *err)
{
        struct desk *desk = calloc(1, sizeof(*desk));
        int r;

        if (!desk) {
                close_fd(&fd);
                return err_set(err, -ENOMEM, "no memory for the connection to the ledger");
        }
        desk->base = base;
        desk->on_lost = lost;
        desk->arg = arg;
        TAILQ_INIT(&desk->requests);
        desk->forsaken = evtimer_new(base, on_forsaken, desk);
        desk->look = evtimer_new(base, on_look, desk);
        r = desk->forsaken && desk->look ? 0 : -ENOMEM;
        if (r == 0 && fd >= 0)
                r = desk_reconnect_take(desk, TAKE_FD(fd), err);
        close_fd(&fd);
        if (r < 0) {
                desk_free(desk);
                return r;
        }
        *ret_desk = desk;
        return 0;
}

void desk_free(struct desk *desk)
{
        struct request *request;

        if (!desk)
                return;
        link_free(desk->link);
        while ((request = TAILQ_FIRST(&desk->requests)))
                drop(desk, request);
        if (desk->forsaken)
                event_free(desk->forsaken);
        if (desk->look)
                event_free(desk->look);
        free(desk);
}

int desk_reconnect_take(struct desk *desk, int fd, struct err *err)
{
        struct request *request, *next;
        int r;

        link_free(desk->link);
        desk->link = NULL;
        r = link_new_take(desk->base, fd, &link_fns, desk, &desk->link);
        if (r < 0)
                return err_errno(err, r, "cannot watch the connection to the ledger");
        evtimer_del(desk->forsaken);
        desk->silent = false; /* WHY not heard(): one that dies again and again says nothing either */
        for (request = TAILQ_FIRST(&desk->requests); request; request = next) {
                next = TAILQ_NEXT(request, link);
                if (send_again(desk, request) != 0)
                        log_warn("a request could not be sent to the new ledger");
        }
        return 0;
}

static int ask_encoded(struct desk *desk, enum note_kind kind, const struct bytes *body, uint64_t wait_ms,
                       desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err)
{
        struct request *request;
        int r;

        if (desk->silent)
                return err_set(err, -EBUSY, "the ledger does not answer");
        if (desk->n_requests >= REQUESTS_MAX)
                return err_set(err, -EBUSY, "too many requests wait for the ledger");
        request = calloc(1, sizeof(*request));
        if (!request)
                return err_set(err, -ENOMEM, "no memory for a request");
        request->ticket = ++desk->last_ticket;
        request->fn = fn;
        request->arg = arg;
        request->until_ns = clock_now_ns() + wait_ms * NSEC_PER_MSEC + PATIENCE_SECONDS * NSEC_PER_SEC;
        request->message = WIRE_MESSAGE_INIT;
        r = note_encode(kind, request->ticket, bytes_view(body), &request->message);
        if (r < 0) {
                free(request);
                return err_errno(err, r, "cannot write to the ledger");
        }
        LIST_INSERT_HEAD(&desk->buckets[request->ticket % BUCKETS], request, by_ticket);
        TAILQ_INSERT_TAIL(&desk->requests, request, link);
        desk->n_requests++;
        *ret_ticket = request->ticket;
        if (!desk->link)
                await_ledger(desk);
        else
                r = send_again(desk, request);
        if (r != 0)
                drop(desk, request);
        look_later(desk);
        return r == 0 ? 0 : err_set(err, -EBUSY, "cannot write to the ledger");
}

int desk_ask(struct desk *desk, enum note_kind kind, const struct note_ask *what, desk_fn fn, void *arg,
             uint64_t *ret_ticket, struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes body = BYTES_INIT(NOTE_BODY_MAX);
        int r = note_ask_encode(what, &body);

        return r < 0 ? err_errno(err, r, "cannot write to the ledger")
                     : ask_encoded(desk, kind, &body, what->wait_ms, fn, arg, ret_ticket, err);
}

void desk_forget(struct desk *desk, uint64_t ticket)
{
        CLEANUP(wire_message_deinit) struct wire_message message = WIRE_MESSAGE_INIT;
        struct request *request = find(desk, ticket);

        if (!request)
                return;
        drop(desk, request);
        if (desk->link && (note_encode(NOTE_FORGET, ticket, VIEW(""), &message) < 0 ||
                           link_send_take(desk->link, &message, true) != 0))
                log_debug("the ledger was not told that nobody waits");
}

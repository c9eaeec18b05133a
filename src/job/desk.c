/*
 * Theory of operation: every request is one frame, kept until its answer is here, so that a ledger started anew gets it
 * again; that is harmless since each of them names what it means by id, fence or content.  Leaving the table comes before
 * the callback, so a second answer for the same ticket finds nobody.
 *
 * A ledger that stands still is told from one that works by its silence: while some request is overdue and nothing at
 * all arrives, requests are answered without it and new ones are not sent; the first frame that comes ends that.
 */
#include "job/desk.h"
#include "job/link.h"
#include "job/note.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/fdio.h"
#include "util/log.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
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

        if (desk->link && desk->n_requests > 0 && now - desk->heard_ns > PATIENCE_SECONDS * NSEC_PER_SEC)
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
        heard(desk);
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

static int ask(struct desk *desk, enum note_kind kind, const struct note_ask *what, desk_fn fn, void *arg,
               uint64_t *ret_ticket, struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes body = BYTES_INIT(NOTE_BODY_MAX);
        int r = note_ask_encode(what, &body);

        return r < 0 ? err_errno(err, r, "cannot write to the ledger")
                     : ask_encoded(desk, kind, &body, what->wait_ms, fn, arg, ret_ticket, err);
}

static void name(char *to, size_t room, const char *text)
{
        snprintf(to, room, "%s", text ? text : "");
}

#define NAME(field, text) name(field, sizeof(field), text)

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

/* A number of byte strings, each made by @encode from one of @items. */
static int list_encode(size_t n, int (*encode)(const void *items, size_t i, struct bytes *out),
                       const void *items, struct bytes *payload)
{
        CLEANUP(bytes_deinit) struct bytes one = BYTES_INIT(ORDER_BYTES_MAX);
        struct record_out out;
        int r = 0;

        record_out_init(&out, payload);
        record_put(&out, n);
        for (size_t i = 0; i < n && r == 0; i++) {
                bytes_clear(&one);
                r = encode(items, i, &one);
                record_put_bytes(&out, bytes_view(&one));
        }
        return r ? r : out.error;
}

static int order_at(const void *items, size_t i, struct bytes *out)
{
        return order_encode((const struct order *)items + i, out);
}

static int outcome_at(const void *items, size_t i, struct bytes *out)
{
        return outcome_encode((const struct outcome *)items + i, out);
}

int desk_submit(struct desk *desk, const struct order *orders, size_t n, desk_fn fn, void *arg,
                uint64_t *ret_ticket, struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes payload = BYTES_INIT(NOTE_BODY_MAX - MIB);
        int r = list_encode(n, order_at, orders, &payload);
        struct record_out out;

        record_out_init(&out, &payload);
        for (size_t i = 0; i < n; i++)
                if (orders[i].head.notify)
                        record_put_bytes(&out, orders[i].notice);
        r = r ? r : out.error;
        if (r < 0)
                return err_errno(err, r, "cannot write the job down");
        return ask(desk, NOTE_SUBMIT, &(struct note_ask){ .payload = bytes_view(&payload) }, fn, arg,
                   ret_ticket, err);
}

int desk_get(struct desk *desk, const char *owner, const char *id, uint64_t wait_ms, unsigned want,
             desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .wait_ms = wait_ms, .want = want };

        NAME(what.owner, owner);
        NAME(what.id, id);
        return ask(desk, NOTE_GET, &what, fn, arg, ret_ticket, err);
}

int desk_list(struct desk *desk, const struct desk_filter *filter, desk_fn fn, void *arg,
              uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .states = filter->states, .before = filter->before, .want = filter->want };

        what.most = MIN(filter->most, (uint32_t)DESK_LIST_MAX);
        NAME(what.owner, filter->owner);
        NAME(what.door, filter->door);
        NAME(what.id, filter->batch);
        return ask(desk, NOTE_LIST, &what, fn, arg, ret_ticket, err);
}

int desk_cancel(struct desk *desk, const char *owner, const char *id, desk_fn fn, void *arg,
                uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .after = 0 };

        NAME(what.owner, owner);
        NAME(what.id, id);
        return ask(desk, NOTE_CANCEL, &what, fn, arg, ret_ticket, err);
}

int desk_watch(struct desk *desk, const char *owner, const char *id, uint64_t after, uint64_t wait_ms,
               desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .after = after, .wait_ms = wait_ms };

        NAME(what.owner, owner);
        NAME(what.id, id);
        return ask(desk, NOTE_WATCH, &what, fn, arg, ret_ticket, err);
}

int desk_ended(struct desk *desk, const char *owner, const char *batch, uint64_t after, uint64_t wait_ms,
               unsigned want, desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .after = after, .wait_ms = wait_ms, .want = want };

        NAME(what.owner, owner);
        NAME(what.id, batch);
        return ask(desk, NOTE_ENDED, &what, fn, arg, ret_ticket, err);
}

int desk_lease(struct desk *desk, const char *lane, uint64_t wait_ms, uint64_t lease_ms, desk_fn fn,
               void *arg, uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .wait_ms = wait_ms, .lease_ms = lease_ms };

        NAME(what.lane, lane);
        return ask(desk, NOTE_LEASE, &what, fn, arg, ret_ticket, err);
}

int desk_renew(struct desk *desk, const char *id, uint64_t fence, uint64_t lease_ms, desk_fn fn, void *arg,
               uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .fence = fence, .lease_ms = lease_ms };

        NAME(what.id, id);
        return ask(desk, NOTE_RENEW, &what, fn, arg, ret_ticket, err);
}

int desk_finish(struct desk *desk, const char *id, uint64_t fence, const struct outcome *outcomes, size_t n,
                desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes payload = BYTES_INIT(NOTE_BODY_MAX - MIB);
        struct note_ask what = { .fence = fence };
        int r = list_encode(n, outcome_at, outcomes, &payload);

        if (r < 0)
                return err_errno(err, r, "cannot write the outcomes down");
        NAME(what.id, id);
        what.payload = bytes_view(&payload);
        return ask(desk, NOTE_FINISH, &what, fn, arg, ret_ticket, err);
}

int desk_set_put(struct desk *desk, const struct order_case *cases, size_t n, desk_fn fn, void *arg,
                 uint64_t *ret_ticket, struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes payload = BYTES_INIT(ORDER_BYTES_MAX);
        int r = order_cases_encode(cases, n, &payload);

        if (r < 0)
                return err_errno(err, r, "cannot write the test set down");
        return ask(desk, NOTE_SET_PUT, &(struct note_ask){ .payload = bytes_view(&payload) }, fn, arg,
                   ret_ticket, err);
}

int desk_ready(struct desk *desk, desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err)
{
        return ask(desk, NOTE_READY, &(struct note_ask){ .after = 0 }, fn, arg, ret_ticket, err);
}

int desk_set_get(struct desk *desk, const char *set, desk_fn fn, void *arg, uint64_t *ret_ticket,
                 struct err *err)
{
        struct note_ask what = { .after = 0 };

        NAME(what.set, set);
        return ask(desk, NOTE_SET_GET, &what, fn, arg, ret_ticket, err);
}

static int ask_card(struct desk *desk, enum note_kind kind, const char *drawer, const char *card,
                    struct note_ask *what, desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err)
{
        NAME(what->door, drawer);
        NAME(what->id, card);
        return ask(desk, kind, what, fn, arg, ret_ticket, err);
}

int desk_card_put(struct desk *desk, const char *drawer, const char *card, struct view text, desk_fn fn,
                  void *arg, uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .payload = text };

        return ask_card(desk, NOTE_CARD_PUT, drawer, card, &what, fn, arg, ret_ticket, err);
}

int desk_card_drop(struct desk *desk, const char *drawer, const char *card, desk_fn fn, void *arg,
                   uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .after = 0 };

        return ask_card(desk, NOTE_CARD_DROP, drawer, card, &what, fn, arg, ret_ticket, err);
}

int desk_card_get(struct desk *desk, const char *drawer, const char *card, desk_fn fn, void *arg,
                  uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .after = 0 };

        return ask_card(desk, NOTE_CARD_GET, drawer, card, &what, fn, arg, ret_ticket, err);
}

int desk_card_list(struct desk *desk, const char *drawer, const char *after, uint32_t most, desk_fn fn,
                   void *arg, uint64_t *ret_ticket, struct err *err)
{
        return desk_card_await(desk, drawer, after, most, 0, fn, arg, ret_ticket, err);
}

int desk_card_await(struct desk *desk, const char *drawer, const char *after, uint32_t most, uint64_t wait_ms,
                    desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .most = MIN(most, (uint32_t)DESK_LIST_MAX), .wait_ms = wait_ms };

        return ask_card(desk, NOTE_CARD_LIST, drawer, after, &what, fn, arg, ret_ticket, err);
}

int desk_outcome(const struct desk_entry *entry, size_t *at, struct outcome *ret_outcome,
                 uint64_t *ret_number)
{
        struct record_in in;
        struct view bytes;
        int r;

        if (*at >= entry->outcomes.n)
                return 0;
        record_in_init(&in, (struct view){ entry->outcomes.p + *at, entry->outcomes.n - *at });
        *ret_number = record_take(&in, 1, INT64_MAX);
        bytes = record_take_bytes(&in, NOTE_BODY_MAX);
        if (in.bad)
                return -EBADMSG;
        *at = entry->outcomes.n - in.left.n;
        r = outcome_decode(bytes, ret_outcome);
        return r < 0 ? r : 1;
}

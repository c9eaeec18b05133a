/*
 * Theory of operation: one loop.  Frames of the front become changes or answers; what is to run goes to the runner as the
 * front's own jobs do.  Everything that matters is in the store, so this process may be killed at any moment; its heir
 * reads the store and goes on.
 *
 * Stopping: leases go back to the queue with their attempts, that is committed, and it ends.
 */
#include "ledger/ledger.h"
#include "job/link.h"
#include "job/notice.h"
#include "job/parcel.h"
#include "ledger/book.h"
#include "ledger/cards.h"
#include "ledger/loans.h"
#include "ledger/read.h"
#include "ledger/waiters.h"
#include "ledger/works.h"
#include "util/err.h"
#include "util/fdio.h"
#include "util/log.h"

#include <event2/event.h>
#include <signal.h>

enum { PRIORITIES = 3 }; /* the middle one is what every event gets; the lowest is the commit's */

struct peer {
        struct ledger *ledger;
        enum book_peer which;
};

struct ledger {
        const struct ledger_args *args;
        int control;
        struct book book;
        struct peer peers[BOOK_PEERS];
        struct shelf_end *shelf; /* NULL: there is no packer */
        struct event *controlled, *terminated, *tick;
};

static void note_arrived(struct ledger *ledger, const struct note *note, const struct note_ask *ask)
{
        struct book *book = &ledger->book;

        switch (note->kind) {
        case NOTE_SUBMIT:
                book_submit(book, note->ticket, ask);
                break;
        case NOTE_CANCEL:
                book_cancel(book, note->ticket, ask);
                break;
        case NOTE_LIST:
                read_list(book, note->ticket, ask);
                break;
        case NOTE_RENEW:
                loans_renew(book->loans, note->ticket, ask);
                break;
        case NOTE_FINISH:
                loans_finish(book->loans, note->ticket, ask);
                break;
        case NOTE_SET_PUT:
                book_set_put(book, note->ticket, ask);
                break;
        case NOTE_READY:
                if (group_is_broken(book->group))
                        book_refuse(book, note->ticket, DESK_UNAVAILABLE, "nothing can be written down");
                else
                        book_refuse(book, note->ticket, DESK_OK, "");
                break;
        case NOTE_SET_GET:
                book_set_get(book, note->ticket, ask);
                break;
        case NOTE_CARD_PUT:
                cards_put(book, note->ticket, ask);
                break;
        case NOTE_CARD_DROP:
                cards_drop(book, note->ticket, ask);
                break;
        case NOTE_CARD_GET:
                cards_get(book, note->ticket, ask);
                break;
        default:
                waiters_ask(book->waiters, note->kind, note->ticket, ask);
        }
}

/* The courier talks to other machines: it learns and changes what it needs, and nothing else. */
static bool may_ask(enum book_peer peer, enum note_kind kind, const struct note_ask *ask)
{
        if (kind == NOTE_ANSWER)
                return false;
        if (peer == BOOK_FRONT || kind == NOTE_GET || kind == NOTE_WATCH)
                return true;
        return kind >= NOTE_CARD_PUT && kind <= NOTE_CARD_LIST &&
               (streq(ask->door, NOTICE_DRAWER) || streq(ask->door, NOTICE_OUTBOX));
}

static void peer_lost(void *arg)
{
        const struct peer *peer = arg;
        struct book *book = &peer->ledger->book;

        link_free(book->peers[peer->which]);
        book->peers[peer->which] = NULL;
        waiters_forget_all(book->waiters, peer->which);
}

static void on_frame(void *arg, const char *p, size_t n, int *fds, size_t n_fds)
{
        struct peer *peer = arg;
        struct ledger *ledger = peer->ledger;
        struct note note = { 0 };
        struct note_ask ask;
        int r = note_decode(p, n, fds, n_fds, &note);

        fdio_close_all(fds, n_fds);
        note.ticket = book_ticket(peer->which, note.ticket);
        if (r == 0 && note.kind == NOTE_FORGET) {
                waiters_forget(ledger->book.waiters, note.ticket);
        } else if (r == 0) {
                r = note_ask_decode(note.body, &ask);
                if (r == 0 && !may_ask(peer->which, note.kind, &ask))
                        r = -EBADMSG;
                if (r == 0)
                        note_arrived(ledger, &note, &ask);
        }
        note_deinit(&note);
        if (r == 0)
                return;
        log_error("the %s sent a frame that cannot be taken; its connection is given up",
                  peer->which == BOOK_FRONT ? "front" : "courier");
        peer_lost(peer);
}

static const struct link_fns peer_fns = { on_frame, peer_lost };

static int peer_take(struct ledger *ledger, enum book_peer which, int fd)
{
        struct peer *peer = &ledger->peers[which];

        *peer = (struct peer){ ledger, which };
        if (ledger->book.peers[which])
                peer_lost(peer);
        return link_new_take(ledger->book.base, fd, &peer_fns, peer, &ledger->book.peers[which]);
}

static void on_shelf(void *arg, uint64_t number, bool changed)
{
        struct ledger *ledger = arg;

        if (ledger->book.shelved)
                return;
        ledger->book.shelved = true;
        works_dispatch(ledger->book.works);
}

static int shelf_take_end(struct ledger *ledger, int fd)
{
        shelf_end_free(TAKE_PTR(ledger->shelf));
        return shelf_end_new_take(ledger->book.base, fd, ledger->book.catalog, on_shelf, ledger,
                                  &ledger->shelf);
}

static void stop(struct ledger *ledger)
{
        struct book *book = &ledger->book;

        if (book->stopping)
                return;
        book->stopping = true;
        log_info("stopping");
        group_flush(book->group);
        works_return_all(book->works);
        group_flush(book->group);
        event_base_loopbreak(book->base);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
        stop(arg);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
        struct ledger *ledger = arg;

        book_tick(&ledger->book);
}

static void on_control(evutil_socket_t socket, short what, void *arg)
{
        struct ledger *ledger = arg;
        struct ledger_message message = { 0 };
        int fds[FDIO_FDS_MAX];
        size_t n, n_fds;
        struct err err = { "" };
        int r = fdio_recv(socket, &message, sizeof(message), &n, fds, &n_fds);

        if (r == FDIO_AGAIN)
                return;
        if (r != 0) {
                event_del(ledger->controlled);
                stop(ledger);
                return;
        }
        r = n == sizeof(message) && n_fds == 1 ? 0 : -EBADMSG;
        if (r == 0 && message.kind == LEDGER_FRONT)
                r = peer_take(ledger, BOOK_FRONT, TAKE_FD(fds[0]));
        else if (r == 0 && message.kind == LEDGER_COURIER)
                r = peer_take(ledger, BOOK_COURIER, TAKE_FD(fds[0]));
        else if (r == 0 && message.kind == LEDGER_RUNNER)
                r = works_runner_take(ledger->book.works, TAKE_FD(fds[0]), &err);
        else if (r == 0 && message.kind == LEDGER_SHELF)
                r = shelf_take_end(ledger, TAKE_FD(fds[0]));
        else if (r == 0 && message.kind == LEDGER_KEYS)
                (void)shares_load_take(&ledger->book, TAKE_FD(fds[0]));
        fdio_close_all(fds, n_fds);
        if (r < 0)
                log_error("control message kind=%u: %s", message.kind, err.text[0] ? err.text : strerror(-r));
}

static int events_start(struct ledger *ledger, struct err *err)
{
        struct event_base *base = ledger->book.base;
        struct timeval second = { .tv_sec = 1 };

        ledger->terminated = evsignal_new(base, SIGTERM, on_signal, ledger);
        ledger->tick = event_new(base, -1, EV_PERSIST, on_tick, ledger);
        ledger->controlled = event_new(base, ledger->control, EV_READ | EV_PERSIST, on_control, ledger);
        if (!ledger->terminated || !ledger->tick || !ledger->controlled ||
            event_add(ledger->terminated, NULL) < 0 || event_add(ledger->tick, &second) < 0 ||
            event_add(ledger->controlled, NULL) < 0)
                return err_set(err, -ENOMEM, "ledger: out of memory");
        return 0;
}

static int ledger_open(struct ledger *ledger, struct err *err)
{
        struct book *book = &ledger->book;
        int r;

        book->config = ledger->args->config;
        book->catalog = ledger->args->catalog;
        book->base = event_base_new();
        if (!book->base || event_base_priority_init(book->base, PRIORITIES) < 0)
                return err_set(err, -ENOMEM, "ledger: no event loop");
        r = works_new(book, ledger->args->n_slots, &book->works, err);
        r = r ? r : book_open(book, ledger->args->directory, err);
        return r ? r : events_start(ledger, err);
}

static void ledger_close(struct ledger *ledger)
{
        struct event *events[] = { ledger->controlled, ledger->terminated, ledger->tick };

        for (int i = 0; i < BOOK_PEERS; i++) {
                link_free(ledger->book.peers[i]);
                ledger->book.peers[i] = NULL;
        }
        shelf_end_free(ledger->shelf);
        book_close(&ledger->book);
        shares_deinit(&ledger->book.shares);
        for (size_t i = 0; i < ARRAY_LEN(events); i++)
                if (events[i])
                        event_free(events[i]);
        if (ledger->book.base)
                event_base_free(ledger->book.base);
        close_fd(&ledger->control);
        free(ledger);
}

int ledger_run(const struct ledger_args *args)
{
        struct ledger *ledger = calloc(1, sizeof(*ledger));
        struct err err = { "" };
        int r;

        if (!ledger)
                return EXIT_FAILURE;
        signal(SIGPIPE, SIG_IGN);
        ledger->args = args;
        ledger->control = args->control;
        r = ledger_open(ledger, &err);
        if (r < 0)
                log_error("the ledger cannot start: %s", err.text);
        else if (event_base_dispatch(ledger->book.base) < 0)
                r = -EIO;
        ledger_close(ledger);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * SOCK_SEQPACKET keeps message borders, so there is nothing to reassemble: one readable event, one
 * message, and a few more while there are any.  Sending tries at once; what does not fit waits in a queue
 * for a writable event.
 *
 * KERNEL: a unix socket may refuse a message for reasons that pass without it becoming writable
 * (ETOOMANYREFS: too many descriptors in flight; ENOBUFS, ENOMEM).  Those are tried again after a short
 * pause.
 *
 * A link that is lost stops reading and writing at once, and says so from the loop: its owner may be deep
 * inside a send when it happens.
 */
#include "job/link.h"
#include "util/fdio.h"

#include <event2/event.h>
#include <sys/queue.h>
#include <sys/socket.h>

enum { RECV_BURST = 16, RETRY_USEC = 5000 };

struct waiting {
        TAILQ_ENTRY(waiting) link;
        struct wire_message message;
};

struct link {
        int fd;
        const struct link_fns *fns;
        void *arg;
        struct event *readable;
        struct event *writable;
        struct event *later; /* another try, or the turn in which loss is told */
        TAILQ_HEAD(, waiting) queue;
        size_t n_queue;
        bool lost;
        bool receiving; /* callbacks run: link_free() leaves the memory to on_readable() */
        bool freed;
        char buf[WIRE_FRAME_BYTES];
};

static void lose(struct link *link)
{
        if (link->lost)
                return;
        link->lost = true;
        event_del(link->readable);
        event_del(link->writable);
        shutdown(link->fd, SHUT_RDWR);
        event_active(link->later, EV_TIMEOUT, 0);
}

static void waiting_free(struct link *link, struct waiting *waiting)
{
        TAILQ_REMOVE(&link->queue, waiting, link);
        link->n_queue--;
        wire_message_deinit(&waiting->message);
        free(waiting);
}

static int send_now(struct link *link, const struct wire_message *message)
{
        struct iovec iov = { message->bytes.p, message->bytes.n };

        return fdio_send(link->fd, &iov, 1, message->fds, message->n_fds);
}

/* What to wait for after a send that did not succeed. */
static void send_failed(struct link *link, int r)
{
        struct timeval pause = { .tv_usec = RETRY_USEC };

        if (r == FDIO_AGAIN)
                event_add(link->writable, NULL);
        else if (r == -ETOOMANYREFS || r == -ENOBUFS || r == -ENOMEM)
                evtimer_add(link->later, &pause);
        else
                lose(link);
}

static void flush(struct link *link)
{
        struct waiting *waiting;

        while ((waiting = TAILQ_FIRST(&link->queue))) {
                int r = send_now(link, &waiting->message);

                if (r != 0) {
                        send_failed(link, r);
                        return;
                }
                waiting_free(link, waiting);
        }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
        flush(arg);
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
        struct link *link = arg;

        if (link->lost)
                link->fns->on_lost(link->arg);
        else
                flush(link);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
        struct link *link = arg;

        link->receiving = true;
        for (int i = 0; i < RECV_BURST && !link->freed && !link->lost; i++) {
                int fds[FDIO_FDS_MAX];
                size_t n, n_fds;
                int r = fdio_recv(link->fd, link->buf, sizeof(link->buf), &n, fds, &n_fds);

                if (r == FDIO_AGAIN)
                        break;
                if (r == 0)
                        link->fns->on_message(link->arg, link->buf, n, fds, n_fds);
                else
                        lose(link);
        }
        link->receiving = false;
        if (link->freed)
                free(link);
}

int link_new_take(struct event_base *base, int fd, const struct link_fns *fns, void *arg,
                  struct link **ret_link)
{
        struct link *link = calloc(1, sizeof(*link));

        if (!link) {
                close_fd(&fd);
                return -ENOMEM;
        }
        link->fd = fd;
        link->fns = fns;
        link->arg = arg;
        TAILQ_INIT(&link->queue);
        link->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, link);
        link->writable = event_new(base, fd, EV_WRITE, on_writable, link);
        link->later = evtimer_new(base, on_later, link);
        if (!link->readable || !link->writable || !link->later || event_add(link->readable, NULL) < 0) {
                link_free(link);
                return -ENOMEM;
        }
        *ret_link = link;
        return 0;
}

static void event_drop(struct event *event)
{
        if (event)
                event_free(event);
}

void link_free(struct link *link)
{
        struct waiting *waiting;

        if (!link)
                return;
        while ((waiting = TAILQ_FIRST(&link->queue)))
                waiting_free(link, waiting);
        event_drop(link->readable);
        event_drop(link->writable);
        event_drop(link->later);
        close_fd(&link->fd);
        link->freed = true;
        if (!link->receiving)
                free(link);
}

int link_send_take(struct link *link, struct wire_message *message, bool vital)
{
        struct wire_message mine = *message;
        struct waiting *waiting;
        int r = 0;

        *message = WIRE_MESSAGE_INIT;
        if (!link->lost && TAILQ_EMPTY(&link->queue)) {
                r = send_now(link, &mine);
                if (r == 0)
                        goto out;
                send_failed(link, r);
                r = 0;
        }
        if (link->lost)
                goto out;
        r = LINK_FULL;
        if (!vital && link->n_queue >= LINK_QUEUE_MAX)
                goto out;
        waiting = calloc(1, sizeof(*waiting));
        if (!waiting)
                goto out;
        waiting->message = mine;
        TAILQ_INSERT_TAIL(&link->queue, waiting, link);
        link->n_queue++;
        return 0;
out:
        wire_message_deinit(&mine);
        return r;
}

void link_break(struct link *link)
{
        lose(link);
}

size_t link_pending(const struct link *link)
{
        return link->n_queue;
}

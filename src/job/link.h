#pragma once

/*
 * Link: one end of the connection between front and runner.  Takes messages whole, queues what the socket
 * does not take at once, and says once when the peer is gone.
 *
 * All calls of link_fns come from the loop, never from inside link_send_take().
 */

#include "util/base.h"
#include "job/wire.h"

struct event_base;
struct link;

enum {
        LINK_QUEUE_MAX = 4096, /* messages waiting to be sent */
        LINK_FULL = 1,         /* outcome of link_send_take() */
};

struct link_fns {
        /* One message.  @fds are the callee's; it closes or keeps them (TAKE_FD).  May free the link. */
        void (*on_message)(void *arg, const char *p, size_t n, int *fds, size_t n_fds);
        /* The peer is gone or sent what cannot be taken.  Last call; may free the link. */
        void (*on_lost)(void *arg);
};

/* @fd is taken over.  0 or -errno. */
int link_new_take(struct event_base *base, int fd, const struct link_fns *fns, void *arg,
                  struct link **ret_link) MUST_USE;
void link_free(struct link *link);
static inline void link_freep(struct link **link)
{
        link_free(*link);
        *link = NULL;
}

/*
 * Send, or queue to be sent.  @message is taken over and left empty.  0, or LINK_FULL when the queue is
 * (the message is dropped then).  A peer that is gone is told by on_lost, not here.  @vital ones are
 * queued beyond the bound: used for answers, of which there are never more than open jobs.
 */
int link_send_take(struct link *link, struct wire_message *message, bool vital) MUST_USE;

/* Give the connection up: the peer sees its end, and on_lost is called from the loop. */
void link_break(struct link *link);

/* Messages not sent yet. */
size_t link_pending(const struct link *link);

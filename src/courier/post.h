#pragma once

/*
 * Post: one HTTP request to a receiver, on a thread of its own; a receiver may be as slow or as chatty as it likes, it costs
 * that thread for a bounded time and nothing else.
 *
 * A name is resolved once; when any of its addresses is one that must not be told, none is connected to, and the address
 * is looked at again when the socket is made.  No redirect is followed, no proxy asked, nothing of an answer but its status
 * and Retry-After is kept.
 */

#include "job/notice.h"

struct event_base;
struct posts;

enum post_end {
        POST_ANSWERED, /* with post->status */
        POST_LOST,     /* there was no answer, for a reason that may pass */
        POST_BLOCKED,  /* the address must not be told */
};

struct post {
        const char *url, *secret, *delivery; /* borrowed until it is done, as is @body */
        struct view body;
        void (*done)(void *arg, const struct post *post);
        void *arg;
        /* When done: */
        enum post_end end;
        unsigned status;
        uint64_t retry_after_ms; /* what the receiver asked for, 0: nothing */
        char text[ENTRY_TEXT_MAX + 1];
        /* Below is the business of post.c. */
        struct posts *posts;
        struct receiver_url where;
        uint64_t n_head, n_answer;
        bool has_head;
};

enum { POSTS_MAX = 64 };

/* @allowed is borrowed.  NULL on lack of memory or descriptors. */
struct posts *posts_new(struct event_base *base, const struct address_blocks *allowed,
                        uint64_t timeout_ns) MUST_USE;
size_t posts_count(const struct posts *posts);

/* Start one, of POSTS_MAX at most; done() is called later, from the loop.  0 or -errno. */
int post_start(struct posts *posts, struct post *post) MUST_USE;

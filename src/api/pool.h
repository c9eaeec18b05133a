#pragma once

/*
 * Pool: a few threads for work that would hold up the loop, such as parsing a body of many megabytes.
 *
 * A piece of work owns all it touches.  run() is called on a thread, once; then done() on the loop, once, even
 * when nobody wants the outcome any more.
 */

#include "util/base.h"

#include <sys/queue.h>

struct err;
struct event_base;
struct pool;

struct work {
        STAILQ_ENTRY(work) link;
        void (*run)(struct work *work);
        void (*done)(struct work *work); /* frees it */
        void *owner;                     /* the loop's to set and read; run() must not look */
};

int pool_new(struct event_base *base, size_t n_threads, struct pool **ret_pool, struct err *err) MUST_USE;

/* Waits for what is being run; what has not begun is not run any more.  Every work gets its done(). */
void pool_free(struct pool *pool);

void pool_add(struct pool *pool, struct work *work);

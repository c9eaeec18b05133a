#pragma once

/*
 * Fetch: one download on a thread of its own, bounded in bytes, time and slowness; with its SHA-256.
 *
 * http:// and file:// are taken only where the index itself is configured so; redirects stay with http and https,
 * and lead to no address of a private network but the index's own.
 */

#include "util/base.h"
#include "util/bytes.h"
#include "util/err.h"

struct event_base;
struct fetcher;

struct fetch {
        char *url;     /* absolute, or relative to the index */
        uint64_t most; /* bytes */
        void (*done)(struct fetch *fetch);
        void *arg;
        /* When done: */
        struct bytes body; /* the callee's to take */
        char sum[65];
        int status; /* 0: fetched; else the answer to be given, with a sentence in err */
        struct err err;
        /* Below is the business of fetch.c. */
        struct fetcher *fetcher;
};

/* @index is the URL of the index; borrowed.  NULL on lack of memory or descriptors. */
struct fetcher *fetcher_new(struct event_base *base, const char *index, uint64_t timeout_ns) MUST_USE;

/* Is a thread still at work? */
bool fetcher_is_busy(const struct fetcher *fetcher);

/* Start; done() is called later, from the loop, and the fetch freed after it.  0, or -errno: the fetch is freed. */
int fetch_start_take(struct fetcher *fetcher, struct fetch *fetch) MUST_USE;

#pragma once

/*
 * Bucket: so many a second, and a few at once.  A token bucket in the time its caller tells it; zero it to begin full.
 *
 *     if (!bucket_take(&bucket, interval_ns, burst, clock_now_ns(), &wait_ns))
 *             ... come again in wait_ns
 */

#include "util/base.h"

struct bucket {
        uint64_t due_ns; /* when it would be full again; in the past: it is */
};

/*
 * Take a token, of which one comes every @interval_ns (0: there is no limit) and at most @burst (at least 1) are kept.
 * False when there is none; *ret_wait_ns is then how long until there is.  Rate and burst may differ from call to call.
 */
bool bucket_take(struct bucket *bucket, uint64_t interval_ns, uint64_t burst, uint64_t now_ns,
                 uint64_t *ret_wait_ns) MUST_USE;

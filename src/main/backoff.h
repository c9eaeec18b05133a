#pragma once

/* Backoff: when a child that ended may be started again.  Pure: time comes in, time goes out. */

#include "util/base.h"

struct backoff {
        uint64_t started_ns;
        uint64_t again_ns; /* not before; 0: not waiting */
        unsigned failures; /* in a row */
};

void backoff_started(struct backoff *backoff, uint64_t now_ns);

/* It ended: at once after a good life, later and later after short ones.  Sets and returns again_ns. */
uint64_t backoff_ended(struct backoff *backoff, uint64_t now_ns);

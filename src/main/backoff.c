/* A life of ten seconds makes good for every failure before. */
#include "main/backoff.h"

enum { FIRST_MS = 50, MOST_MS = 2000, GOOD_LIFE_S = 10 };

void backoff_started(struct backoff *backoff, uint64_t now_ns)
{
        backoff->started_ns = now_ns;
        backoff->again_ns = 0;
}

uint64_t backoff_ended(struct backoff *backoff, uint64_t now_ns)
{
        uint64_t wait_ms = FIRST_MS;

        if (now_ns - backoff->started_ns >= GOOD_LIFE_S * NSEC_PER_SEC)
                backoff->failures = 0;
        for (unsigned i = 0; i < backoff->failures && wait_ms < MOST_MS; i++)
                wait_ms *= 2;
        wait_ms = backoff->failures == 0 ? 0 : MIN(wait_ms, (uint64_t)MOST_MS);
        backoff->failures++;
        backoff->again_ns = MAX(now_ns + wait_ms * NSEC_PER_MSEC, (uint64_t)1);
        return backoff->again_ns;
}

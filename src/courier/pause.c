/* Theory of operation: it doubles up to a bound, and between half of it and all of it is taken, so that those who failed
 * together do not come back together. */
#include "courier/pause.h"

static uint64_t doubled(uint64_t most, unsigned n, uint64_t random)
{
        uint64_t pause = n > 1 && n - 1 < 32 ? NSEC_PER_SEC << (n - 1) : NSEC_PER_SEC;

        if (n > 32 || pause > most)
                pause = most;
        return pause / 2 + random % (pause / 2 + 1);
}

uint64_t pause_of_delivery(unsigned attempts, uint64_t random)
{
        return doubled(600 * NSEC_PER_SEC, attempts, random);
}

uint64_t pause_of_receiver(unsigned failures, uint64_t random)
{
        return doubled(60 * NSEC_PER_SEC, failures, random);
}

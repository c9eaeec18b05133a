/*
 * Theory of operation: instead of tokens the time is kept at which all of them would be back.  Every token taken moves it one
 * interval on; it may lie as far ahead as the whole bucket takes to fill.  No timer, no rounding, one number.
 */
#include "util/bucket.h"

bool bucket_take(struct bucket *bucket, uint64_t interval_ns, uint64_t burst, uint64_t now_ns,
                 uint64_t *ret_wait_ns)
{
        uint64_t due = MAX(bucket->due_ns, now_ns), most = 0;

        *ret_wait_ns = 0;
        if (interval_ns == 0)
                return true;
        if (__builtin_mul_overflow(interval_ns, MAX(burst, (uint64_t)1) - 1, &most))
                most = UINT64_MAX / 2;
        if (due - now_ns > most) {
                *ret_wait_ns = due - now_ns - most;
                return false;
        }
        bucket->due_ns = due + interval_ns;
        return true;
}

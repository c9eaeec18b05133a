/* A token bucket in virtual time. */
#include "util/bucket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define TENTH (NSEC_PER_SEC / 10)

static unsigned take_all(struct bucket *bucket, uint64_t interval, uint64_t burst, uint64_t now)
{
        uint64_t wait;
        unsigned n = 0;

        while (n < 1000 && bucket_take(bucket, interval, burst, now, &wait))
                n++;
        return n;
}

static void a_burst_then_the_rate(void **state)
{
        struct bucket bucket = { 0 };
        uint64_t wait, now = 5 * NSEC_PER_SEC;

        assert_int_equal(take_all(&bucket, TENTH, 5, now), 5);
        assert_false(bucket_take(&bucket, TENTH, 5, now, &wait));
        assert_int_equal(wait, TENTH);
        assert_false(bucket_take(&bucket, TENTH, 5, now + TENTH - 1, &wait));
        assert_int_equal(wait, 1);
        assert_true(bucket_take(&bucket, TENTH, 5, now + TENTH, &wait));
        assert_int_equal(wait, 0);
        assert_false(bucket_take(&bucket, TENTH, 5, now + TENTH, &wait));
}

static void it_fills_and_no_further(void **state)
{
        struct bucket bucket = { 0 };

        assert_int_equal(take_all(&bucket, TENTH, 3, 1), 3);
        assert_int_equal(take_all(&bucket, TENTH, 3, 1 + 2 * TENTH), 2);
        assert_int_equal(take_all(&bucket, TENTH, 3, 1 + 3600 * NSEC_PER_SEC), 3);
}

static void what_was_refused_costs_nothing(void **state)
{
        struct bucket bucket = { 0 };
        uint64_t wait;

        assert_int_equal(take_all(&bucket, TENTH, 1, 0), 1);
        for (int i = 0; i < 100; i++)
                assert_false(bucket_take(&bucket, TENTH, 1, TENTH / 2, &wait));
        assert_true(bucket_take(&bucket, TENTH, 1, TENTH, &wait));
}

static void over_a_long_time_the_rate_holds(void **state)
{
        struct bucket bucket = { 0 };
        uint64_t now = 7, wait, taken = 0, step = 33333333;

        for (; now < 1000 * NSEC_PER_SEC; now += step)
                taken += bucket_take(&bucket, TENTH, 5, now, &wait);
        assert_in_range(taken, 10000 - 1, 10000 + 5);
}

static void no_interval_no_limit(void **state)
{
        struct bucket bucket = { 0 };

        assert_int_equal(take_all(&bucket, 0, 1, 0), 1000);
}

static void a_new_rate_holds_at_once(void **state)
{
        struct bucket bucket = { 0 };
        uint64_t wait;

        assert_int_equal(take_all(&bucket, NSEC_PER_SEC, 2, 0), 2);
        assert_false(bucket_take(&bucket, NSEC_PER_SEC, 2, 0, &wait));
        assert_true(bucket_take(&bucket, NSEC_PER_SEC, 3, 0, &wait));
        assert_true(bucket_take(&bucket, UINT64_MAX / 2, 1000, 10 * NSEC_PER_SEC, &wait));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_burst_then_the_rate),
                cmocka_unit_test(it_fills_and_no_further),
                cmocka_unit_test(what_was_refused_costs_nothing),
                cmocka_unit_test(over_a_long_time_the_rate_holds),
                cmocka_unit_test(no_interval_no_limit),
                cmocka_unit_test(a_new_rate_holds_at_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

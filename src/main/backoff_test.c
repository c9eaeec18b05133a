#include "main/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static uint64_t wait_ms(struct backoff *backoff, uint64_t start_s, uint64_t end_s)
{
        backoff_started(backoff, start_s * NSEC_PER_SEC);
        return (backoff_ended(backoff, end_s * NSEC_PER_SEC) - end_s * NSEC_PER_SEC) / NSEC_PER_MSEC;
}

static void test_short_lives_wait_longer(void **state)
{
        static const uint64_t want[] = { 0, 100, 200, 400, 800, 1600, 2000, 2000, 2000 };
        struct backoff backoff = { 0 };

        for (size_t i = 0; i < ARRAY_LEN(want); i++)
                assert_int_equal(wait_ms(&backoff, 100 + i, 101 + i), want[i]);
}

static void test_a_good_life_forgives(void **state)
{
        struct backoff backoff = { 0 };

        for (int i = 0; i < 6; i++)
                (void)wait_ms(&backoff, 100, 101);
        assert_int_equal(wait_ms(&backoff, 200, 211), 0);
}

static void test_started_is_not_waiting(void **state)
{
        struct backoff backoff = { 0 };

        assert_true(backoff_ended(&backoff, 5) > 0);
        backoff_started(&backoff, 6);
        assert_int_equal(backoff.again_ns, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_short_lives_wait_longer),
                cmocka_unit_test(test_a_good_life_forgives),
                cmocka_unit_test(test_started_is_not_waiting),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

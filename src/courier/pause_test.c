#include "courier/pause.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void grows_up_to_a_bound(void **state)
{
        uint64_t before = 0;

        for (unsigned n = 1; n <= 10; n++) {
                uint64_t least = pause_of_delivery(n, 0);

                assert_int_equal(least, (NSEC_PER_SEC << (n - 1)) / 2);
                assert_true(least > before);
                before = least;
        }
        for (unsigned n = 11; n < 200; n++)
                assert_int_equal(pause_of_delivery(n, 0), 300 * NSEC_PER_SEC);
        assert_int_equal(pause_of_delivery(4000000000u, 0), 300 * NSEC_PER_SEC);
        assert_int_equal(pause_of_receiver(40, 0), 30 * NSEC_PER_SEC);
}

static void is_spread(void **state)
{
        uint64_t most = 0;

        for (uint64_t random = 0; random < 10 * NSEC_PER_SEC; random += NSEC_PER_MSEC * 7) {
                uint64_t pause = pause_of_delivery(3, random);

                assert_true(pause >= 2 * NSEC_PER_SEC && pause <= 4 * NSEC_PER_SEC);
                most = MAX(most, pause);
        }
        assert_true(most > 3900 * NSEC_PER_MSEC);
        assert_true(pause_of_delivery(3, UINT64_MAX) <= 4 * NSEC_PER_SEC);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(grows_up_to_a_bound),
                                            cmocka_unit_test(is_spread) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "util/number.h"
#include "util/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>

static void test_as_printf_says_it(void **state)
{
        static const uint64_t values[] = { 0, 1, 7, 8, 9, 10, 99, 100, 0755, 01777, UINT32_MAX, UINT64_MAX };
        char ours[NUMBER_ROOM], theirs[NUMBER_ROOM];

        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
                snprintf(theirs, sizeof(theirs), "%" PRIu64, values[i]);
                assert_ptr_equal(number_text(ours, values[i], 10), ours + strlen(theirs));
                assert_string_equal(ours, theirs);
                snprintf(theirs, sizeof(theirs), "%" PRIo64, values[i]);
                assert_ptr_equal(number_text(ours, values[i], 8), ours + strlen(theirs));
                assert_string_equal(ours, theirs);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_as_printf_says_it) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

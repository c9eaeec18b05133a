/* The spellings of numbers, as tables: what is read, what is refused, and that printing reads back. */
#include "config/value.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

struct row {
        const char *text;
        int r;
        uint64_t value;
};

static void check(const struct row *row, int r, uint64_t value)
{
        if (r != row->r || (r == 0 && value != row->value))
                fail_msg("\"%s\": got %d, %llu; want %d, %llu", row->text, r, (unsigned long long)value,
                         row->r, (unsigned long long)row->value);
}

static void test_bytes(void **state)
{
        static const struct row rows[] = {
                { "0", 0, 0 },
                { "1000", 0, 1000 },
                { "64MiB", 0, 64 * MIB },
                { "64Mi", 0, 64 * MIB },
                { "1k", 0, 1000 },
                { "1kB", 0, 1000 },
                { "2KiB", 0, 2048 },
                { "10MB", 0, 10000000 },
                { "3G", 0, 3000000000 },
                { "1GiB", 0, GIB },
                { "1TiB", 0, 1024 * GIB },
                { "7B", 0, 7 },
                { "18446744073709551615", 0, UINT64_MAX },
                { "18446744073709551616", -ERANGE, 0 },
                { "99999999999GiB", -ERANGE, 0 },
                { "", -EINVAL, 0 },
                { "-1", -EINVAL, 0 },
                { "+1", -EINVAL, 0 },
                { " 1", -EINVAL, 0 },
                { "1 ", -EINVAL, 0 },
                { "1.5GiB", -EINVAL, 0 },
                { "MiB", -EINVAL, 0 },
                { "0x10", -EINVAL, 0 },
                { "1XiB", -EINVAL, 0 },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                uint64_t value = 0;
                int r = value_parse_bytes(rows[i].text, &value);

                check(&rows[i], r, value);
        }
}

static void test_duration(void **state)
{
        static const struct row rows[] = {
                { "0", 0, 0 },
                { "3000", 0, 3 * NSEC_PER_SEC },
                { "3s", 0, 3 * NSEC_PER_SEC },
                { "250ms", 0, 250 * NSEC_PER_MSEC },
                { "1m30s", 0, 90 * NSEC_PER_SEC },
                { "1.5h", 0, 5400 * NSEC_PER_SEC },
                { "0.25s", 0, 250 * NSEC_PER_MSEC },
                { "1.0000000009s", 0, NSEC_PER_SEC },
                { "5us", 0, 5000 },
                { "5\xc2\xb5s", 0, 5000 },
                { "17ns", 0, 17 },
                { "1h1m1s1ms", 0, 3661 * NSEC_PER_SEC + NSEC_PER_MSEC },
                { "", -EINVAL, 0 },
                { "s", -EINVAL, 0 },
                { "3", 0, 3 * NSEC_PER_MSEC },
                { "3 s", -EINVAL, 0 },
                { "-3s", -EINVAL, 0 },
                { "3.s", -EINVAL, 0 },
                { ".5s", -EINVAL, 0 },
                { "1.5", -EINVAL, 0 },
                { "3d", -EINVAL, 0 },
                { "3s5", -EINVAL, 0 },
                { "99999999999999999999s", -ERANGE, 0 },
                { "18446744073709551615", -ERANGE, 0 },
                { "18446744073709551615h", -ERANGE, 0 },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                uint64_t value = 0;
                int r = value_parse_duration(rows[i].text, &value);

                check(&rows[i], r, value);
        }
}

static void test_count_and_flag(void **state)
{
        static const struct row counts[] = {
                { "0", 0, 0 },      { "42", 0, 42 },       { "1k", -EINVAL, 0 },
                { "", -EINVAL, 0 }, { "4_2", -EINVAL, 0 },
        };
        static const struct row flags[] = {
                { "true", 0, 1 },  { "TRUE", 0, 1 },        { "yes", 0, 1 },
                { "on", 0, 1 },    { "1", 0, 1 },           { "no", 0, 0 },
                { "False", 0, 0 }, { "maybe", -EINVAL, 0 }, { "", -EINVAL, 0 },
        };

        for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
                uint64_t value = 0;
                int r = value_parse_count(counts[i].text, &value);

                check(&counts[i], r, value);
        }
        for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
                bool value = false;
                int r = value_parse_flag(flags[i].text, &value);

                check(&flags[i], r, value);
        }
}

static void test_format_reads_back(void **state)
{
        static const uint64_t values[] = { 0, 1, 1000, 1023, 1024, 64 * MIB, GIB, GIB + 1, UINT64_MAX };
        char text[32];

        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
                uint64_t back = 1;

                value_format_bytes(values[i], text, sizeof(text));
                assert_int_equal(value_parse_bytes(text, &back), 0);
                assert_int_equal(back, values[i]);
                value_format_duration(values[i], text, sizeof(text));
                if (values[i] == UINT64_MAX)
                        continue; /* longer than 31 bytes, cut: 584 years */
                assert_int_equal(value_parse_duration(text, &back), 0);
                assert_int_equal(back, values[i]);
        }
        value_format_duration(90 * NSEC_PER_SEC, text, sizeof(text));
        assert_string_equal(text, "1m30s");
        value_format_bytes(64 * MIB, text, sizeof(text));
        assert_string_equal(text, "64MiB");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bytes),
                cmocka_unit_test(test_duration),
                cmocka_unit_test(test_count_and_flag),
                cmocka_unit_test(test_format_reads_back),
        };

        return cmocka_run_group_tests_name("value", tests, NULL, NULL);
}

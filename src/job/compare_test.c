/* Every rule on the pairs that tell it from the others, and where the first difference is said to be. */
#include "job/compare.h"
#include "util/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* Which rules call the pair equal: E exact, T trimmed, W tokens, C caseless, F float. */
static const struct {
        const char *expected, *actual, *equal;
} pairs[] = {
        { "", "", "ETWCF" },
        { "a\n", "a\n", "ETWCF" },
        { "a", "a\n", "TWCF" },
        { "a\n", "a", "TWCF" },
        { "a", "a \t\r\n\n", "TWCF" },
        { "a\nb", "a  \nb\n", "TWCF" },
        { "a\r\nb\r\n", "a\nb\n", "TWCF" },
        { "a b", "a  b", "WCF" },
        { "a b", "a\nb", "WCF" },
        { " a", "a", "WCF" },
        { "\na", "a", "WCF" },
        { "a\n\nb", "a\nb", "WCF" },
        { "Yes", "yES", "C" },
        { "1.0", "1.00", "F" },
        { "1", "1.0005", "F" },
        { "1e3", "1000", "F" },
        { "-0", "0", "F" },
        { "1000000", "1000900", "F" },
        { "1000000", "1001100", "" },
        { "1", "1.01", "" },
        { "x1", "x1.0", "" },
        { "0x10", "16", "" },
        { "nan", "nan", "ETWCF" },
        { "inf", "1e999", "" },
        { "1e999", "2e999", "" },
        { "1", "", "" },
        { "", "1", "" },
        { "1 2", "1", "" },
        { "1", "1 2", "" },
        { "a", "b", "" },
        { "\xff", "\xff", "ETWCF" },
        { "\xc3\x84", "\xc3\xa4", "" },
};

static bool same(enum compare_kind kind, const char *expected, const char *actual)
{
        struct compare_rule rule = { .kind = kind, .absolute = 0.001, .relative = 0.001 };

        return compare(&rule, view_of(expected), view_of(actual), NULL);
}

static void rules(void **state)
{
        static const struct {
                enum compare_kind kind;
                char letter;
        } kinds[] = {
                { COMPARE_EXACT, 'E' },    { COMPARE_TRIMMED, 'T' }, { COMPARE_TOKENS, 'W' },
                { COMPARE_CASELESS, 'C' }, { COMPARE_FLOAT, 'F' },
        };

        for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
                for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
                        if (same(kinds[k].kind, pairs[i].expected, pairs[i].actual) !=
                            (strchr(pairs[i].equal, kinds[k].letter) != NULL))
                                fail_msg("%s: '%s' and '%s'", compare_name(kinds[k].kind), pairs[i].expected,
                                         pairs[i].actual);
}

static void zero_bytes_are_bytes(void **state)
{
        struct compare_rule rule = { .kind = COMPARE_EXACT };

        assert_true(compare(&rule, VIEW("a\0b"), VIEW("a\0b"), NULL));
        assert_false(compare(&rule, VIEW("a\0b"), VIEW("a\0c"), NULL));
        rule.kind = COMPARE_TOKENS;
        assert_false(compare(&rule, VIEW("a\0b"), VIEW("a"), NULL));
}

static const struct {
        enum compare_kind kind;
        const char *expected, *actual;
        uint64_t line, column, token;
        const char *wanted, *got;
} places[] = {
        { COMPARE_EXACT, "one\ntwo\n", "one\ntwO\n", 2, 3, 0, "two\n", "twO\n" },
        { COMPARE_EXACT, "one", "one\n", 1, 4, 0, "one", "one\n" },
        { COMPARE_TRIMMED, "one \ntwo", "one\ntwx", 2, 3, 0, "two", "twx" },
        { COMPARE_TRIMMED, "one\ntwo", "one", 2, 1, 0, "two", "" },
        { COMPARE_TRIMMED, "one", "one\ntwo", 1, 4, 0, "", "two" },
        { COMPARE_TOKENS, "a b c", "a x c", 1, 3, 2, "b", "x" },
        { COMPARE_TOKENS, "a\nb", "a", 2, 1, 2, "b", "" },
        { COMPARE_FLOAT, "1 2 3", "1 2 4", 1, 5, 3, "3", "4" },
};

static void first_differences(void **state)
{
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
                struct compare_rule rule = { .kind = places[i].kind };
                struct compare_difference difference;

                assert_false(
                        compare(&rule, view_of(places[i].expected), view_of(places[i].actual), &difference));
                if (difference.line != places[i].line || difference.column != places[i].column ||
                    difference.token != places[i].token)
                        fail_msg("row %zu: line %llu column %llu token %llu", i,
                                 (unsigned long long)difference.line, (unsigned long long)difference.column,
                                 (unsigned long long)difference.token);
                assert_true(view_eq_text((struct view){ difference.expected, difference.n_expected },
                                         places[i].wanted));
                assert_true(
                        view_eq_text((struct view){ difference.actual, difference.n_actual }, places[i].got));
        }
}

static void fill(struct bytes *bytes, const char *text, size_t times)
{
        for (size_t i = 0; i < times; i++)
                assert_int_equal(bytes_add_text(bytes, text), 0);
}

/* Shapes that make quadratic code slow. */
static void long_texts_take_linear_time(void **state)
{
        static const char *const shapes[] = { " ", "\n", " \n", "a ", "a\n", "1", "1.5 " };
        uint64_t before = clock_now_ns();

        for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
                for (int kind = 0; kind < COMPARE_COUNT; kind++) {
                        CLEANUP(bytes_deinit) struct bytes a = BYTES_INIT(16 * MIB), b = BYTES_INIT(16 * MIB);
                        struct compare_rule rule = { .kind = (enum compare_kind)kind };
                        struct compare_difference difference;

                        fill(&a, shapes[i], 1000000);
                        fill(&b, shapes[i], 1000000);
                        assert_true(compare(&rule, bytes_view(&a), bytes_view(&b), &difference));
                        fill(&b, "x", 1);
                        assert_false(compare(&rule, bytes_view(&a), bytes_view(&b), &difference));
                }
        assert_true(clock_now_ns() - before < 60 * NSEC_PER_SEC);
}

static void names(void **state)
{
        for (int kind = 0; kind < COMPARE_COUNT; kind++)
                assert_int_equal(compare_find(compare_name((enum compare_kind)kind)), kind);
        assert_int_equal(compare_find("vibes"), COMPARE_COUNT);
}

static void stripped(void **state)
{
        static const struct {
                const char *text, *left;
        } rows[] = {
                { "", "" },
                { " \t\r\n\v\f", "" },
                { " a b ", "a b" },
                { "a", "a" },
                { "\xc2\xa0\xe3\x80\x80"
                  "a\xe2\x80\x83\xc2\x85",
                  "a" },
                { "\xe2\x80", "\xe2\x80" },
                { "\xa0", "\xa0" },
                { "a\xc2", "a\xc2" },
                { "\xe2\x80\x8b", "\xe2\x80\x8b" }, /* a space of no width is none */
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                assert_true(view_eq_text(compare_strip(view_of(rows[i].text)), rows[i].left));
        assert_true(same(COMPARE_STRIPPED, "a  b\n", "\n a  b"));
        assert_false(same(COMPARE_STRIPPED, "a  b", "a b"));
        assert_false(same(COMPARE_STRIPPED, "a \nb", "a\nb"));
        assert_false(same(COMPARE_STRIPPED, "a", ""));
        assert_true(same(COMPARE_STRIPPED, " \n", ""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rules),
                cmocka_unit_test(stripped),
                cmocka_unit_test(zero_bytes_are_bytes),
                cmocka_unit_test(first_differences),
                cmocka_unit_test(long_texts_take_linear_time),
                cmocka_unit_test(names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

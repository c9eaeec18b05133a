/* Ranges against the six versions of the reference table, then row by row what node-semver says. */
#include "runtime/semver.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

enum { UNREADABLE = -1, NO = 0, YES = 1 };

static struct semver version(const char *text)
{
        struct semver v;

        if (semver_parse(text, &v) != 0)
                fail_msg("%s is no version", text);
        return v;
}

/* One letter per version: which of them the range takes. */
static void test_reference_table(void **state)
{
        static const char *const versions[] = {
                "3.12.0", "3.11.0", "3.9.4", "2.7.18", "3.13.0-rc.1", "15.0.2"
        };
        static const struct {
                const char *range;
                const char *takes;
        } rows[] = {
                { "*", "yyyy-y" },
                { "x", "yyyy-y" },
                { "X", "yyyy-y" },
                { "*.*", "yyyy-y" },
                { "3", "yyy---" },
                { "3.x", "yyy---" },
                { "3.X.X", "yyy---" },
                { "3.12", "y-----" },
                { "3.12.0", "y-----" },
                { "=3.12.0", "y-----" },
                { "v3.12.0", "y-----" },
                { " 3.12.0 ", "y-----" },
                { "^3.9", "yyy---" },
                { "^3.9.4", "yyy---" },
                { "~3.9", "--y---" },
                { "~3.9.4", "--y---" },
                { "~>3.9", "--y---" },
                { ">=3.10", "yy---y" },
                { "=>3.12", "y----y" },
                { ">3", "-----y" },
                { "<3.12", "-yyy--" },
                { "=<3.9", "--yy--" },
                { ">=3.9, <3.12", "-yy---" },
                { ">=3.9 <3.12", "-yy---" },
                { "3.9 - 3.11", "-yy---" },
                { "3.9 || 2.x", "--yy--" },
                { "!=3.12.0", "-yyyyy" },
                { "3.13.0-rc.1", "----y-" },
                { ">=3.13.0-0", "----yy" },
                { "==3.12.0", "!" },
                { "latest", "!" },
                { "3.12.0.1", "!" },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                bool readable = rows[i].takes[0] != '!';

                if (semver_range_ok(rows[i].range) != readable)
                        fail_msg("\"%s\" should be %sreadable", rows[i].range, readable ? "" : "un");
                for (size_t j = 0; j < ARRAY_LEN(versions); j++) {
                        struct semver v = version(versions[j]);

                        if (semver_satisfies(&v, rows[i].range) != (readable && rows[i].takes[j] == 'y'))
                                fail_msg("\"%s\" against %s", rows[i].range, versions[j]);
                }
        }
}

static void test_node_rows(void **state)
{
        static const struct {
                const char *range;
                const char *version;
                int want;
        } rows[] = {
                { "1.0.0 - 2.0.0", "1.2.3", YES },
                { "1.0.0 - 2.0.0", "2.0.0", YES },
                { "1.0.0 - 2.0.0", "2.0.1", NO },
                { "1 - 2", "2.9.9", YES },
                { "1 - 2", "3.0.0", NO },
                { "1.2 - 1.4", "1.4.9", YES },
                { "1.2 - 1.4", "1.5.0", NO },
                { "* - 2", "0.0.1", YES },
                { "1 - *", "99.0.0", YES },
                { "1 -2", "1.0.0", UNREADABLE },
                { "1- 2", "1.0.0", UNREADABLE },
                { "^1.2.3+build", "1.2.3", YES },
                { "^1.2.3+build", "1.3.0", YES },
                { "^1.2.3", "1.2.2", NO },
                { "^1.2.3", "2.0.0", NO },
                { "^1.2.3", "2.0.0-alpha", NO },
                { "^0.2.3", "0.2.9", YES },
                { "^0.2.3", "0.3.0", NO },
                { "^0.0.3", "0.0.3", YES },
                { "^0.0.3", "0.0.4", NO },
                { "^0.0", "0.0.9", YES },
                { "^0.0", "0.1.0", NO },
                { "^0", "0.9.9", YES },
                { "^0", "1.0.0", NO },
                { "^0.0.0", "0.0.0", YES },
                { "^0.0.0", "0.0.1", NO },
                { "^0.x", "0.5.0", YES },
                { "^1.x", "1.5.0", YES },
                { "^1.x", "2.0.0", NO },
                { "^*", "7.7.7", YES },
                { "^ 1.2", "1.9.0", YES },
                { "~1.2.3", "1.2.9", YES },
                { "~1.2.3", "1.3.0", NO },
                { "~1.2", "1.2.0", YES },
                { "~1", "1.9.9", YES },
                { "~1", "2.0.0", NO },
                { "~x", "5.0.0", YES },
                { "~ 1.0.3", "1.0.12", YES },
                { "~> 1", "1.2.3", YES },
                { "~0.0.1", "0.0.9", YES },
                { ">=1.0.0", "1.0.0", YES },
                { ">1.0.0", "1.0.0", NO },
                { ">1.0.0", "1.0.1", YES },
                { ">1.2", "1.2.9", NO },
                { ">1.2", "1.3.0", YES },
                { ">1", "1.9.9", NO },
                { ">1", "2.0.0", YES },
                { "<=1.2", "1.2.9", YES },
                { "<=1.2", "1.3.0", NO },
                { "<=2", "2.9.9", YES },
                { "<1.2", "1.1.9", YES },
                { "<1.2", "1.2.0", NO },
                { "<2", "1.9.9", YES },
                { "<2", "2.0.0-rc.1", NO },
                { ">x", "1.0.0", NO },
                { "<*", "1.0.0", NO },
                { ">=*", "1.0.0", YES },
                { "<=x", "1.0.0", YES },
                { "", "1.0.0", YES },
                { "   ", "1.0.0", YES },
                { "||", "1.0.0", YES },
                { "1.2.3 ||", "9.0.0", YES },
                { "|", "1.0.0", UNREADABLE },
                { "1 | 2", "1.0.0", UNREADABLE },
                { "1 || 2 || 3", "3.4.5", YES },
                { "1 || 2 || 3", "4.0.0", NO },
                { "1 || abc", "1.0.0", UNREADABLE },
                { "2.x || ^3.11.0", "2.7.0", YES },
                { "2.x || ^3.11.0", "3.10.9", NO },
                { ">= 1.0.0", "1.0.0", YES },
                { ">=  1.0.0 <  2", "1.5.0", YES },
                { ">1.2.3<2", "1.5.0", YES },
                { "1.2.3 1.2.4", "1.2.3", NO },
                { "1.2.3-alpha.1", "1.2.3-alpha.1", YES },
                { ">1.2.3-alpha.1", "1.2.3-alpha.2", YES },
                { ">1.2.3-alpha.2", "1.2.3-alpha.10", YES },
                { ">1.2.3-alpha", "1.2.3-beta", YES },
                { ">1.2.3-alpha", "1.2.4-beta", NO },
                { ">1.2.3-alpha.1", "1.2.3-alpha", NO },
                { ">=1.2.3-1", "1.2.3-alpha", YES },
                { "<1.2.3", "1.2.3-alpha", NO },
                { "<1.2.3-beta", "1.2.3-alpha", YES },
                { "^1.2.3-alpha", "1.2.3-beta", YES },
                { "^1.2.3-alpha", "1.2.4", YES },
                { "^1.2.3-alpha", "1.2.4-beta", NO },
                { "~1.2.3-alpha", "1.2.3", YES },
                { "*", "1.0.0-rc.1", NO },
                { "v1.2", "1.2.7", YES },
                { "=v1.2.3", "1.2.3", YES },
                { ">=v1.2.3", "1.2.3", YES },
                { "1.2.3.4", "1.2.3", UNREADABLE },
                { "1..2", "1.0.2", UNREADABLE },
                { "1.", "1.0.0", UNREADABLE },
                { "01.2.3", "1.2.3", UNREADABLE },
                { "a.b.c", "1.0.0", UNREADABLE },
                { "1.2.3-", "1.2.3", UNREADABLE },
                { "1.2.3-01", "1.2.3", UNREADABLE },
                { "1.2.3-a..b", "1.2.3", UNREADABLE },
                { "1.2.3+", "1.2.3", UNREADABLE },
                { ">", "1.0.0", UNREADABLE },
                { ">>1", "2.0.0", UNREADABLE },
                { "99999999999999999999", "1.0.0", UNREADABLE },
                { "1.2.3,", "1.2.3", UNREADABLE },
                { ">=1,,<2", "1.2.3", UNREADABLE },
                { "!=1.2", "1.2.3", NO },
                { "!=1.2", "1.3.0", YES },
                { "4.x", "3.11.2", NO },
                { "1.*.3", "1.9.0", YES },
                { "3.11.2\n", "3.11.2", UNREADABLE },
                { "latest", "3.11.2", UNREADABLE },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct semver v = version(rows[i].version);

                if (semver_range_ok(rows[i].range) != (rows[i].want != UNREADABLE))
                        fail_msg("\"%s\": readable is not what row %zu says", rows[i].range, i);
                if (semver_satisfies(&v, rows[i].range) != (rows[i].want == YES))
                        fail_msg("\"%s\" against %s: want %d", rows[i].range, rows[i].version, rows[i].want);
        }
}

static void test_order(void **state)
{
        static const char *const ascending[] = { "0.0.1",   "0.1.0",     "1.0.0-0",   "1.0.0-2",  "1.0.0-10",
                                                 "1.0.0-a", "1.0.0-a.1", "1.0.0-a.b", "1.0.0-ab", "1.0.0",
                                                 "1.0.1",   "1.1.0",     "1.9.0",     "1.10.0",   "10.0.0" };

        for (size_t i = 0; i < ARRAY_LEN(ascending); i++)
                for (size_t j = 0; j < ARRAY_LEN(ascending); j++) {
                        struct semver a = version(ascending[i]), b = version(ascending[j]);
                        int r = semver_compare(&a, &b);

                        if ((r > 0) - (r < 0) != (i > j) - (i < j))
                                fail_msg("%s and %s", ascending[i], ascending[j]);
                }
}

static void test_no_version(void **state)
{
        static const char *const rows[] = { "",  "1",      "1.2",    "1.2.x",  "1.2.3.4",
                                            "a", "1.2.3 ", " 1.2.3", "1.02.3", "-1.2.3" };
        struct semver v;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if (semver_parse(rows[i], &v) != -EINVAL)
                        fail_msg("\"%s\" was taken", rows[i]);
}

static void test_silly_lengths(void **state)
{
        struct semver v = version("1.2.3");
        char range[SEMVER_RANGE_MAX + 3];

        memset(range, ' ', sizeof(range));
        range[SEMVER_RANGE_MAX] = '\0';
        assert_true(semver_satisfies(&v, range));
        range[SEMVER_RANGE_MAX] = ' ';
        range[SEMVER_RANGE_MAX + 1] = '\0';
        assert_false(semver_satisfies(&v, range));
        memset(range, 'a', sizeof(range));
        memcpy(range, "1.2.3-", 6);
        range[200] = '\0';
        assert_false(semver_range_ok(range));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_reference_table), cmocka_unit_test(test_node_rows),
                cmocka_unit_test(test_order),           cmocka_unit_test(test_no_version),
                cmocka_unit_test(test_silly_lengths),
        };

        return cmocka_run_group_tests_name("semver", tests, NULL, NULL);
}

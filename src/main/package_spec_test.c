/* Rules of package specs: globs, newest versions, taking back, and mistakes. */
#include "main/package_spec.h"
#include "util/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void count_idle(void *arg, unsigned line, const char *glob, const char *range)
{
        *(unsigned *)arg = *(unsigned *)arg * 10 + line;
}

static void rules(void **state)
{
        static const struct {
                const char *spec;
                const char *wanted; /* one letter per package that is */
                unsigned idle;      /* the digits of idle lines */
        } rows[] = {
                { "", "", 0 },
                { "python *", "b", 0 },
                { "python 3.x\n", "b", 0 },
                { "python 2.x\npython 3.x", "bc", 0 },
                { "python >=2 <3.12", "a", 0 },
                { "py* *\n", "bd", 0 },
                { "* *", "bdef", 0 },
                { "* *\n!py* *", "ef", 0 },
                { "* *\n! python 3.12", "def", 0 },
                { "!python *\npython 3.x", "b", 0 },
                { "# all\n\n  node 18   # short\r\n", "e", 0 },
                { "c# 1.x", "f", 0 },
                { "perl *\npython 3.x\nnode 99", "b", 13 },
                { "!perl *", "", 0 },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct package packages[] = {
                        { "python", "3.11.0", true, false },  { "python", "3.12.0", false, false },
                        { "python", "2.7.18", false, false }, { "pypy", "7.3", false, false },
                        { "node", "18", true, false },        { "c#", "1.0.0", false, false },
                };
                char wanted[ARRAY_LEN(packages) + 1] = "";
                struct err err = { 0 };
                unsigned idle = 0;
                size_t n = 0;

                assert_int_equal(package_spec_apply(view_of(rows[i].spec), packages, ARRAY_LEN(packages),
                                                    count_idle, &idle, &err),
                                 0);
                for (size_t p = 0; p < ARRAY_LEN(packages); p++)
                        if (packages[p].wanted)
                                wanted[n++] = (char)('a' + p);
                assert_string_equal(wanted, rows[i].wanted);
                assert_int_equal(idle, rows[i].idle);
        }
}

static void mistakes(void **state)
{
        static const struct {
                const char *spec, *says;
        } rows[] = {
                { "python", "1: python needs" },
                { "\npython # 3", "2: python needs" },
                { "!", "1: nothing" },
                { "a *\nb latest", "2: latest is no range" },
        };
        unsigned idle = 0;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct err err = { 0 };

                assert_int_equal(package_spec_apply(view_of(rows[i].spec), NULL, 0, count_idle, &idle, &err),
                                 -EINVAL);
                assert_ptr_equal(strstr(err.text, rows[i].says), err.text);
        }
}

static void versions(void **state)
{
        assert_true(package_in_range("3.12", "3.12.0"));
        assert_false(package_in_range("three", "*"));
        assert_true(package_compare("3.12", "3.9.9") > 0);
        assert_true(package_compare("x", "1") < 0);
        assert_int_equal(package_compare("3", "3.0.0"), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rules),
                cmocka_unit_test(mistakes),
                cmocka_unit_test(versions),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Lines that are packages and lines that are not; which of them a range means. */
#include "packer/index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define SUM "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"

static struct index parsed(const char *text)
{
        struct index index;

        assert_int_equal(index_parse(view_of(text), &index), 0);
        return index;
}

static void lines_that_are_none_are_skipped(void **state)
{
        static const char *const bad[] = {
                "",
                "\n\n",
                "name,1.0.0," SUM,
                "name,1.0.0," SUM ",",
                "../x,1.0.0," SUM ",http://x/",
                ".x,1.0.0," SUM ",http://x/",
                "a b,1.0.0," SUM ",http://x/",
                "name,one," SUM ",http://x/",
                "name,1.0.0,abc,http://x/",
                "name,1.0.0,x" SUM ",http://x/",
                ",1.0.0," SUM ",http://x/",
        };

        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct index index = parsed(bad[i]);

                assert_int_equal(index.n, 0);
                index_deinit(&index);
        }
}

static void a_line_is_taken_apart(void **state)
{
        struct index index = parsed("# words\r\n gcc , 10.2 ," SUM ", http://x/a,b.tar.gz \r\n");

        assert_int_equal(index.n, 1);
        assert_string_equal(index.lines[0].name, "gcc");
        assert_string_equal(index.lines[0].version, "10.2");
        assert_string_equal(index.lines[0].url, "http://x/a,b.tar.gz");
        assert_string_equal(index.lines[0].sum,
                            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
        index_deinit(&index);
}

static void the_newest_in_range_is_meant(void **state)
{
        struct index index =
                parsed("a,1.2.0," SUM ",u\na,1.10.0," SUM ",u\na,2," SUM ",u\nb,3.0.0," SUM ",u\n");

        assert_string_equal(index_find(&index, "a", "*")->version, "2");
        assert_string_equal(index_find(&index, "a", "1.x")->version, "1.10.0");
        assert_string_equal(index_find(&index, "a", "=1.2.0")->version, "1.2.0");
        assert_null(index_find(&index, "a", ">3"));
        assert_null(index_find(&index, "a", "junk"));
        assert_null(index_find(&index, "c", "*"));
        index_deinit(&index);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines_that_are_none_are_skipped),
                cmocka_unit_test(a_line_is_taken_apart),
                cmocka_unit_test(the_newest_in_range_is_meant),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

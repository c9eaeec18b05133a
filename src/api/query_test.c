#include "api/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct {
        const char *query, *name;
        int r;
        const char *value;
} texts[] = {
        { "a=1&b=2", "b", 0, "2" },
        { "a=1&b=2", "c", QUERY_NONE, "" },
        { "", "a", QUERY_NONE, "" },
        { "ab=1&a=2", "a", 0, "2" },
        { "a", "a", 0, "" },
        { "a=", "a", 0, "" },
        { "a=x%20y+z", "a", 0, "x y z" },
        { "a=%41%6a", "a", 0, "Aj" },
        { "a=%4", "a", -EINVAL, "" },
        { "a=%", "a", -EINVAL, "" },
        { "a=%zz", "a", -EINVAL, "" },
        { "a=%00", "a", -EINVAL, "" },
        { "a=0123456789", "a", -EINVAL, "" },
        { "a=1&a=2", "a", 0, "1" },
        { "&&a=1&", "a", 0, "1" },
};

static void finds_texts(void **state)
{
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                char text[10] = "";

                assert_int_equal(query_text(view_of(texts[i].query), texts[i].name, text, sizeof(text)),
                                 texts[i].r);
                if (texts[i].r == 0)
                        assert_string_equal(text, texts[i].value);
        }
}

static void finds_numbers(void **state)
{
        uint64_t value = 7;

        assert_int_equal(query_count(VIEW("n=42"), "n", 42, &value), 0);
        assert_int_equal(value, 42);
        assert_int_equal(query_count(VIEW("n=43"), "n", 42, &value), -EINVAL);
        assert_int_equal(query_count(VIEW("n="), "n", 42, &value), -EINVAL);
        assert_int_equal(query_count(VIEW("n=-1"), "n", 42, &value), -EINVAL);
        assert_int_equal(query_count(VIEW("n=4x"), "n", 42, &value), -EINVAL);
        assert_int_equal(query_count(VIEW("n=99999999999999999999"), "n", UINT64_MAX, &value), -EINVAL);
        assert_int_equal(query_count(VIEW("m=1"), "n", 42, &value), QUERY_NONE);
        assert_int_equal(value, 42);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(finds_texts), cmocka_unit_test(finds_numbers) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

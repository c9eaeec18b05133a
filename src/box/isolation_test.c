#include "box/isolation.h"
#include "box/filter.h"
#include "util/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <jansson.h>

static void test_what_is_told_is_there(void **state)
{
        static struct slot_boot boot;
        struct isolation isolation, again;
        char json[ISOLATION_JSON_MAX];
        struct err err = { "" };
        json_t *root;

        assert_int_equal(isolation_look("", NULL, &isolation, &err), 0);
        assert_int_equal(filter_build(&boot, &err), 0);
        assert_int_equal(isolation_look("", &boot, &again, &err), 0);
        assert_int_equal(strlen(isolation.filter), 32);
        assert_string_equal(isolation.filter, again.filter);
        isolation_json(&isolation, json);
        root = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(root);
        assert_string_equal(json_string_value(json_object_get(root, "level")), "full");
        assert_true(json_is_array(json_object_get(root, "degraded")));
        assert_true(json_is_integer(json_object_get(root, "landlock")));
        assert_in_range(json_integer_value(json_object_get(json_object_get(root, "cgroup"), "memory")), 0, 2);
        json_decref(root);
}

static void test_swap_is_a_flag(void **state)
{
        const struct isolation isolation = { .filter = "00", .swap = true };
        char json[ISOLATION_JSON_MAX];

        isolation_json(&isolation, json);
        assert_non_null(strstr(json, "\"degraded\":[\"swap\"]"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_is_told_is_there),
                cmocka_unit_test(test_swap_is_a_flag),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "util/json_out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <jansson.h>

#define BAD "\xEF\xBF\xBD"

static const struct {
        const char *in;
        size_t n;
        const char *out;
} rows[] = {
#define ROW(in, out)                                                                                         \
        {                                                                                                    \
                in, sizeof(in) - 1, "\"" out "\""                                                            \
        }
        ROW("", ""),
        ROW("plain text, longer than one word of eight", "plain text, longer than one word of eight"),
        ROW("a\"b\\c/d", "a\\\"b\\\\c/d"),
        ROW("1234567\"", "1234567\\\""),
        ROW("\b\f\n\r\t", "\\b\\f\\n\\r\\t"),
        ROW("\0\1\x1f\x7f", "\\u0000\\u0001\\u001f\x7f"),
        ROW("h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x98\x80", "h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x98\x80"),
        ROW("\xff", BAD),
        ROW("\x80\x80", BAD BAD),
        ROW("\xc0\xaf", BAD BAD),                 /* overlong */
        ROW("\xe0\x80\xaf", BAD BAD BAD),         /* overlong */
        ROW("\xed\xa0\x80", BAD BAD BAD),         /* surrogate */
        ROW("\xf4\x90\x80\x80", BAD BAD BAD BAD), /* past U+10FFFF */
        ROW("\xf0\x9f\x98", BAD),                 /* one maximal subpart */
        ROW("\xf0\x9f\x98z", BAD "z"),
        ROW("\xe2\x82\"", BAD "\\\""),
        ROW("\xc3\xc3\xa9", BAD "\xc3\xa9"),
        ROW("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", BAD BAD BAD BAD "A"), /* Unicode 3.9, table 3-11 */
#undef ROW
};

static void writes_valid_json_for_any_bytes(void **state)
{
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct bytes bytes = BYTES_INIT(4096);
                struct json_out json;

                json_out_init(&json, &bytes);
                json_out_string(&json, (struct view){ rows[i].in, rows[i].n });
                assert_int_equal(json_out_error(&json), 0);
                assert_string_equal(bytes.p, rows[i].out);
                bytes_deinit(&bytes);
        }
}

/* Wherever a string is cut into two or three fragments, the text is the same. */
static void fragments_make_no_difference(void **state)
{
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                for (size_t a = 0; a <= rows[i].n; a++)
                        for (size_t b = a; b <= rows[i].n; b++) {
                                struct bytes bytes = BYTES_INIT(4096);
                                struct json_out json;

                                json_out_init(&json, &bytes);
                                json_out_string_begin(&json);
                                json_out_string_add(&json, (struct view){ rows[i].in, a });
                                json_out_string_add(&json, (struct view){ rows[i].in + a, b - a });
                                json_out_string_add(&json, (struct view){ rows[i].in + b, rows[i].n - b });
                                json_out_string_end(&json);
                                assert_string_equal(bytes.p, rows[i].out);
                                bytes_deinit(&bytes);
                        }
}

static void sets_commas(void **state)
{
        struct bytes bytes = BYTES_INIT(4096);
        struct json_out json;

        json_out_init(&json, &bytes);
        json_out_object_begin(&json);
        json_out_key(&json, "a");
        json_out_array_begin(&json);
        json_out_array_begin(&json);
        json_out_array_end(&json);
        json_out_int(&json, -5);
        json_out_uint(&json, UINT64_MAX);
        json_out_bool(&json, true);
        json_out_bool(&json, false);
        json_out_array_end(&json);
        json_out_key(&json, "b");
        json_out_object_begin(&json);
        json_out_object_end(&json);
        json_out_key(&json, "c");
        json_out_text(&json, NULL);
        json_out_key(&json, "d");
        json_out_text(&json, "x");
        json_out_key(&json, "e");
        json_out_raw(&json, VIEW("[1]"));
        json_out_object_end(&json);
        assert_int_equal(json_out_error(&json), 0);
        assert_string_equal(bytes.p, "{\"a\":[[],-5,18446744073709551615,true,false],\"b\":{},\"c\":null,"
                                     "\"d\":\"x\",\"e\":[1]}");
        bytes_deinit(&bytes);
}

static void says_when_the_cap_was_reached(void **state)
{
        struct bytes bytes = BYTES_INIT(8);
        struct json_out json;

        json_out_init(&json, &bytes);
        json_out_string(&json, VIEW("longer than eight"));
        json_out_null(&json);
        assert_int_equal(json_out_error(&json), -ENOSPC);
        assert_true(bytes.n <= 8);
        bytes_deinit(&bytes);
}

/* Random bytes in random fragments: a strict parser takes what we write, and ASCII comes back as it was. */
static void a_strict_parser_reads_it(void **state)
{
        uint32_t seed = 12345;

        for (int round = 0; round < 2000; round++) {
                struct bytes bytes = BYTES_INIT(65536);
                char in[64];
                struct json_out json;
                json_t *parsed;
                size_t n = 0;

                json_out_init(&json, &bytes);
                json_out_array_begin(&json);
                json_out_string_begin(&json);
                for (int part = 0; part < 4; part++) {
                        for (n = 0; n < sizeof(in); n++) {
                                seed = seed * 1664525 + 1013904223;
                                in[n] = (char)(seed >> 24);
                        }
                        json_out_string_add(&json, (struct view){ in, seed % sizeof(in) });
                }
                json_out_string_end(&json);
                json_out_array_end(&json);
                parsed = json_loadb(bytes.p, bytes.n, JSON_ALLOW_NUL, NULL);
                assert_non_null(parsed);
                json_decref(parsed);
                bytes_deinit(&bytes);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(writes_valid_json_for_any_bytes),
                cmocka_unit_test(fragments_make_no_difference),
                cmocka_unit_test(sets_commas),
                cmocka_unit_test(says_when_the_cap_was_reached),
                cmocka_unit_test(a_strict_parser_reads_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Members of requests, however they came: JSON, urlencoded, multipart. */
#include "api/fields.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char json[] = "application/json", form[] = "application/x-www-form-urlencoded";
static const char parts[] = "multipart/form-data; charset=utf-8; boundary=b";

/* Open, look for "code", close.  An outcome of either; @text gets what was found. */
static int look(const char *type, const char *query, const char *body, struct bytes *text)
{
        struct fields fields;
        int r = fields_open(&fields, view_of(type), view_of(query), view_of(body));

        bytes_clear(text);
        if (r == 0)
                r = fields_text(&fields, "code", text);
        fields_close(&fields);
        return r;
}

static void test_rows(void **state)
{
        static const struct {
                const char *type, *query, *body;
                int r;
                const char *text;
        } rows[] = {
                { json, "", "{\"code\":\"a\\u0020b\"}", 0, "a b" },
                { "", "", "{\"code\":\"a\"}", 0, "a" },
                { form, "", " \r\n{\"code\":\"a\"}", 0, "a" },
                { json, "code=q", "{}", FIELDS_NONE, "" },
                { json, "", "{\"code\":null}", FIELDS_NONE, "" },
                { json, "", "{\"code\":1}", FIELDS_WRONG, "" },
                { json, "", "[]", FIELDS_BROKEN, "" },
                { json, "", "", FIELDS_BROKEN, "" },
                { json, "", "{\"code\":\"a\",\"code\":\"b\"}", FIELDS_BROKEN, "" },
                { "application/jsonx", "", "code=a", FIELDS_BROKEN, "" },
                { form, "", "x=1&code=a+b%26%C3%bc&code=2", 0, "a b&\xc3\xbc" },
                { "Application/X-WWW-Form-Urlencoded; charset=utf-8", "", "code=a", 0, "a" },
                { form, "", "code=", 0, "" },
                { form, "", "code", FIELDS_NONE, "" },
                { form, "", "codec=1&xcode=2", FIELDS_NONE, "" },
                { form, "", "", FIELDS_NONE, "" },
                { form, "x&code=q", "x=1", 0, "q" },
                { form, "code=q", "code=b", 0, "b" },
                { form, "", "code=%", FIELDS_BROKEN, "" },
                { form, "", "code=%4", FIELDS_BROKEN, "" },
                { form, "", "code=%4g", FIELDS_BROKEN, "" },
                { parts, "", "--b\r\nContent-Disposition: form-data; name=\"code\"\r\n\r\na\r\nb\r\n--b--", 0,
                  "a\r\nb" },
                { parts, "", "--b\r\nContent-Disposition: form-data; name=code\r\n\r\n\r\n--b--\r\n", 0, "" },
                { parts, "", "--b\r\nA: filename=\"code\"\r\n\r\na\r\n--b--", FIELDS_NONE, "" },
                { parts, "",
                  "--b\r\nA: x; name=\"x\"\r\n\r\n1\r\n--b\r\nA: y; name=\"code\"\r\n\r\nx--b\r\n--b--", 0,
                  "x--b" },
                { parts, "code=q", "--b--\r\n", 0, "q" },
                { parts, "", "--b\r\nA: x; name=\"code\"\r\n\r\na\n--b--", FIELDS_BROKEN, "" },
                { parts, "", "--b\r\nA: x; name=\"code\"\r\n\r\na", FIELDS_BROKEN, "" },
                { parts, "", "--b\r\nA: x; name=\"code\"\r\n--b--", FIELDS_BROKEN, "" },
                { parts, "", "--b", FIELDS_BROKEN, "" },
                { parts, "", "", FIELDS_BROKEN, "" },
                { "multipart/form-data", "", "--b--", FIELDS_BROKEN, "" },
                { "multipart/form-data; boundary=", "", "--b--", FIELDS_BROKEN, "" },
                { "multipart/form-data; boundary=\"b", "", "--b--", FIELDS_BROKEN, "" },
                { "multipart/form-data; boundary=\"\"", "", "----", FIELDS_BROKEN, "" },
                { "multipart/form-data; Boundary=\"b;c\"", "",
                  "--b;c\r\nA: x; name=\"code\"\r\n\r\n1\r\n--b;c--", 0, "1" },
        };
        struct bytes text = BYTES_INIT(1000);

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                assert_int_equal(look(rows[i].type, rows[i].query, rows[i].body, &text), rows[i].r);
                if (rows[i].r == 0)
                        assert_true(view_eq_text(bytes_view(&text), rows[i].text));
        }
        bytes_deinit(&text);
}

/* Whatever is cut off, nothing behind the end is read (the sanitizers look). */
static void test_cut_anywhere(void **state)
{
        static const char body[] = "--b\r\nA: x; name=\"x\"\r\n\r\n1\r\n--b\r\nContent-Disposition: "
                                   "form-data; name=\"code\"\r\n\r\n2\r\n--b--";
        struct bytes text = BYTES_INIT(1000);

        for (size_t n = 0; n < sizeof(body); n++) {
                char *copy = malloc(n + 1);
                struct fields fields;

                assert_non_null(copy);
                memcpy(copy, body, n);
                assert_int_equal(fields_open(&fields, view_of(parts), VIEW(""), (struct view){ copy, n }), 0);
                bytes_clear(&text);
                (void)!fields_text(&fields, "code", &text);
                fields_close(&fields);
                free(copy);
        }
        bytes_deinit(&text);
}

static void test_too_long(void **state)
{
        struct bytes text = BYTES_INIT(2);

        assert_int_equal(look(json, "", "{\"code\":\"abc\"}", &text), -ENOSPC);
        assert_int_equal(look(form, "", "code=abc", &text), -ENOSPC);
        bytes_deinit(&text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows),
                cmocka_unit_test(test_cut_anywhere),
                cmocka_unit_test(test_too_long),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

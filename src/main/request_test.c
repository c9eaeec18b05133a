/* What the command line sends: numbers, names, and files that are text or not. */
#include "main/request.h"
#include "util/err.h"

#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void amounts(void **state)
{
        static const struct {
                const char *text;
                bool is_time;
                uint64_t value; /* 0: refused */
        } rows[] = {
                { "500", true, 500 },         { "500ms", true, 500 }, { "2s", true, 2000 },
                { "1us", true, 1 },           { "0", true, 0 },       { "-1", true, 0 },
                { "2 s", true, 0 },           { "", true, 0 },        { "1000", false, 1000 },
                { "64MiB", false, 64 * MIB }, { "0", false, 0 },      { "-5", false, 0 },
                { "64Mfoo", false, 0 },       { "2s", false, 0 },     { "64MiB", true, 0 },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct err err = { 0 };
                uint64_t value = 0;
                int r = request_amount(rows[i].text, rows[i].is_time, &value, &err);

                assert_int_equal(r == 0, rows[i].value != 0);
                assert_int_equal(value, rows[i].value);
                assert_int_equal(strlen(err.text) > 0, r != 0);
        }
}

static void names(void **state)
{
        assert_string_equal(request_base_name("a/b/main.c"), "main.c");
        assert_string_equal(request_base_name("main.c"), "main.c");
        assert_string_equal(request_extension("a.b/main.tar.gz"), "gz");
        assert_string_equal(request_extension("a.b/main"), "");
        assert_string_equal(request_extension(".bashrc"), "");
}

static void write_file(const char *path, const char *p, size_t n)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, p, n), (ssize_t)n);
        close(fd);
}

static void body_of_a_request(void **state)
{
        char folder[] = "/tmp/request-test-XXXXXX", text[64], blob[64], input[64];
        const char *args[] = { "one", "zwei ü", NULL };
        struct request request = { .language = "c", .version = "*", .args = args };
        struct bytes body = BYTES_INIT(MIB);
        struct err err = { 0 };
        json_t *json, *file;
        size_t index;

        assert_non_null(mkdtemp(folder));
        snprintf(text, sizeof(text), "%s/main.c", folder);
        snprintf(blob, sizeof(blob), "%s/blob", folder);
        snprintf(input, sizeof(input), "%s/input", folder);
        write_file(text, "int main;\n", 10);
        write_file(blob, "\xff\0x", 3);
        write_file(input, "a\0b", 3);
        request.file = text;
        request.stdin_file = input;
        request.extra_files = (struct words){ .p = { blob }, .n = 1 };
        request.limits[0] = "2s";
        assert_int_equal(request_build(&request, &body, &err), 0);

        json = json_loadb(body.p, body.n, JSON_ALLOW_NUL, NULL);
        assert_non_null(json);
        assert_int_equal(json_string_length(json_object_get(json, "stdin")), 3);
        assert_int_equal(json_integer_value(json_object_get(json, "run_timeout")), 2000);
        assert_null(json_object_get(json, "run_memory_limit"));
        assert_int_equal(json_array_size(json_object_get(json, "args")), 2);
        json_array_foreach(json_object_get(json, "files"), index, file) assert_string_equal(
                json_string_value(json_object_get(file, "name")), index ? "blob" : "main.c");
        file = json_array_get(json_object_get(json, "files"), 1);
        assert_string_equal(json_string_value(json_object_get(file, "encoding")), "base64");
        assert_string_equal(json_string_value(json_object_get(file, "content")), "/wB4");
        json_decref(json);
        bytes_deinit(&body);

        write_file(input, "\xff", 1);
        assert_int_equal(request_build(&request, &body, &err), -EINVAL);
        assert_non_null(strstr(err.text, "stdin is not UTF-8"));
        bytes_deinit(&body);
        write_file(input, "in", 2);
        unlink(text);
        assert_int_equal(request_build(&request, &body, &err), -ENOENT);
        assert_non_null(strstr(err.text, "main.c"));
        bytes_deinit(&body);
        unlink(blob);
        unlink(input);
        rmdir(folder);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(amounts),
                cmocka_unit_test(names),
                cmocka_unit_test(body_of_a_request),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

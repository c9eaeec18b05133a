/* The words of both WebSocket dialects. */
#include "api/ws_dialect.h"
#include "job/job.h"
#include "runtime/catalog.h"
#include "util/err.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct ws_dialect *coderunr, *piston;

static void check(struct bytes *out, int r, const char *text)
{
        assert_int_equal(r, 0);
        assert_string_equal(out->p, text);
        bytes_clear(out);
}

static void test_events(void **state)
{
        struct runtime runtime = { .language = "c\"", .version = "1.2" };
        struct bytes out = BYTES_INIT(65536);

        check(&out, ws_put_runtime(&out, &runtime),
              "{\"type\":\"runtime\",\"language\":\"c\\\"\",\"version\":\"1.2\"}");
        check(&out, ws_put_type(&out, coderunr->acknowledgement), "{\"type\":\"init_ack\"}");
        assert_null(piston->acknowledgement);
        check(&out, ws_put_stage(&out, coderunr, STAGE_COMPILE),
              "{\"type\":\"stage_start\",\"stage\":\"compile\"}");
        check(&out, ws_put_stage(&out, piston, STAGE_RUN), "{\"type\":\"stage\",\"stage\":\"run\"}");
        check(&out, ws_put_data(&out, STREAM_STDERR, VIEW("a\n\xff\0b"), false),
              "{\"type\":\"data\",\"stream\":\"stderr\",\"data\":\"a\\n\xef\xbf\xbd\\u0000b\"}");
        check(&out, ws_put_data(&out, STREAM_STDOUT, VIEW("? "), true),
              "{\"type\":\"data\",\"stream\":\"stdout\",\"data\":\"? \",\"partial\":true}");
        check(&out, ws_put_error(&out, coderunr, WS_UNKNOWN_TYPE, "100%s"),
              "{\"type\":\"error\",\"message\":\"Unknown message type: 100%s\","
              "\"error\":\"Unknown message type: 100%s\"}");
        check(&out, ws_put_error(&out, piston, WS_REFUSED, "no"), "{\"type\":\"error\",\"message\":\"no\"}");
        bytes_deinit(&out);
}

static void test_endings(void **state)
{
        static const struct {
                enum verdict verdict;
                int exit_code, signal;
                const char *coderunr, *piston;
        } rows[] = {
                { VERDICT_OK, 0, 0, "0", "0,\"signal\":null" },
                { VERDICT_EXIT, 7, 0, "7", "7,\"signal\":null" },
                { VERDICT_SIGNAL, -1, SIGSEGV, "-1", "null,\"signal\":\"SIGSEGV\"" },
                { VERDICT_SIGNAL, -1, 37, "-1", "null,\"signal\":\"SIGRTMIN+3\"" },
                { VERDICT_WALL, -1, SIGKILL, "-1", "null,\"signal\":\"SIGKILL\"" },
                { VERDICT_STDOUT, -1, SIGKILL, "-1", "null,\"signal\":\"SIGKILL\"" },
                { VERDICT_MEMORY, -1, SIGKILL, "137", "137,\"signal\":null" },
        };
        struct bytes out = BYTES_INIT(65536);
        char text[128];

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct stage_result result = { .verdict = rows[i].verdict,
                                               .exit_code = rows[i].exit_code,
                                               .signal = rows[i].signal };

                snprintf(text, sizeof(text), "{\"type\":\"stage_end\",\"stage\":\"run\",\"code\":%s}",
                         rows[i].coderunr);
                check(&out, ws_put_end(&out, coderunr, STAGE_RUN, &result), text);
                snprintf(text, sizeof(text), "{\"type\":\"exit\",\"stage\":\"compile\",\"code\":%s}",
                         rows[i].piston);
                check(&out, ws_put_end(&out, piston, STAGE_COMPILE, &result), text);
        }
        bytes_deinit(&out);
}

/* All pieces of @text, each in brackets, and what is left. */
static void cuts(const struct ws_dialect *dialect, struct view text, const char *expected)
{
        struct bytes out = BYTES_INIT(1 << 20);
        struct view piece;
        size_t n;

        while ((n = dialect->cut(text, &piece)) > 0) {
                assert_in_range(n, 1, text.n);
                assert_int_equal(bytes_printf(&out, "[%.*s]", (int)piece.n, piece.p), 0);
                text.p += n;
                text.n -= n;
        }
        assert_int_equal(bytes_add(&out, text.p, text.n), 0);
        assert_string_equal(out.p, expected);
        bytes_deinit(&out);
}

static void test_cuts(void **state)
{
        cuts(coderunr, VIEW(""), "");
        cuts(coderunr, VIEW("a\nb\n"), "[a][b]");
        cuts(coderunr, VIEW("\n\n"), "[][]");
        cuts(coderunr, VIEW("a\r\nb"), "[a\r]b");
        cuts(coderunr, VIEW("a\n\xe2\x82"), "[a]\xe2\x82");
        cuts(piston, VIEW(""), "");
        cuts(piston, VIEW("a\nb"), "[a\nb]");
        cuts(piston, VIEW("a\xe2"), "[a]\xe2");
        cuts(piston, VIEW("a\xe2\x82"), "[a]\xe2\x82");
        cuts(piston, VIEW("a\xe2\x82\xac"), "[a\xe2\x82\xac]");
        cuts(piston, VIEW("\xf0\x9f\x98"), "\xf0\x9f\x98");
        cuts(piston, VIEW("\xf0\x9f\x98\x80"), "[\xf0\x9f\x98\x80]");
        cuts(piston, VIEW("\xc3"), "\xc3");
        cuts(piston, VIEW("\xff"), "\xff"); /* it may go on in any way; it is told when the stage ends */
        cuts(piston, VIEW("a\x80\x80\x80\x80"), "[a\x80\x80\x80\x80]");
}

static void test_very_long_lines_are_cut(void **state)
{
        static char text[65536 + 1];
        struct view piece;

        memset(text, 'x', sizeof(text));
        assert_int_equal(coderunr->cut((struct view){ text, 65535 }, &piece), 0);
        assert_int_equal(coderunr->cut((struct view){ text, 65536 }, &piece), 65536);
        assert_int_equal(piece.n, 65536);
        text[65536] = '\n';
        assert_int_equal(coderunr->cut((struct view){ text, 65537 }, &piece), 65537);
        assert_int_equal(piece.n, 65536);
}

static void test_signals(void **state)
{
        static const struct {
                const char *name;
                int coderunr, piston;
        } rows[] = {
                { "SIGTERM", 15, 15 },    { "SIGKILL", 9, 9 },      { "SIGINT", 2, 2 },
                { "SIGHUP", 0, 1 },       { "SIGSTKFLT", 0, 16 },   { "SIGIO", 0, 29 },
                { "SIGPWR", 0, 30 },      { "SIGSYS", 0, 31 },      { "SIGRTMIN", 0, 34 },
                { "SIGRTMIN+15", 0, 49 }, { "SIGRTMAX-14", 0, 50 }, { "SIGRTMAX", 0, 64 },
                { "SIGRTMIN+16", 0, 0 },  { "SIG32", 0, 0 },        { "SIGTERM\0", 0, 0 },
                { "sigterm", 0, 0 },      { "15", 0, 0 },           { "", 0, 0 },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                bool with_nul = i == 14;
                struct view name = { rows[i].name, strlen(rows[i].name) + (with_nul ? 1 : 0) };

                assert_int_equal(ws_signal(coderunr, name), rows[i].coderunr);
                assert_int_equal(ws_signal(piston, name), rows[i].piston);
        }
}

static void test_checks(void **state)
{
        static const struct {
                const char *json, *text;
        } rows[] = {
                { "{}", "language is required" },
                { "{\"language\":5}", "language is required" },
                { "{\"language\":\"\"}", "language is required" },
                { "{\"language\":\"x\"}", "version is required" },
                { "{\"language\":\"x\",\"version\":\"*\"}", "files array is required" },
                { "{\"language\":\"x\",\"version\":\"*\",\"files\":[]}", "files array is required" },
                { "{\"language\":\"x\",\"version\":\"*\",\"files\":[{}]}", "files[].content must be string" },
                { "{\"language\":\"x\",\"version\":\"1\",\"files\":[{\"content\":\"\"}]}",
                  "Runtime not found: x-1" },
        };
        struct catalog none = { 0 };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                json_t *root = json_loads(rows[i].json, 0, NULL);
                struct err err = { "" };

                assert_int_equal(coderunr->check(root, &none, &err), 400);
                assert_string_equal(err.text, rows[i].text);
                assert_int_equal(piston->check(root, &none, &err), 0);
                json_decref(root);
        }
}

static void test_every_fault_has_an_answer(void **state)
{
        for (int i = 0; i < WS_FAULT_COUNT; i++)
                assert_true(coderunr->answers[i].message || coderunr->answers[i].code > 0);
        assert_null(ws_dialect_find("klingon"));
        assert_null(ws_dialect_find(""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_events),
                cmocka_unit_test(test_endings),
                cmocka_unit_test(test_cuts),
                cmocka_unit_test(test_very_long_lines_are_cut),
                cmocka_unit_test(test_signals),
                cmocka_unit_test(test_checks),
                cmocka_unit_test(test_every_fault_has_an_answer),
        };

        coderunr = ws_dialect_find("coderunr");
        piston = ws_dialect_find("piston");
        return cmocka_run_group_tests_name("api_ws_dialect", tests, NULL, NULL);
}

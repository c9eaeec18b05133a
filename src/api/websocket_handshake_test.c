/* The upgrade, field by field; from outside the same is tested by tests/websocket. */
#include "api/websocket_handshake.h"
#include "api/http1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"

static int ask(const char *method, const char *fields, const char *origins, char accept[WEBSOCKET_ACCEPT_MAX])
{
        const char *reason = NULL;
        struct http1 http;
        char head[2048];
        int r;

        snprintf(head, sizeof(head), "%s / HTTP/1.1\r\nHost: x\r\n%s\r\n", method, fields);
        http1_init(&http, 1024);
        assert_in_range(http1_begin(&http, view_of(head)), 0, HTTP1_DONE);
        r = websocket_handshake(&http.request, origins, accept, &reason);
        assert_true(r == 0 || (reason && *reason));
        http1_deinit(&http);
        return r;
}

static void test_rows(void **state)
{
        static const struct {
                const char *fields, *origins;
                int status;
        } rows[] = {
                { UPGRADE KEY VERSION, "*", 0 },
                { "upgrade: WebSocket\r\nCONNECTION: UPGRADE\r\n" KEY VERSION, "", 0 },
                { KEY VERSION, "*", 426 },
                { "Upgrade: websocket\r\n" KEY VERSION, "*", 426 },
                { "Connection: Upgrade\r\n" KEY VERSION, "*", 426 },
                { UPGRADE "Upgrade: websocket\r\n" KEY VERSION, "*", 426 },
                { UPGRADE KEY, "*", 426 },
                { UPGRADE KEY "Sec-WebSocket-Version: 8\r\n", "*", 426 },
                { UPGRADE KEY "Sec-WebSocket-Version: 13, 8\r\n", "*", 426 },
                { UPGRADE KEY VERSION VERSION, "*", 426 },
                { UPGRADE VERSION, "*", 400 },
                { UPGRADE KEY KEY VERSION, "*", 400 },
                { UPGRADE "Sec-WebSocket-Key:\r\n" VERSION, "*", 400 },
                { UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n" VERSION, "*", 400 },
                { UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ===\r\n" VERSION, "*", 400 },
                { UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n" VERSION, "*", 400 },
                { UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j_Q==\r\n" VERSION, "*", 400 },
                { UPGRADE KEY VERSION "Content-Length: 1\r\n", "*", 400 },
                { UPGRADE KEY VERSION "Content-Length: 0\r\n", "*", 0 },
                { UPGRADE KEY VERSION "Origin: https://a\r\n", "*", 0 },
                { UPGRADE KEY VERSION "Origin: https://a\r\n", "https://a", 0 },
                { UPGRADE KEY VERSION "Origin: https://a\r\n", "https://b,https://a", 0 },
                { UPGRADE KEY VERSION "Origin: https://a\r\n", "https://b, https://a", 0 },
                { UPGRADE KEY VERSION "Origin: https://a\r\n", "https://a:80", 403 },
                { UPGRADE KEY VERSION "Origin: https://a:80\r\n", "https://a", 403 },
                { UPGRADE KEY VERSION "Origin: https://a\r\n", "", 403 },
                { UPGRADE KEY VERSION "Origin:\r\n", ",", 403 },
                { UPGRADE KEY VERSION "Origin: null\r\n", "https://a", 403 },
                { UPGRADE KEY VERSION "Origin: null\r\n", "https://a,null", 0 },
                { UPGRADE KEY VERSION "Origin: https://a\r\nOrigin: https://a\r\n", "*", 403 },
        };
        char accept[WEBSOCKET_ACCEPT_MAX];

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                int r = ask("GET", rows[i].fields, rows[i].origins, accept);

                if (r != rows[i].status)
                        fail_msg("row %zu: %d instead of %d", i, r, rows[i].status);
        }
        assert_int_equal(ask("HEAD", UPGRADE KEY VERSION, "*", accept), 426);
}

/* The example of RFC 6455, 1.3. */
static void test_accept(void **state)
{
        char accept[WEBSOCKET_ACCEPT_MAX] = "";

        assert_int_equal(ask("GET", UPGRADE KEY VERSION, "*", accept), 0);
        assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows),
                cmocka_unit_test(test_accept),
        };

        return cmocka_run_group_tests_name("api_websocket_handshake", tests, NULL, NULL);
}

#include "api/http1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

enum { BODY_LIMIT = 64 };

/* Everything a connection does with its bytes, @step at a time. Returns the last outcome; *ret_used as consumed. */
static int run(struct http1 *http, const char *p, size_t n, size_t step, size_t *ret_used)
{
        struct http1_scan scan = { 0 };
        size_t have = 0, at = 0;
        int r = 0;

        while (r == 0 && have < n) {
                have = have + step < n ? have + step : n;
                r = http1_scan(&scan, p, have, &http->reason);
        }
        at = scan.at;
        if (r == HTTP1_DONE)
                r = http1_begin(http, (struct view){ p, scan.at });
        while (r == 0 && at < n) {
                size_t used = 0;

                r = http1_feed(http, p + at, step < n - at ? step : n - at, &used);
                at += used;
        }
        *ret_used = at;
        return r;
}

#define OK                 HTTP1_DONE
#define MORE               0
#define H                  "Host: a\r\n"
#define GET(fields)        "GET / HTTP/1.1\r\n" H fields "\r\n"
#define POST(fields, body) "POST / HTTP/1.1\r\n" H fields "\r\n" body
#define CHUNKED(body)      POST("Transfer-Encoding: chunked\r\n", body)

static const struct {
        const char *name; /* the row of the bad-input catalogue, where it has one */
        const char *text;
        size_t n;
        int expect;
} rows[] = {
#define ROW(name, text, expect)                                                                              \
        {                                                                                                    \
                name, text, sizeof(text) - 1, expect                                                         \
        }
        ROW("plain GET", GET(""), OK),
        ROW("no fields but Host, lower case", "GET / HTTP/1.1\r\nhost:a\r\n\r\n", OK),
        ROW("unfinished", "GET / HTTP/1.1\r\nHost: a\r\n", MORE),
        ROW("body by length", POST("Content-Length: 5\r\n", "hello"), OK),
        ROW("short body", POST("Content-Length: 5\r\n", "hell"), MORE),
        ROW("chunked body", CHUNKED("5\r\nhello\r\n1\r\n \r\n0\r\n\r\n"), OK),
        ROW("chunked, upper case", POST("Transfer-Encoding: Chunked\r\n", "0\r\n\r\n"), OK),
        ROW("empty body", POST("Content-Length: 0\r\n", ""), OK),
        ROW("HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", OK),
        ROW("obs-text in a value", GET("X: \xc3\xa9\xff\r\n"), OK),
        ROW("expect continue", POST("Expect: 100-Continue\r\nContent-Length: 1\r\n", "x"), OK),
        ROW("HT-01", POST("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400),
        ROW("HT-01 turned", POST("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), 400),
        ROW("HT-02", POST("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), 400),
        ROW("HT-03 twice", POST("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400),
        ROW("HT-03 list", POST("Content-Length: 5, 5\r\n", "hello"), 400),
        ROW("HT-04 plus", POST("Content-Length: +5\r\n", "hello"), 400),
        ROW("HT-04 minus", POST("Content-Length: -1\r\n", ""), 400),
        ROW("HT-04 hex", POST("Content-Length: 0x5\r\n", "hello"), 400),
        ROW("HT-04 inner space", POST("Content-Length: 5 5\r\n", "hello"), 400),
        ROW("HT-04 exponent", POST("Content-Length: 1e3\r\n", "hello"), 400),
        ROW("HT-04 empty", POST("Content-Length: \r\n", ""), 400),
        ROW("HT-05 2^63", POST("Content-Length: 9223372036854775808\r\n", ""), 400),
        ROW("HT-05 2^64+5", POST("Content-Length: 18446744073709551621\r\n", "hello"), 400),
        ROW("HT-06 xchunked", POST("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 400),
        ROW("HT-06 twice", POST("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 400),
        ROW("HT-06 two fields",
            POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400),
        ROW("HT-06 not last", POST("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"), 400),
        ROW("HT-06 tab", POST("Transfer-Encoding:\tchunked\r\n", "0\r\n\r\n"), 400),
        ROW("HT-06 vertical tab", POST("Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n"), 400),
        ROW("HT-06 empty", POST("Transfer-Encoding:\r\n", "0\r\n\r\n"), 400),
        ROW("HT-07", POST("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501),
        ROW("unknown coding", POST("Transfer-Encoding: gzip\r\n", ""), 501),
        ROW("HT-08", "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ROW("TE with space before the colon", POST("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), 400),
        ROW("HT-09 empty extension", CHUNKED("5;\r\nhello\r\n0\r\n\r\n"), 400),
        ROW("HT-09 extension", CHUNKED("5;a=b\r\nhello\r\n0\r\n\r\n"), 413),
        ROW("HT-09 space", CHUNKED("5 ;x\r\nhello\r\n0\r\n\r\n"), 400),
        ROW("HT-09 hex prefix", CHUNKED("0x5\r\nhello\r\n0\r\n\r\n"), 400),
        ROW("HT-09 minus", CHUNKED("-1\r\nhello\r\n0\r\n\r\n"), 400),
        ROW("HT-09 no digit", CHUNKED("g\r\nhello\r\n0\r\n\r\n"), 400),
        ROW("HT-09 empty", CHUNKED("\r\nhello\r\n0\r\n\r\n"), 400),
        ROW("HT-10", CHUNKED("FFFFFFFFFFFFFFFF1\r\nhello\r\n0\r\n\r\n"), 400),
        ROW("HT-11 no CRLF after data", CHUNKED("5\r\nhelloXX0\r\n\r\n"), 400),
        ROW("HT-11 bare LF after size", CHUNKED("5\nhello\r\n0\r\n\r\n"), 400),
        ROW("HT-11 bare LF after data", CHUNKED("5\r\nhello\n0\r\n\r\n"), 400),
        ROW("HT-13 trailer", CHUNKED("0\r\nX: y\r\n\r\n"), 431),
        ROW("HT-13 forbidden trailer", CHUNKED("0\r\nContent-Length: 5\r\n\r\n"), 431),
        ROW("HT-14", "GET / HTTP/1.1\nHost: a\n\n", 400),
        ROW("HT-14 in a field", "GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
        ROW("HT-15", GET("X: a\rb\r\n"), 400),
        ROW("HT-15 ends a field", GET("X: a\rY: b\r\n"), 400),
        ROW("HT-16 NUL", GET("X: a\0b\r\n"), 400),
        ROW("HT-16 control",
            GET("X: a\x01"
                "b\r\n"),
            400),
        ROW("HT-16 target", "GET /\x01 HTTP/1.1\r\n" H "\r\n", 400),
        ROW("HT-17", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ROW("HT-18", GET("X: a\r\n b\r\n"), 400),
        ROW("HT-18 tab", GET("X: a\r\n\tb\r\n"), 400),
        ROW("HT-19", "GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n", 400),
        ROW("HT-20 bad name", GET("X(: a\r\n"), 400),
        ROW("HT-20 empty name", GET(": a\r\n"), 400),
        ROW("HT-20 no colon", GET("X\r\n"), 400),
        ROW("HT-21", "GET / HTTP/1.1\r\n\r\n", 400),
        ROW("HT-22 two", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ROW("HT-22 path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ROW("HT-22 userinfo", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
        ROW("HT-22 port", "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", 400),
        ROW("HT-22 empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
        ROW("Host of IPv6", "GET / HTTP/1.1\r\nHost: [::1]:2000\r\n\r\n", OK),
        ROW("Host of broken IPv6", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
        ROW("HT-24", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ROW("absolute form", "GET http://a/x HTTP/1.1\r\nHost: A\r\n\r\n", OK),
        ROW("absolute form, no path", "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", OK),
        ROW("other scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ROW("HT-27 HTTP/0.9", "GET /\r\n", 400),
        ROW("HT-27 lower case", "GET / http/1.1\r\n" H "\r\n", 400),
        ROW("HT-27 x", "GET / HTTP/1.x\r\n" H "\r\n", 400),
        ROW("HT-27 11.1", "GET / HTTP/11.1\r\n" H "\r\n", 400),
        ROW("HT-28 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ROW("HT-28 3.0", "GET / HTTP/3.0\r\n" H "\r\n", 505),
        ROW("9.9", "GET / HTTP/9.9\r\n" H "\r\n", 505),
        ROW("HT-29", "GET / HTTP/1.2\r\n" H "\r\n", OK),
        ROW("HT-30", "BREW / HTTP/1.1\r\n" H "\r\n", 501),
        ROW("HT-30 lower case", "get / HTTP/1.1\r\n" H "\r\n", 501),
        ROW("method is no token", "G{T / HTTP/1.1\r\n" H "\r\n", 400),
        ROW("HT-32 two spaces", "GET  / HTTP/1.1\r\n" H "\r\n", 400),
        ROW("HT-32 space at the end", "GET / HTTP/1.1 \r\n" H "\r\n", 400),
        ROW("HT-32 tab", "GET\t/ HTTP/1.1\r\n" H "\r\n", 400),
        ROW("HT-32 one empty line", "\r\nGET / HTTP/1.1\r\n" H "\r\n", OK),
        ROW("HT-32 two empty lines", "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", 400),
        ROW("HT-33 TLS", "\x16\x03\x01\x02", 400),
        ROW("HT-33 SSH", "SSH-2.0-OpenSSH_9.2\r\n", 400),
        ROW("HT-34 NUL", "GET /%00 HTTP/1.1\r\n" H "\r\n", 400),
        ROW("HT-34 no hex", "GET /%zz HTTP/1.1\r\n" H "\r\n", 400),
        ROW("HT-34 cut", "GET /%2 HTTP/1.1\r\n" H "\r\n", 400),
        ROW("HT-34 backslash", "GET /a\\b HTTP/1.1\r\n" H "\r\n", 400),
        ROW("HT-34 raw UTF-8", "GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", 400),
        ROW("HT-34 fragment", "GET /#a HTTP/1.1\r\n" H "\r\n", 400),
        ROW("HT-35", "GET * HTTP/1.1\r\n" H "\r\n", 400),
        ROW("OPTIONS *", "OPTIONS * HTTP/1.1\r\n" H "\r\n", OK),
        ROW("HT-36", POST("Expect: 100-continue\r\nContent-Length: 65\r\n", ""), 413),
        ROW("HT-37", POST("Expect: miracles\r\nContent-Length: 1\r\n", "x"), 417),
        ROW("HT-42", POST("Content-Length: 65\r\n", ""), 413),
        ROW("HT-43", CHUNKED("41\r\nx"), 413),
        ROW("HT-43 in two", CHUNKED("1\r\nx\r\n40\r\nx"), 413),
        ROW("HT-44", "GET / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", OK),
        ROW("HT-45", POST("", ""), 411),
        ROW("CONNECT", "CONNECT a:443 HTTP/1.1\r\n" H "\r\n", OK),
        ROW("upgrade, not taken", GET("Connection: Upgrade\r\nUpgrade: websocket\r\n"), OK),
#undef ROW
};

/* The answer may not depend on how the bytes were cut into packets. */
static void refuses_what_it_should(void **state)
{
        static const size_t steps[] = { 1, 2, 3, 7, 100000 };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
                        struct http1 http;
                        size_t used;
                        int r;

                        http1_init(&http, BODY_LIMIT);
                        r = run(&http, rows[i].text, rows[i].n, steps[k], &used);
                        if (r != rows[i].expect)
                                fail_msg("%s, %zu bytes a time: %d, not %d (%s)", rows[i].name, steps[k], r,
                                         rows[i].expect, http.reason ? http.reason : "");
                        if (r > HTTP1_DONE)
                                assert_non_null(http.reason);
                        http1_deinit(&http);
                }
}

static int run_repeated(const char *head, const char *unit, size_t times, const char *tail)
{
        struct bytes text = BYTES_INIT(16 * MIB);
        struct http1 http;
        size_t used;
        int r = bytes_add_text(&text, head);

        while (r == 0 && times-- > 0)
                r = bytes_add_text(&text, unit);
        if (r == 0)
                r = bytes_add_text(&text, tail);
        assert_int_equal(r, 0);
        http1_init(&http, BODY_LIMIT);
        r = run(&http, text.p, text.n, 4096, &used);
        http1_deinit(&http);
        bytes_deinit(&text);
        return r;
}

static void bounds_what_it_keeps(void **state)
{
        static const char chunked[] = CHUNKED("");

        assert_int_equal(run_repeated("GET /", "a", 8000, " HTTP/1.1\r\n" H "\r\n"), OK);
        assert_int_equal(run_repeated("GET /", "a", 9000, " HTTP/1.1\r\n" H "\r\n"), 414); /* HT-25 */
        assert_int_equal(run_repeated("GET /", "a", 65536, ""), 414);
        assert_int_equal(run_repeated("GET / HTTP/1.1\r\n" H "X: ", "a", 17000, "\r\n\r\n"), 431); /* HT-26 */
        assert_int_equal(run_repeated("GET / HTTP/1.1\r\n" H, "X: a\r\n", 63, "\r\n"), OK);
        assert_int_equal(run_repeated("GET / HTTP/1.1\r\n" H, "X: a\r\n", 64, "\r\n"), 431);
        assert_int_equal(run_repeated("GET / HTTP/1.1\r\n" H, "X:\r\n", 100000, "\r\n"), 431);
        assert_int_equal(run_repeated(chunked, "1\r\nx\r\n", BODY_LIMIT, "0\r\n\r\n"), OK);
        assert_int_equal(run_repeated(chunked, "1\r\nx\r\n", BODY_LIMIT + 1, "0\r\n\r\n"), 413); /* HT-12 */
        assert_int_equal(run_repeated(chunked, "0", 1000000, "1\r\nx\r\n0\r\n\r\n"), 413);       /* HT-10 */
        assert_int_equal(run_repeated(CHUNKED("1;"), "a", 100000, "\r\nx\r\n0\r\n\r\n"), 413);
        assert_int_equal(run_repeated(CHUNKED("0\r\n"), "X: a\r\n", 100000, "\r\n"), 431);
}

static void leaves_the_next_request_alone(void **state)
{
        static const struct {
                const char *text;
                size_t used;
                const char *body;
        } cases[] = {
#define CASE(text, body) { text "GET /next HTTP/1.1\r\n", sizeof(text) - 1, body }
                CASE(GET(""), ""),
                CASE(POST("Content-Length: 5\r\n", "hello"), "hello"),
                CASE(CHUNKED("5\r\nhello\r\n2\r\n!!\r\n0\r\n\r\n"), "hello!!"),
                CASE("GET / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nxy", "xy"), /* HT-44 */
                CASE(GET("Connection: Upgrade\r\nUpgrade: websocket\r\n"), ""),
#undef CASE
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                for (size_t step = 1; step < 200; step += 3) {
                        struct http1 http;
                        size_t used;

                        http1_init(&http, BODY_LIMIT);
                        assert_int_equal(run(&http, cases[i].text, strlen(cases[i].text), step, &used), OK);
                        assert_int_equal(used, cases[i].used);
                        assert_true(view_eq_text(bytes_view(&http.body), cases[i].body));
                        http1_deinit(&http);
                }
}

static void reads_a_request(void **state)
{
        static const char text[] = "PUT http://Ex.org:80/a/b?c=d&e HTTP/1.1\r\nHost: ex.org:80\r\n"
                                   "X-Spaces:  \t  two words \t \r\nEmpty:\r\nConnection: Te, CLOSE\r\n"
                                   "Content-Length: 3\r\n\r\n123";
        struct http1 http;
        size_t used;

        http1_init(&http, BODY_LIMIT);
        assert_int_equal(run(&http, text, sizeof(text) - 1, 1000, &used), OK);
        assert_true(view_eq_text(http.request.method, "PUT"));
        assert_true(view_eq_text(http.request.path, "/a/b"));
        assert_true(view_eq_text(http.request.query, "c=d&e"));
        assert_true(view_eq_text(http.request.host, "ex.org:80"));
        assert_true(view_eq_text(http1_field(&http.request, "x-spaces"), "two words"));
        assert_non_null(http1_field(&http.request, "EMPTY").p);
        assert_int_equal(http1_field(&http.request, "EMPTY").n, 0);
        assert_null(http1_field(&http.request, "Absent").p);
        assert_false(http.request.keep_alive);
        assert_int_equal(http.request.minor, 1);
        assert_true(http.request.has_length);
        http1_deinit(&http);
}

static void knows_when_to_keep_alive(void **state)
{
        static const struct {
                const char *text;
                bool keep;
        } cases[] = {
                { GET(""), true },
                { GET("Connection: close\r\n"), false },
                { GET("Connection: keep-alive\r\n"), true },
                { "GET / HTTP/1.0\r\n\r\n", false },
                { "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true },
                { "GET / HTTP/1.2\r\n" H "\r\n", true },
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct http1 http;
                size_t used;

                http1_init(&http, BODY_LIMIT);
                assert_int_equal(run(&http, cases[i].text, strlen(cases[i].text), 1000, &used), OK);
                assert_int_equal(http.request.keep_alive, cases[i].keep);
                http1_deinit(&http);
        }
}

static void finds_tokens(void **state)
{
        assert_true(http1_has_token(VIEW("a, B ,c"), "b"));
        assert_true(http1_has_token(VIEW("\tupgrade\t"), "Upgrade"));
        assert_false(http1_has_token(VIEW("ab, bc"), "b"));
        assert_false(http1_has_token(VIEW(",, ,"), "b"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(refuses_what_it_should),        cmocka_unit_test(bounds_what_it_keeps),
                cmocka_unit_test(leaves_the_next_request_alone), cmocka_unit_test(reads_a_request),
                cmocka_unit_test(knows_when_to_keep_alive),      cmocka_unit_test(finds_tokens),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "job/receiver.h"
#include "util/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void good_ones(void **state)
{
        static const struct {
                const char *text;
                const char *host;
                uint16_t port;
                bool tls;
                bool is_address;
        } rows[] = {
                { "http://example.org", "example.org", 80, false, false },
                { "https://example.org/", "example.org", 443, true, false },
                { "HTTPS://Example.org:8443/a?b=c", "Example.org", 8443, true, false },
                { "http://example.org?x=1", "example.org", 80, false, false },
                { "http://127.0.0.1:2100/hook", "127.0.0.1", 2100, false, true },
                { "http://[::1]:2100/hook", "::1", 2100, false, true },
                { "http://[2606:4700::1111]", "2606:4700::1111", 80, false, true },
                { "http://localhost.:8080/", "localhost.", 8080, false, false },
                { "http://a_b-c.example/p%20q/@x", "a_b-c.example", 80, false, false },
        };
        struct receiver_url url;
        struct err err = { "" };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                if (receiver_parse(rows[i].text, &url, &err) != 0)
                        fail_msg("%s: %s", rows[i].text, err.text);
                assert_string_equal(url.host, rows[i].host);
                assert_int_equal(url.port, rows[i].port);
                assert_int_equal(url.tls, rows[i].tls);
                assert_int_equal(url.is_address, rows[i].is_address);
        }
}

static void bad_ones(void **state)
{
        static const char *const rows[] = {
                "",
                "example.org",
                "file:///etc/passwd",
                "gopher://h/",
                "ftp://h/",
                "data:text/plain,x",
                "javascript:alert(1)",
                "unix:///run/x",
                "ws://h/",
                "http:/h/",
                "http:///x",
                "http://",
                "http://u:p@h/",
                "http://u@h/",
                "http://h@/",
                "http://h:22/",
                "http://h:25/",
                "http://h:6379/",
                "http://h:0/",
                "http://h:65536/",
                "http://h:/",
                "http://h:8x/",
                "http://h:-1/",
                "http://h:80:80/",
                "http://h/\r\nX: y",
                "http://h/\n",
                "http://h/a b",
                "http://h/\x01",
                "http://h/\xc3\xa9",
                "http://h\\@127.0.0.1/",
                "http://h/#x",
                "http://127.1/",
                "http://2130706433/",
                "http://0x7f000001/",
                "http://0177.0.0.1/",
                "http://127.0.0.1./",
                "http://0/",
                "http://1.2.3.4.5/",
                "http://%31%32%37.0.0.1/",
                "http://[127.0.0.1]/",
                "http://[fe80::1%25lo]/",
                "http://[::1/",
                "http://::1/",
                "http://[]/",
                "http://a..b/",
                "http://.a/",
                "http://a,b/",
        };
        struct receiver_url url;
        struct err err;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if (receiver_parse(rows[i], &url, &err) == 0)
                        fail_msg("\"%s\" is taken", rows[i]);
}

static void too_long(void **state)
{
        char text[RECEIVER_URL_MAX + 2];
        struct receiver_url url;
        struct err err;

        memset(text, 'a', sizeof(text));
        memcpy(text, "http://h/", 9);
        text[RECEIVER_URL_MAX] = '\0';
        assert_int_equal(receiver_parse(text, &url, &err), 0);
        text[RECEIVER_URL_MAX] = 'a';
        text[RECEIVER_URL_MAX + 1] = '\0';
        assert_int_equal(receiver_parse(text, &url, &err), -EINVAL);
}

static void who_may_be_told(void **state)
{
        struct address_blocks allowed;
        struct address address;
        struct err err;

        assert_int_equal(address_blocks_parse("127.0.0.0/8", &allowed, &err), 0);
        assert_int_equal(address_parse("127.0.0.1", &address), 0);
        assert_true(receiver_may_be(&address, &allowed));
        assert_int_equal(address_parse("10.0.0.1", &address), 0);
        assert_false(receiver_may_be(&address, &allowed));
        assert_int_equal(address_parse("::ffff:127.0.0.1", &address), 0);
        assert_false(receiver_may_be(&address, &allowed));
        assert_int_equal(address_parse("9.9.9.9", &address), 0);
        assert_true(receiver_may_be(&address, &allowed));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good_ones),
                cmocka_unit_test(bad_ones),
                cmocka_unit_test(too_long),
                cmocka_unit_test(who_may_be_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

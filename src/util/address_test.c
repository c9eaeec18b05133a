#include "util/address.h"
#include "util/err.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool is_global(const char *text)
{
        struct address address;

        assert_int_equal(address_parse(text, &address), 0);
        return address_is_global(&address);
}

static void what_is_global(void **state)
{
        static const char *const global[] = { "8.8.8.8",        "1.1.1.1",     "100.63.255.255",
                                              "100.128.0.0",    "172.15.0.1",  "172.32.0.1",
                                              "223.255.255.1",  "192.167.0.1", "2606:4700::1111",
                                              "2a00:1450::200e" };
        static const char *const local[] = {
                "0.0.0.0",         "0.1.2.3",   "10.0.0.1",         "100.64.0.1",  "100.127.255.255",
                "127.0.0.1",       "127.9.9.9", "169.254.169.254",  "172.16.0.1",  "172.31.255.255",
                "192.168.1.1",     "192.0.0.8", "192.0.2.1",        "198.18.0.1",  "198.19.255.255",
                "224.0.0.1",       "240.0.0.1", "255.255.255.255",  "::",          "::1",
                "::ffff:8.8.8.8",  "fe80::1",   "fc00::1",          "fd12::1",     "ff02::1",
                "::ffff:10.0.0.1", "::8.8.8.8", "64:ff9b::808:808", "2001:db8::1", "2002:7f00:1::1",
                "fec0::1",         "2001::1",   "64:ff9b:1::a00:1", "100::1",      "2002:808:808::1",
        };

        for (size_t i = 0; i < ARRAY_LEN(global); i++)
                if (!is_global(global[i]))
                        fail_msg("%s is global", global[i]);
        for (size_t i = 0; i < ARRAY_LEN(local); i++)
                if (is_global(local[i]))
                        fail_msg("%s is not global", local[i]);
}

static void other_spellings_are_none(void **state)
{
        static const char *const words[] = { "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "1.2.3.4 ",
                                             "",      "1.2.3",      "fe80::1%lo", "[::1]",      "1.2.3.4.5" };
        struct address address;

        for (size_t i = 0; i < ARRAY_LEN(words); i++)
                if (address_parse(words[i], &address) == 0)
                        fail_msg("\"%s\" is no address", words[i]);
}

static bool lies_in(const char *blocks_text, const char *text)
{
        struct address_blocks blocks;
        struct address address;
        struct err err;

        assert_int_equal(address_blocks_parse(blocks_text, &blocks, &err), 0);
        assert_int_equal(address_parse(text, &address), 0);
        return address_blocks_have(&blocks, &address);
}

static void blocks(void **state)
{
        assert_true(lies_in("10.0.0.0/8, fd00::/8", "10.255.0.1"));
        assert_true(lies_in("10.0.0.0/8, fd00::/8", "fd00::7"));
        assert_false(lies_in("10.0.0.0/8, fd00::/8", "11.0.0.1"));
        assert_true(lies_in("127.0.0.1", "127.0.0.1"));
        assert_false(lies_in("127.0.0.1", "127.0.0.2"));
        assert_true(lies_in("172.16.0.0/12", "172.31.9.9"));
        assert_false(lies_in("172.16.0.0/12", "172.32.0.0"));
        assert_true(lies_in("0.0.0.0/0", "9.9.9.9"));
        assert_false(lies_in("0.0.0.0/0", "::ffff:9.9.9.9"));
        assert_false(lies_in("", "9.9.9.9"));
}

static void bad_blocks(void **state)
{
        static const char *const words[] = { "10.0.0.0/33", "10.0.0.0/", "10.0/8",     "::/129",
                                             "any",         "/8",        "1.2.3.4/-1", "1.2.3.4/8x",
                                             "localhost",   "1.2.3.4/ 8" };
        struct address_blocks blocks;
        struct err err;

        for (size_t i = 0; i < ARRAY_LEN(words); i++)
                if (address_blocks_parse(words[i], &blocks, &err) == 0)
                        fail_msg("\"%s\" is no block", words[i]);
}

static void of_sockets(void **state)
{
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
        struct sockaddr other = { .sa_family = AF_UNIX };
        char text[ADDRESS_TEXT_MAX];
        struct address address;

        assert_int_equal(address_of((struct sockaddr *)&v4, &address), 0);
        address_text(&address, text);
        assert_string_equal(text, "127.0.0.1");
        assert_int_equal(address_of(&other, &address), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_global), cmocka_unit_test(other_spellings_are_none),
                cmocka_unit_test(blocks),         cmocka_unit_test(bad_blocks),
                cmocka_unit_test(of_sockets),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

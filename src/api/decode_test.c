#include "api/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void reads_base64_as_node_does(void **state)
{
        static const struct {
                const char *in, *out;
        } rows[] = {
                { "", "" },
                { "aGVsbG8=", "hello" },
                { "aGVsbG8", "hello" },
                { "aGVs\nbG8=", "hello" },
                { " aG*Vs!bG8= ", "hello" },
                { "Pz8_", "???" },
                { "Pj4-", ">>>" },
                { "YQ==YQ==", "a\x06\x10" },
                { "a", "" },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct bytes out = BYTES_INIT(64);

                assert_int_equal(decode_base64(view_of(rows[i].in), &out), 0);
                assert_string_equal(out.p, rows[i].out);
                bytes_deinit(&out);
        }
}

static void reads_hex_up_to_the_first_bad_digit(void **state)
{
        static const struct {
                const char *in, *out;
        } rows[] = {
                { "", "" }, { "68656C6c6f", "hello" }, { "6865zz6c", "he" }, { "686", "h" }, { "6z", "" }
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct bytes out = BYTES_INIT(64);

                assert_int_equal(decode_hex(view_of(rows[i].in), &out), 0);
                assert_string_equal(out.p, rows[i].out);
                bytes_deinit(&out);
        }
}

static void prints_numbers_as_javascript_does(void **state)
{
        static const struct {
                double in;
                const char *out;
        } rows[] = {
                { 0, "0" },
                { -0.0, "0" },
                { 1, "1" },
                { -42, "-42" },
                { 100, "100" },
                { 1.5, "1.5" },
                { 0.1, "0.1" },
                { 123456.789, "123456.789" },
                { 0.000001, "0.000001" },
                { 0.00000015, "1.5e-7" },
                { 1e20, "100000000000000000000" },
                { 123456789012345680000.0, "123456789012345680000" },
                { 1e21, "1e+21" },
                { -1.25e300, "-1.25e+300" },
                { 5e-324, "5e-324" },
                { 9007199254740993.0, "9007199254740992" },
                { 1.7976931348623157e308, "1.7976931348623157e+308" },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char text[DECODE_NUMBER_MAX];

                decode_number_text(rows[i].in, text);
                assert_string_equal(text, rows[i].out);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_base64_as_node_does),
                cmocka_unit_test(reads_hex_up_to_the_first_bad_digit),
                cmocka_unit_test(prints_numbers_as_javascript_does),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "courier/signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Made with Python's hmac; the second is the example of the Standard Webhooks specification. */
static const struct {
        const char *secret;
        const char *signature;
} rows[] = {
        { "a plain secret", "v1,ENqrYZJfEdejvH41MpDAd0s4SZwl35B0bx0LOnREaDY=" },
        { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" },
};

static void known_signatures(void **state)
{
        char text[SIGNATURE_TEXT_MAX];

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                assert_int_equal(signature_make(rows[i].secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
                                                VIEW("{\"test\": 2432232314}"), text),
                                 0);
                assert_string_equal(text, rows[i].signature);
        }
}

static void every_part_is_signed(void **state)
{
        char one[SIGNATURE_TEXT_MAX], other[SIGNATURE_TEXT_MAX];

        assert_int_equal(signature_make("s", "id", 1, VIEW("body"), one), 0);
        assert_int_equal(signature_make("t", "id", 1, VIEW("body"), other), 0);
        assert_string_not_equal(one, other);
        assert_int_equal(signature_make("s", "ie", 1, VIEW("body"), other), 0);
        assert_string_not_equal(one, other);
        assert_int_equal(signature_make("s", "id", 2, VIEW("body"), other), 0);
        assert_string_not_equal(one, other);
        assert_int_equal(signature_make("s", "id", 1, VIEW("bodz"), other), 0);
        assert_string_not_equal(one, other);
}

static void secrets_that_are_none(void **state)
{
        char text[SIGNATURE_TEXT_MAX];

        assert_int_equal(signature_make("whsec_", "id", 1, VIEW(""), text), -EINVAL);
        assert_int_equal(signature_make("whsec_a b!", "id", 1, VIEW(""), text), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(known_signatures),
                                            cmocka_unit_test(every_part_is_signed),
                                            cmocka_unit_test(secrets_that_are_none) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

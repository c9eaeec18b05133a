/* The grammar of the command line: every spelling of a flag, and whose word is whose. */
#include "main/arguments.h"
#include "util/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static bool on;
static const char *value;
static struct words values;
static const struct flag flags[] = {
        { "json", 'j', FLAG_SWITCH, &on, NULL, "" },
        { "lang", 'l', FLAG_VALUE, &value, "NAME", "" },
        { "file", 'f', FLAG_VALUES, &values, "FILE", "" },
        { 0 },
};

static int parse(struct arguments *arguments, bool stop, char **argv, struct err *err)
{
        int argc = 0;

        while (argv[argc])
                argc++;
        on = false;
        value = NULL;
        values.n = 0;
        return arguments_parse(arguments, flags, stop, argc, argv, err);
}

#define WORDS(...) ((char *[]){ __VA_ARGS__, NULL })

static void every_spelling_of_a_value(void **state)
{
        char **spellings[] = { WORDS("--lang=c"), WORDS("--lang", "c"), WORDS("-l", "c"), WORDS("-lc"),
                               WORDS("-jlc") };
        struct arguments arguments;
        struct err err;

        for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
                assert_int_equal(parse(&arguments, false, spellings[i], &err), 0);
                assert_string_equal(value, "c");
                assert_int_equal(arguments.operands.n, 0);
        }
        assert_true(on);
}

static void operands_end_the_options_when_asked(void **state)
{
        struct arguments arguments;
        struct err err;

        assert_int_equal(parse(&arguments, true, WORDS("-j", "a.py", "-l", "--what"), &err), 0);
        assert_int_equal(arguments.operands.n, 3);
        assert_string_equal(arguments.operands.p[1], "-l");
        assert_null(value);
        assert_int_equal(parse(&arguments, false, WORDS("a.py", "-l", "x"), &err), 0);
        assert_int_equal(arguments.operands.n, 1);
        assert_string_equal(value, "x");
        assert_int_equal(parse(&arguments, false, WORDS("--", "-j", "--"), &err), 0);
        assert_int_equal(arguments.operands.n, 2);
        assert_false(on);
}

static void options_of_the_configuration_are_set_aside(void **state)
{
        struct arguments arguments;
        struct err err;

        assert_int_equal(parse(&arguments, false,
                               WORDS("--bind-address", "[::1]:1", "--run-timeout=1s", "--config", "x", "op"),
                               &err),
                         0);
        assert_int_equal(arguments.config.n, 5);
        assert_string_equal(arguments.config.p[1], "[::1]:1");
        assert_string_equal(arguments.config.p[2], "--run-timeout=1s");
        assert_null(arguments.config.p[5]);
        assert_int_equal(arguments.operands.n, 1);
}

static void repeated_values_are_kept_in_order(void **state)
{
        struct arguments arguments;
        struct err err;

        assert_int_equal(parse(&arguments, false, WORDS("-fa", "--file", "b", "--file=c"), &err), 0);
        assert_int_equal(values.n, 3);
        assert_string_equal(values.p[0], "a");
        assert_string_equal(values.p[2], "c");
}

static void mistakes_name_the_word(void **state)
{
        static const struct {
                char *words[3];
                const char *says;
        } rows[] = {
                { { "--what" }, "--what" },
                { { "--what=1" }, "--what;" },
                { { "-x" }, "-x" },
                { { "--lang" }, "--lang needs a value: NAME" },
                { { "--json=1" }, "--json takes no value" },
                { { "--bind-address" }, "--bind-address needs a value" },
        };
        struct arguments arguments;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct err err = { 0 };

                assert_int_equal(parse(&arguments, false, (char **)rows[i].words, &err), -EINVAL);
                assert_non_null(strstr(err.text, rows[i].says));
        }
}

static void help_is_an_outcome(void **state)
{
        struct arguments arguments;
        struct err err;

        assert_int_equal(parse(&arguments, false, WORDS("-j", "--help"), &err), ARGUMENTS_HELP);
        assert_int_equal(parse(&arguments, true, WORDS("a.py", "--help"), &err), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_spelling_of_a_value),
                cmocka_unit_test(operands_end_the_options_when_asked),
                cmocka_unit_test(options_of_the_configuration_are_set_aside),
                cmocka_unit_test(repeated_values_are_kept_in_order),
                cmocka_unit_test(mistakes_name_the_word),
                cmocka_unit_test(help_is_an_outcome),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

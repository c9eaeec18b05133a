/* A stage as the manifest writes it, a job, and the words that come of it. */
#include "job/plan.h"
#include "runtime/runtime.h"
#include "util/err.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#define WORDS(...) ((char *[]){ __VA_ARGS__, NULL })
#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const struct limits limits[STAGE_COUNT] = { { .memory_bytes = 512 * MIB },
                                                   { .memory_bytes = 200 * MIB } };

/* The words of a plan joined by blanks, "|" before the environment. */
static void join(const struct plan_words *plan, char *text, size_t room)
{
        const char *p = plan->words.p;
        size_t n = 0;

        for (uint32_t i = 0; i < plan->n_args + plan->n_env; i++, p += strlen(p) + 1) {
                assert_true(p < plan->words.p + plan->words.n);
                n += (size_t)snprintf(text + n, room - n, "%s%s%s", i ? " " : "",
                                      i == plan->n_args ? "| " : "", p);
        }
        assert_ptr_equal(p, plan->words.p + plan->words.n);
}

static void check(char **argv, char **env, const struct plan_job *base, const char *want)
{
        struct runtime runtime = { .language = "c", .extensions = WORDS("c", "i"), .env = env };
        struct plan_job job = *base;
        struct plan_words plan;
        char text[1024];
        struct err err;

        runtime.stages[STAGE_RUN].argv = argv;
        runtime.stages[STAGE_RUN].env = WORDS("STAGE=run");
        job.runtime = &runtime;
        job.limits = limits;
        assert_int_equal(plan_build(&job, STAGE_RUN, &plan, &err), 0);
        join(&plan, text, sizeof(text));
        assert_string_equal(text, want);
        plan_words_deinit(&plan);
}

#define COMMON   "LIBC_FATAL_STDERR_=1 "
#define LANGUAGE " PISTON_LANGUAGE=c CODERUNR_LANGUAGE=c"

static void test_words(void **state)
{
        const struct plan_job none = { .main_file = "main.c" };
        const struct plan_job full = { .main_file = "src.d/main.c",
                                       .code = NAMES("src.d/main.c", "util.c", "util.h", "x.i", "noext",
                                                     ".c"),
                                       .args = NAMES("{main}", "two words", "") };
        const char *plain = "PATH=/usr/local/bin:/usr/bin:/bin HOME=/tmp " COMMON "STAGE=run" LANGUAGE;
        char want[512];

        snprintf(want, sizeof(want), "./a.out | %s", plain);
        check(WORDS("./a.out", "{args}"), NULL, &none, want);
        snprintf(want, sizeof(want), "gcc -o src.d/main.bin src.d/main.c util.c x.i | %s", plain);
        check(WORDS("gcc", "-o", "{stem}.bin", "{sources}"), NULL, &full, want);
        snprintf(want, sizeof(want), "run {main} two words  -x | %s", plain);
        check(WORDS("run", "{args}", "-x"), NULL, &full, want);
        snprintf(want, sizeof(want), "java -Xmx200m a{b}{ {args}{sources}src.d/main.c | %s", plain);
        check(WORDS("java", "-Xmx{memory_mib}m", "a{b}{", "{args}{sources}{main}"), NULL, &full, want);
}

static void test_what_is_not_prepared_is_not_named(void **state)
{
        struct runtime runtime = { .language = "c", .prepared = (char *)"c-1" };
        struct plan_job job = { .runtime = &runtime, .main_file = "m", .limits = limits };
        struct plan_words plan;
        struct err err;

        runtime.stages[STAGE_COMPILE].argv = WORDS("gcc", "-I{prepared}/x", "-c", "{main}");
        assert_int_equal(plan_build(&job, STAGE_COMPILE, &plan, &err), 0);
        assert_int_equal(plan.n_args, 3);
        assert_string_equal(plan.words.p + 4, "-c");
        plan_words_deinit(&plan);
        runtime.is_prepared = true;
        assert_int_equal(plan_build(&job, STAGE_COMPILE, &plan, &err), 0);
        assert_int_equal(plan.n_args, 4);
        assert_string_equal(plan.words.p + 4, "-I" RUNTIME_PREPARED "/c-1/x");
        plan_words_deinit(&plan);
}

/* Row CC-12: "-fplugin=x.c" reached gcc as an option, "@x.c" as a file of options. */
static void test_names_are_never_options(void **state)
{
        const struct plan_job dash = { .main_file = "-fplugin=x.c",
                                       .code = NAMES("-fplugin=x.c", "@b.c", "c@d.c") };
        const char *plain = "PATH=/usr/local/bin:/usr/bin:/bin HOME=/tmp " COMMON "STAGE=run" LANGUAGE;
        char want[512];

        snprintf(want, sizeof(want), "gcc ./-fplugin=x.c ./@b.c c@d.c | %s", plain);
        check(WORDS("gcc", "{sources}"), NULL, &dash, want);
        snprintf(want, sizeof(want), "sh ./-fplugin=x.c ./-fplugin=x ./-fplugin=x.c -o-fplugin=x | %s",
                 plain);
        check(WORDS("sh", "{main}", "{stem}", "./{main}", "-o{stem}"), NULL, &dash, want);
}

static void test_later_names_win(void **state)
{
        const struct plan_job job = { .main_file = "noext" };

        check(WORDS("{stem}"), WORDS("HOME=/box", "STAGE=no", "HEAP={memory_mib}"), &job,
              "noext | PATH=/usr/local/bin:/usr/bin:/bin " COMMON "HOME=/box HEAP=200 STAGE=run" LANGUAGE);
}

static void test_too_long(void **state)
{
        struct runtime runtime = { .language = "c" };
        struct plan_job job = { .runtime = &runtime, .main_file = "m", .limits = limits };
        const char *args[PLAN_ARGS_MAX + 2] = { 0 };
        struct plan_words plan;
        char *text = malloc(PLAN_WORDS_BYTES);
        struct err err;

        assert_non_null(text);
        memset(text, 'x', PLAN_WORDS_BYTES);
        text[PLAN_WORDS_BYTES - 1] = '\0';
        args[0] = text;
        job.args = args;
        runtime.stages[STAGE_COMPILE].argv = WORDS("a", "{args}");
        assert_int_equal(plan_build(&job, STAGE_COMPILE, &plan, &err), PLAN_TOO_LONG);
        text[48 * 1024] = '\0';
        assert_int_equal(plan_build(&job, STAGE_COMPILE, &plan, &err), 0);
        assert_true(plan.words.n <= PLAN_WORDS_BYTES);
        plan_words_deinit(&plan);
        for (int i = 0; i < PLAN_ARGS_MAX; i++)
                args[i] = "";
        assert_int_equal(plan_build(&job, STAGE_COMPILE, &plan, &err), PLAN_TOO_LONG);
        args[PLAN_ARGS_MAX - 1] = NULL;
        assert_int_equal(plan_build(&job, STAGE_COMPILE, &plan, &err), 0);
        assert_int_equal(plan.n_args, PLAN_ARGS_MAX);
        plan_words_deinit(&plan);
        free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_what_is_not_prepared_is_not_named),
                cmocka_unit_test(test_names_are_never_options),
                cmocka_unit_test(test_later_names_win),
                cmocka_unit_test(test_too_long),
        };

        return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}

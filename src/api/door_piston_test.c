#include "api/door_piston.h"
#include "config/config.h"
#include "job/job.h"
#include "job/result.h"
#include "runtime/catalog.h"
#include "util/err.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <jansson.h>

static char *no_words[] = { NULL };
static char *python_aliases[] = { "py", "python3", NULL };
static char *argv_of_something[] = { "something", NULL };
static char *python_extensions[] = { "py", NULL };
static char *any_extensions[] = { "code", NULL };

#define LIMITS                                                                                               \
        {                                                                                                    \
                .wall_ns = 3000 * NSEC_PER_MSEC, .cpu_ns = 3000 * NSEC_PER_MSEC, .memory_bytes = 128 * MIB,  \
                .processes = 128, .open_files = 2048, .file_size_bytes = 10000000, .disk_bytes = 64 * MIB,   \
                .inodes = 16384, .output_bytes = MIB                                                         \
        }

static struct runtime runtimes[] = {
        { .index = 0,
          .language = "python",
          .version = "3.11.2",
          .title = "Python",
          .aliases = python_aliases,
          .extensions = python_extensions,
          .companions = no_words,
          .stages[STAGE_RUN] = { .argv = argv_of_something, .n_argv = 1 },
          .limits = { LIMITS, LIMITS } },
        { .index = 1,
          .language = "c++",
          .version = "12.2.0",
          .title = "C++",
          .package = "gcc",
          .aliases = no_words,
          .extensions = any_extensions,
          .companions = no_words,
          .stages = { { .argv = argv_of_something, .n_argv = 1 },
                      { .argv = argv_of_something, .n_argv = 1 } },
          .limits = { LIMITS, LIMITS } },
        { .index = 2,
          .language = "file",
          .version = "0.0.1",
          .title = "File",
          .any_file = true,
          .aliases = no_words,
          .extensions = any_extensions,
          .companions = no_words,
          .stages[STAGE_RUN] = { .argv = argv_of_something, .n_argv = 1 },
          .limits = { LIMITS, LIMITS } },
};

static const struct catalog catalog = { .runtimes = runtimes, .n_runtimes = ARRAY_LEN(runtimes) };
static const struct config config = { .stdin_newline = true };

static int parse(const char *text, struct job *job, struct err *err)
{
        return door_piston_parse(view_of(text), &config, &catalog, job, err);
}

#define PY         "\"language\":\"python\",\"version\":\"*\""
#define FILES      "\"files\":[{\"content\":\"x\"}]"
#define WITH(more) "{" PY "," FILES "," more "}"

/* Piston's messages, in its order: every request has all the faults of the rows below it, where it can. */
static const struct {
        const char *body;
        const char *message;
} refusals[] = {
        { "", "language is required as a string" },
        { "{}", "language is required as a string" },
        { "[]", "language is required as a string" },
        { "{\"language\":\"\"}", "language is required as a string" },
        { "{\"language\":5}", "language is required as a string" },
        { "{\"language\":\"python\"}", "version is required as a string" },
        { "{\"language\":\"python\",\"version\":\"\"}", "version is required as a string" },
        { "{\"language\":\"python\",\"version\":3}", "version is required as a string" },
        { "{" PY "}", "files is required as an array" },
        { "{" PY ",\"files\":{}}", "files is required as an array" },
        { "{" PY ",\"files\":\"x\"}", "files is required as an array" },
        { "{" PY ",\"files\":[null]}", "files[0].content is required as a string" },
        { "{" PY ",\"files\":[{\"content\":\"\"},{}]}", "files[1].content is required as a string" },
        { "{" PY ",\"files\":[{\"content\":7}]}", "files[0].content is required as a string" },
        { "{\"language\":\"nope\",\"version\":\"1.x\",\"files\":[]}", "nope-1.x runtime is unknown" },
        { "{\"language\":\"Python\",\"version\":\"*\",\"files\":[]}", "Python-* runtime is unknown" },
        { "{\"language\":\"python\",\"version\":\"latest\",\"files\":[]}",
          "python-latest runtime is unknown" },
        { "{\"language\":\"python\\u0000\",\"version\":\"*\",\"files\":[]}", "python-* runtime is unknown" },
        { "{" PY ",\"files\":[]}", "files must include at least one utf8 encoded file" },
        { "{" PY ",\"files\":[{\"content\":\"\",\"encoding\":\"base64\"}]}",
          "files must include at least one utf8 encoded file" },
        { "{" PY ",\"files\":[{\"content\":\"\",\"encoding\":\"latin1\"}],\"run_timeout\":\"x\"}",
          "files must include at least one utf8 encoded file" },
        { "{\"language\":\"file\",\"version\":\"*\",\"files\":[]}",
          "files must include at least one utf8 encoded file" },
        { WITH("\"run_timeout\":\"x\",\"run_memory_limit\":\"x\",\"compile_memory_limit\":\"x\""),
          "If specified, compile_memory_limit must be a number" },
        { WITH("\"run_timeout\":\"x\",\"compile_timeout\":true,\"run_memory_limit\":[]"),
          "If specified, run_memory_limit must be a number" },
        { WITH("\"run_timeout\":\"x\",\"compile_timeout\":true"),
          "If specified, compile_timeout must be a number" },
        { WITH("\"run_timeout\":\"100\",\"run_cpu_time\":{}"), "If specified, run_timeout must be a number" },
        { WITH("\"run_cpu_time\":{}"), "If specified, run_cpu_time must be a number" },
        { WITH("\"compile_cpu_time\":\"1\""), "If specified, compile_cpu_time must be a number" },
        { WITH("\"run_timeout\":3001"), "run_timeout cannot exceed the configured limit of 3000" },
        { WITH("\"run_timeout\":3000.5"), "run_timeout cannot exceed the configured limit of 3000" },
        { WITH("\"run_timeout\":1e300"), "run_timeout cannot exceed the configured limit of 3000" },
        { WITH("\"run_memory_limit\":134217729"),
          "run_memory_limit cannot exceed the configured limit of 134217728" },
        { WITH("\"compile_cpu_time\":4000"), "compile_cpu_time cannot exceed the configured limit of 3000" },
        { WITH("\"run_cpu_time\":-1"), "run_cpu_time must be non-negative" },
        { WITH("\"run_memory_limit\":-2"), "run_memory_limit must be non-negative" },
        { WITH("\"stdin\":5"), "stdin must be a string" },
        { WITH("\"args\":5"), "args must be an array" },
        { WITH("\"args\":{}"), "args must be an array" },
        { WITH("\"args\":[[]]"), "args[0] must be a string" },
        { "{" PY ",\"files\":[{\"content\":\"\",\"name\":5}]}", "files[0].name must be a string" },
};

static void says_what_piston_says(void **state)
{
        for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
                struct err err = { "" };
                struct job job;

                if (parse(refusals[i].body, &job, &err) != 400)
                        fail_msg("taken: %s", refusals[i].body);
                assert_string_equal(err.text, refusals[i].message);
        }
}

/* What Piston answered with an empty 500, and what is no JSON: 400, in words of ours. */
static void refuses_with_some_message(void **state)
{
        static const char *const bodies[] = {
                "{",
                "{} x",
                "5",
                "\"x\"",
                "null",
                "{'a':1}",
                "{\"a\":1}//",
                "{\"a\":01}",
                "{\"a\":NaN}",
                "{\"a\":1e999}",
                "{\"a\":\"\xff\"}",
                "\xef\xbb\xbf{}",
                "{\"language\":\"python\",\"language\":\"python\"}",
                WITH("\"args\":[\"a\\u0000b\"]"),
                WITH("\"args\":\"a\\u0000b\""),
                "{" PY ",\"files\":[{\"content\":\"\",\"name\":\"../a\"}]}",
                "{" PY ",\"files\":[{\"content\":\"\",\"name\":\"a/../../b\"}]}",
                "{" PY ",\"files\":[{\"content\":\"\",\"name\":\"/etc/passwd\"}]}",
                "{" PY ",\"files\":[{\"content\":\"\",\"name\":\".\"}]}",
                "{" PY ",\"files\":[{\"content\":\"\",\"name\":\"a\\u0000b\"}]}",
        };

        for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
                struct err err = { "" };
                struct job job;

                if (parse(bodies[i], &job, &err) != 400 || !err.text[0])
                        fail_msg("taken, or no message: %s", bodies[i]);
        }
}

static void refuses_deep_nesting(void **state)
{
        struct bytes body = BYTES_INIT(MIB);
        struct err err = { "" };
        struct job job;

        for (int i = 0; i < 100000; i++)
                assert_int_equal(bytes_add(&body, "[", 1), 0);
        assert_int_equal(door_piston_parse(bytes_view(&body), &config, &catalog, &job, &err), 400);
        bytes_deinit(&body);
}

static void makes_a_job(void **state)
{
        struct err err = { "" };
        struct job job;

        assert_int_equal(parse("{\"language\":\"py\",\"version\":\"3.x || 2\",\"unknown\":[1],"
                               "\"files\":[{\"name\":\"main.py\",\"content\":\"print(1)\"},"
                               "{\"name\":\"d/data.bin\",\"content\":\"AAH/\",\"encoding\":\"base64\"},"
                               "{\"name\":\"h\",\"content\":\"00ffzz\",\"encoding\":\"hex\"},"
                               "{\"name\":\"./o//x\",\"content\":\"odd\",\"encoding\":\"latin1\"}],"
                               "\"stdin\":\"in\",\"args\":[\"a b\",1,1.5,true,null,-0.0],"
                               "\"run_timeout\":1500.5,\"run_cpu_time\":null,\"run_memory_limit\":67108864,"
                               "\"compile_timeout\":10}",
                               &job, &err),
                         0);
        assert_ptr_equal(job.runtime, &runtimes[0]);
        assert_int_equal(job.n_files, 4);
        assert_string_equal(job.files[0].name, "main.py");
        assert_true(view_eq_text(bytes_view(&job.files[0].content), "print(1)"));
        assert_true(job.files[0].code);
        assert_true(view_eq(bytes_view(&job.files[1].content), VIEW("\x00\x01\xff")));
        assert_false(job.files[1].code);
        assert_true(view_eq(bytes_view(&job.files[2].content), VIEW("\x00\xff")));
        assert_string_equal(job.files[3].name, "o/x");
        assert_true(view_eq_text(bytes_view(&job.files[3].content), "odd"));
        assert_true(view_eq_text(bytes_view(&job.input), "in\n"));
        assert_int_equal(job.n_args, 6);
        assert_string_equal(job.args[0], "a b");
        assert_string_equal(job.args[1], "1");
        assert_string_equal(job.args[2], "1.5");
        assert_string_equal(job.args[3], "true");
        assert_string_equal(job.args[4], "null");
        assert_string_equal(job.args[5], "0");
        assert_int_equal(job.limits[STAGE_RUN].wall_ns, 1500500000);
        assert_int_equal(job.limits[STAGE_RUN].cpu_ns, 3000 * NSEC_PER_MSEC);
        assert_int_equal(job.limits[STAGE_RUN].memory_bytes, 64 * MIB);
        assert_int_equal(job.limits[STAGE_COMPILE].wall_ns, 10 * NSEC_PER_MSEC);
        job_deinit(&job);
}

/* Nothing a client writes makes a limit larger, or none. */
static void zero_is_the_runtimes_limit(void **state)
{
        static const char *const bodies[] = {
                WITH("\"run_timeout\":0,\"run_cpu_time\":0,\"run_memory_limit\":0"),
                WITH("\"run_timeout\":\"\",\"run_cpu_time\":false,\"run_memory_limit\":null"),
                WITH("\"run_timeout\":-0.0,\"run_cpu_time\":0.0"),
                "{" PY "," FILES "}",
        };

        for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
                struct err err = { "" };
                struct job job;

                assert_int_equal(parse(bodies[i], &job, &err), 0);
                assert_memory_equal(&job.limits[STAGE_RUN], &runtimes[0].limits[STAGE_RUN],
                                    sizeof(struct limits));
                job_deinit(&job);
        }
}

static void raises_limits_no_program_could_start_under(void **state)
{
        struct err err = { "" };
        struct job job;

        assert_int_equal(parse(WITH("\"run_memory_limit\":1,\"run_timeout\":0.001"), &job, &err), 0);
        assert_int_equal(job.limits[STAGE_RUN].memory_bytes, limit_rows[LIMIT_memory_bytes].least);
        assert_int_equal(job.limits[STAGE_RUN].wall_ns, limit_rows[LIMIT_wall_ns].least);
        job_deinit(&job);
}

static void spreads_a_string_of_args(void **state)
{
        struct err err = { "" };
        struct job job;

        assert_int_equal(parse(WITH("\"args\":\"a\xc3\xa9\xf0\x9f\x98\x80\""), &job, &err), 0);
        assert_int_equal(job.n_args, 3);
        assert_string_equal(job.args[1], "\xc3\xa9");
        assert_string_equal(job.args[2], "\xf0\x9f\x98\x80");
        job_deinit(&job);
}

static void ends_stdin_as_configured(void **state)
{
        static const struct {
                const char *body;
                bool newline;
                const char *input;
        } rows[] = {
                { WITH("\"stdin\":\"a\""), true, "a\n" }, { WITH("\"stdin\":\"a\\n\""), true, "a\n" },
                { WITH("\"stdin\":\"\""), true, "\n" },   { WITH("\"stdin\":null"), true, "\n" },
                { "{" PY "," FILES "}", true, "\n" },     { WITH("\"stdin\":\"a\""), false, "a" },
                { WITH("\"stdin\":\"\""), false, "" },    { "{" PY "," FILES "}", false, "" },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct config other = { .stdin_newline = rows[i].newline };
                struct err err = { "" };
                struct job job;

                assert_int_equal(door_piston_parse(view_of(rows[i].body), &other, &catalog, &job, &err), 0);
                assert_true(view_eq_text(bytes_view(&job.input), rows[i].input));
                job_deinit(&job);
        }
}

static void takes_a_binary_file_where_any_file_runs(void **state)
{
        struct err err = { "" };
        struct job job;

        assert_int_equal(parse("{\"language\":\"file\",\"version\":\"*\","
                               "\"files\":[{\"content\":\"f0VMRg==\",\"encoding\":\"base64\"}]}",
                               &job, &err),
                         0);
        assert_true(view_eq_text(bytes_view(&job.files[0].content), "\x7f"
                                                                    "ELF"));
        job_deinit(&job);
}

static const struct {
        enum verdict verdict;
        int exit_code;
        int signal;
        const char *status;
        int code; /* -1: null */
        const char *name;
        const char *message;
} endings[] = {
        { VERDICT_OK, 0, 0, NULL, 0, NULL, NULL },
        { VERDICT_EXIT, 3, 0, "RE", 3, NULL, "Exited with error status 3" },
        { VERDICT_SIGNAL, -1, SIGSEGV, "SG", -1, "SIGSEGV", "Caught fatal signal 11" },
        { VERDICT_SIGNAL, -1, SIGIO, "SG", -1, "SIGIO", "Caught fatal signal 29" },
        { VERDICT_SIGNAL, -1, 34, "SG", -1, "SIGRTMIN", "Caught fatal signal 34" },
        { VERDICT_SIGNAL, -1, 35, "SG", -1, "SIGRTMIN+1", "Caught fatal signal 35" },
        { VERDICT_SIGNAL, -1, 50, "SG", -1, "SIGRTMAX-14", "Caught fatal signal 50" },
        { VERDICT_SIGNAL, -1, 64, "SG", -1, "SIGRTMAX", "Caught fatal signal 64" },
        { VERDICT_WALL, -1, SIGKILL, "TO", -1, "SIGKILL", "Time limit exceeded (wall clock)" },
        { VERDICT_CPU, -1, SIGKILL, "TO", -1, "SIGKILL", "Time limit exceeded" },
        { VERDICT_STDOUT, -1, SIGKILL, "OL", -1, "SIGKILL", "stdout length exceeded" },
        { VERDICT_STDERR, -1, SIGKILL, "EL", -1, "SIGKILL", "stderr length exceeded" },
        { VERDICT_MEMORY, -1, SIGKILL, "RE", 137, NULL,
          "Exited with error status 137 (reached the limit of 134217728 bytes of memory)" },
        { VERDICT_MEMORY, 1, 0, "RE", 1, NULL,
          "Exited with error status 1 (reached the limit of 134217728 bytes of memory)" },
        { VERDICT_PROCESSES, 1, 0, "RE", 1, NULL,
          "Exited with error status 1 (reached the limit of 128 processes)" },
        { VERDICT_FILE_SIZE, -1, SIGXFSZ, "SG", -1, "SIGXFSZ",
          "Caught fatal signal 25 (reached the limit of 10000000 bytes in one file)" },
        { VERDICT_DISK, 1, 0, "RE", 1, NULL,
          "Exited with error status 1 (reached the limit of 67108864 bytes of disk space)" },
        { VERDICT_INODES, 2, 0, "RE", 2, NULL,
          "Exited with error status 2 (reached the limit of 16384 files)" },
        { VERDICT_EXEC, -1, 0, "XX", -1, NULL, "no such program" },
};

static json_t *render(const struct runtime *runtime, struct result *result, int expect)
{
        struct reply reply;
        json_t *root;

        door_piston_render(runtime, runtime->limits, false, result, &reply);
        assert_int_equal(reply.status, expect);
        root = json_loadb(reply.body.p, reply.body.n, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(root);
        reply_deinit(&reply);
        return root;
}

static void assert_text(const json_t *object, const char *key, const char *text)
{
        json_t *value = json_object_get(object, key);

        assert_non_null(value);
        if (text)
                assert_string_equal(json_string_value(value), text);
        else
                assert_true(json_is_null(value));
}

static void set_ending(struct stage_result *stage, size_t row)
{
        stage->ran = true;
        stage->verdict = endings[row].verdict;
        stage->exit_code = endings[row].exit_code;
        stage->signal = endings[row].signal;
        snprintf(stage->text, sizeof(stage->text), "%s", "no such program");
}

static void tells_every_verdict(void **state)
{
        for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
                struct result result;
                const json_t *run;
                json_t *root;

                result_init(&result);
                set_ending(&result.stages[STAGE_RUN], i);
                root = render(&runtimes[0], &result, 200);
                run = json_object_get(root, "run");
                assert_null(json_object_get(root, "compile"));
                assert_text(run, "status", endings[i].status);
                assert_text(run, "signal", endings[i].name);
                assert_text(run, "message", endings[i].message);
                if (endings[i].code >= 0)
                        assert_int_equal(json_integer_value(json_object_get(run, "code")), endings[i].code);
                else
                        assert_true(json_is_null(json_object_get(run, "code")));
                json_decref(root);
                result_deinit(&result);
        }
}

static void our_faults_are_no_verdicts(void **state)
{
        static const struct {
                enum verdict verdict;
                int status;
        } rows[] = { { VERDICT_ENGINE, 500 }, { VERDICT_OVERLOADED, 503 }, { VERDICT_CANCELLED, 503 } };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                for (enum stage stage = 0; stage < STAGE_COUNT; stage++) {
                        struct result result;
                        json_t *root;

                        result_init(&result);
                        result.stages[stage].ran = true;
                        result.stages[stage].verdict = rows[i].verdict;
                        root = render(&runtimes[1], &result, rows[i].status);
                        assert_true(json_string_length(json_object_get(root, "message")) > 0);
                        assert_int_equal(json_integer_value(json_object_get(root, "code")), rows[i].status);
                        assert_null(json_object_get(root, "run"));
                        json_decref(root);
                        result_deinit(&result);
                }
}

static void busy_says_when_to_come_back(void **state)
{
        struct result result;
        struct reply reply;

        result_init(&result);
        result.stages[STAGE_RUN].verdict = VERDICT_OVERLOADED;
        door_piston_render(&runtimes[0], runtimes[0].limits, false, &result, &reply);
        assert_true(reply.retry_after > 0);
        reply_deinit(&reply);
        result_deinit(&result);
}

static void keeps_the_order_of_keys_and_of_output(void **state)
{
        static const char expected[] =
                "{\"run\":{\"signal\":null,\"stdout\":\"one\xe2\x82\xac\",\"stderr\":\"two\",\"code\":0,"
                "\"output\":\"one\xef\xbf\xbdtwo\xef\xbf\xbd\",\"memory\":4096,\"message\":null,\"status\":"
                "null,"
                "\"cpu_time\":2,\"wall_time\":13},\"language\":\"python\",\"version\":\"3.11.2\",\"limits\":{"
                "\"timeouts\":{\"compile\":3000,\"run\":3000},\"cpu_times\":{\"compile\":3000,\"run\":3000},"
                "\"memory_limits\":{\"compile\":134217728,\"run\":134217728}}}";
        struct stage_result *run;
        struct result result;
        struct reply reply;

        result_init(&result);
        run = &result.stages[STAGE_RUN];
        *run = (struct stage_result){ .ran = true,
                                      .memory_bytes = 4096,
                                      .cpu_ns = 1500000,
                                      .wall_ns = 13000000,
                                      .output = run->output };
        assert_int_equal(output_add(&run->output, STREAM_STDOUT, "one\xe2\x82", 5), 0);
        assert_int_equal(output_add(&run->output, STREAM_STDERR, "two", 3), 0);
        assert_int_equal(output_add(&run->output, STREAM_STDOUT, "\xac", 1), 0);
        door_piston_render(&runtimes[0], runtimes[0].limits, false, &result, &reply);
        assert_string_equal(reply.body.p, expected);
        reply_deinit(&reply);
        result_deinit(&result);
}

static void a_failed_compile_stands_for_the_run(void **state)
{
        struct result result;
        json_t *root;

        result_init(&result);
        set_ending(&result.stages[STAGE_COMPILE], 1);
        assert_int_equal(output_add(&result.stages[STAGE_COMPILE].output, STREAM_STDERR, "no ;", 4), 0);
        root = render(&runtimes[1], &result, 200);
        assert_true(json_equal(json_object_get(root, "compile"), json_object_get(root, "run")));
        assert_text(json_object_get(root, "run"), "stderr", "no ;");
        json_decref(root);
        set_ending(&result.stages[STAGE_COMPILE], 0);
        set_ending(&result.stages[STAGE_RUN], 2);
        root = render(&runtimes[1], &result, 200);
        assert_text(json_object_get(root, "compile"), "status", NULL);
        assert_text(json_object_get(root, "run"), "status", "SG");
        json_decref(root);
        result_deinit(&result);
}

static void knows_json_by_its_type(void **state)
{
        static const struct {
                const char *type;
                bool json;
        } rows[] = {
                { "application/json", true },
                { "Application/JSON; charset=UTF-8", true },
                { "application/json;charset=\"utf-8\"", true },
                { "application/json; charset=utf-16", false },
                { "application/json5", false },
                { "application/jso", false },
                { "text/plain", false },
                { "multipart/form-data; boundary=x", false },
                { "", false },
                { NULL, false },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                assert_int_equal(door_piston_is_json(view_of(rows[i].type)), rows[i].json);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(says_what_piston_says),
                cmocka_unit_test(refuses_with_some_message),
                cmocka_unit_test(refuses_deep_nesting),
                cmocka_unit_test(makes_a_job),
                cmocka_unit_test(zero_is_the_runtimes_limit),
                cmocka_unit_test(raises_limits_no_program_could_start_under),
                cmocka_unit_test(spreads_a_string_of_args),
                cmocka_unit_test(ends_stdin_as_configured),
                cmocka_unit_test(takes_a_binary_file_where_any_file_runs),
                cmocka_unit_test(tells_every_verdict),
                cmocka_unit_test(our_faults_are_no_verdicts),
                cmocka_unit_test(busy_says_when_to_come_back),
                cmocka_unit_test(keeps_the_order_of_keys_and_of_output),
                cmocka_unit_test(a_failed_compile_stands_for_the_run),
                cmocka_unit_test(knows_json_by_its_type),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The four sources, who stands above whom, and the sentence for every way to get it wrong. */
#include "config/config.h"
#include "util/err.h"
#include "util/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

enum { WORDS = 8 };

static char file_path[] = "/tmp/config-test-XXXXXX";

static void write_file(const char *text)
{
        int fd = open(file_path, O_WRONLY | O_TRUNC | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}

static int load(struct config *config, const char *file, const char *const *env, const char *const *flags,
                struct err *err)
{
        const char *words[WORDS + 3] = { 0 };
        char *environment[WORDS + 1] = { 0 };
        size_t n = 0;

        write_file(file ? file : "");
        words[n++] = "--config";
        words[n++] = file_path;
        for (size_t i = 0; flags && flags[i]; i++)
                words[n++] = flags[i];
        for (size_t i = 0; env && env[i]; i++)
                environment[i] = (char *)env[i];
        return config_load(config, words, environment, err);
}

static void test_defaults(void **state)
{
        struct config config;
        struct err err;

        assert_int_equal(load(&config, NULL, NULL, NULL, &err), 0);
        assert_string_equal(config.bind_address, "127.0.0.1:2000");
        assert_string_equal(config.data_directory, "/var/lib/coderunr");
        assert_int_equal(config.limits[0].wall_ns, 10 * NSEC_PER_SEC);
        assert_int_equal(config.limits[1].wall_ns, 3 * NSEC_PER_SEC);
        assert_int_equal(config.limits[1].memory_bytes, 128 * MIB);
        assert_int_equal(config.limits[1].processes, 128);
        assert_int_equal(config.limits[1].output_bytes, MIB);
        assert_int_equal(config.n_overrides, 0);
        assert_true(config.stdin_newline);
        assert_int_equal(config.sources[CONFIG_OPTION_bind_address], CONFIG_DEFAULT);
        config_deinit(&config);
        config_deinit(&config);
}

static void test_each_source_stands_above_the_one_before(void **state)
{
        static const char *const file = "run_timeout: 4s\nbanner: from file\nmax_queued_jobs: 7\n";
        const char *const env[] = { "PISTON_RUN_TIMEOUT=5000", "CODERUNR_RUN_TIMEOUT=6s",
                                    "PISTON_BANNER=from piston", NULL };
        const char *const flags[] = { "--run-timeout=7s", "--stdin-newline", "false",
                                      "--lenient-content-type", NULL };
        struct config config;
        struct err err;

        assert_int_equal(load(&config, file, env, NULL, &err), 0);
        assert_int_equal(config.limits[1].wall_ns, 6 * NSEC_PER_SEC);
        assert_string_equal(config.banner, "from piston");
        assert_int_equal(config.max_queued_jobs, 7);
        assert_int_equal(config.sources[CONFIG_OPTION_max_queued_jobs], CONFIG_FILE);
        assert_int_equal(config.limit_sources[1][LIMIT_wall_ns], CONFIG_ENVIRONMENT);
        config_deinit(&config);

        assert_int_equal(load(&config, file, env, flags, &err), 0);
        assert_int_equal(config.limits[1].wall_ns, 7 * NSEC_PER_SEC);
        assert_int_equal(config.limits[0].wall_ns, 10 * NSEC_PER_SEC);
        assert_false(config.stdin_newline);
        assert_true(config.lenient_content_type);
        config_deinit(&config);
}

static void test_piston_variables_choose_its_dialect(void **state)
{
        static const struct {
                const char *file;
                const char *env[3];
                const char *dialect;
        } rows[] = {
                { NULL, { NULL }, "coderunr" },
                { NULL, { "CODERUNR_RUN_TIMEOUT=5000" }, "coderunr" },
                { NULL, { "PISTON_OF_ANOTHER_PROGRAM=1" }, "coderunr" },
                { NULL, { "PISTON_RUN_TIMEOUT=5000" }, "piston" },
                { "websocket_dialect: coderunr\n", { "PISTON_RUN_TIMEOUT=5000" }, "coderunr" },
                { NULL, { "PISTON_RUN_TIMEOUT=5000", "CODERUNR_WEBSOCKET_DIALECT=coderunr" }, "coderunr" },
                { NULL, { "PISTON_WEBSOCKET_DIALECT=coderunr", "PISTON_RUN_TIMEOUT=5000" }, "coderunr" },
                { NULL, { "PISTON_RUN_TIMEOUT=5000", "PISTON_WEBSOCKET_DIALECT=coderunr" }, "coderunr" },
        };
        struct config config;
        struct err err;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                assert_int_equal(load(&config, rows[i].file, rows[i].env, NULL, &err), 0);
                assert_string_equal(config.websocket_dialect, rows[i].dialect);
                config_deinit(&config);
        }
}

static void test_stage_above_both(void **state)
{
        const char *const env[] = { "CODERUNR_RUN_MAX_OPEN_FILES=99", "CODERUNR_MAX_OPEN_FILES=50", NULL };
        struct config config;
        struct err err;

        assert_int_equal(load(&config, "run_max_process_count: 3\nmax_process_count: 5\n", env, NULL, &err),
                         0);
        assert_int_equal(config.limits[0].processes, 5);
        assert_int_equal(config.limits[1].processes, 3);
        assert_int_equal(config.limits[0].open_files, 50);
        assert_int_equal(config.limits[1].open_files, 99);
        config_deinit(&config);
}

static void test_minus_one_memory_is_the_default(void **state)
{
        const char *const env[] = { "PISTON_RUN_MEMORY_LIMIT=-1", "CODERUNR_COMPILE_MEMORY_LIMIT=-1", NULL };
        struct config config;
        struct err err;

        assert_int_equal(load(&config, "run_memory_limit: 1GiB\n", env, NULL, &err), 0);
        assert_int_equal(config.limits[1].memory_bytes, 128 * MIB);
        assert_int_equal(config.limits[0].memory_bytes, 512 * MIB);
        config_deinit(&config);
}

static void check_override(const struct config_override *o, const char *language, int stage, enum limit limit,
                           uint64_t value)
{
        assert_string_equal(o->language, language);
        assert_int_equal(o->stage, stage);
        assert_int_equal(o->limit, limit);
        assert_int_equal(o->value, value);
}

static void test_overrides(void **state)
{
        const char *const env[] = {
                "PISTON_LIMIT_OVERRIDES={\"java\": {\"run_timeout\": 5000, \"max_process_count\": 256}, "
                "\"c++\": {\"compile_memory_limit\": -1, \"run_cpu_time\": 0}}",
                NULL
        };
        struct config config;
        struct err err;

        assert_int_equal(load(&config, NULL, env, NULL, &err), 0);
        assert_int_equal(config.n_overrides, 2);
        check_override(&config.overrides[0], "java", 1, LIMIT_wall_ns, 5 * NSEC_PER_SEC);
        check_override(&config.overrides[1], "java", -1, LIMIT_processes, 256);
        config_deinit(&config);

        assert_int_equal(
                load(&config, "limit_overrides:\n  go:\n    run_memory_limit: 1GiB\n", NULL, NULL, &err), 0);
        assert_int_equal(config.n_overrides, 1);
        check_override(&config.overrides[0], "go", 1, LIMIT_memory_bytes, GIB);
        assert_string_equal(config.limit_overrides, "{\"go\": {\"run_memory_limit\": \"1GiB\"}}");
        config_deinit(&config);
}

static void test_port(void **state)
{
        const char *const number[] = { "PORT=3333", NULL };
        const char *const both[] = { "PORT=3333", "PISTON_BIND_ADDRESS=0.0.0.0:1", NULL };
        const char *const bad[] = { "PORT=70000", NULL };
        struct config config;
        struct err err;

        assert_int_equal(load(&config, NULL, number, NULL, &err), 0);
        assert_string_equal(config.bind_address, "127.0.0.1:3333");
        config_deinit(&config);
        assert_int_equal(load(&config, NULL, both, NULL, &err), 0);
        assert_string_equal(config.bind_address, "0.0.0.0:1");
        config_deinit(&config);
        assert_int_equal(load(&config, NULL, bad, NULL, &err), -EINVAL);
}

struct refusal {
        const char *file;
        const char *env;
        const char *flag;
        const char *says; /* part of the sentence */
};

static void test_refusals(void **state)
{
        static const struct refusal rows[] = {
                { "run_timeout: soon\n", NULL, NULL, ":1: run_timeout: \"soon\" is not a duration" },
                { "banner: x\nrun_timeot: 3s\n", NULL, NULL,
                  ":2: run_timeot: no such option; did you mean run_timeout?" },
                { "a: [\n", NULL, NULL, ":2: " },
                { "- a\n", NULL, NULL, "expected keys with values" },
                { "banner: a\nbanner: b\n", NULL, NULL, ":2: banner comes twice" },
                { "banner: {}\n", NULL, NULL, "banner: expected a value" },
                { "limit_overrides:\n  java:\n    run_timeot: 3\n", NULL, NULL,
                  ":3: limit_overrides: java: run_timeot" },
                { "limit_overrides: 7\n", NULL, NULL, "expected keys" },
                { "limit_overrides:\n  java: {run_timeout: -5}\n", NULL, NULL,
                  "java: run_timeout: \"-5\" is negative" },
                { NULL, "CODERUNR_RUN_TIMEOUT=", NULL, "CODERUNR_RUN_TIMEOUT: \"\" is not a duration" },
                { NULL, "CODERUNR_RUN_TIMEOUT=0", NULL, "CODERUNR_RUN_TIMEOUT: \"0\" is outside 1ms to 1h" },
                { NULL, "CODERUNR_RUN_MEMORY_LIMIT=0", NULL, "is outside 1MiB to 1024GiB" },
                { NULL, "CODERUNR_MAX_OPEN_FILES=-1", NULL, "nothing here means \"unlimited\"" },
                { NULL, "CODERUNR_RUN_TIMEOT=3", NULL, "did you mean CODERUNR_RUN_TIMEOUT?" },
                { NULL, "CODERUNR_XYZZY_PLUGH=3", NULL, "CODERUNR_XYZZY_PLUGH: no such option" },
                { NULL, "PISTON_LIMIT_OVERRIDES={\"a\": ", NULL, "PISTON_LIMIT_OVERRIDES:" },
                { NULL, "CODERUNR_DISABLE_NETWORKING=false", NULL, "cannot be switched on" },
                { NULL, "CODERUNR_LOG_LEVEL=loud", NULL, "\"loud\" is not one of none" },
                { NULL, "CODERUNR_BIND_ADDRESS=localhost", NULL, "names no port" },
                { NULL, "CODERUNR_DATA_DIRECTORY=here", NULL, "is not an absolute path" },
                { NULL, "CODERUNR_UID_BASE=0", NULL, "is outside 65536 to" },
                { NULL, "CODERUNR_STDIN_NEWLINE=perhaps", NULL, "neither true nor false" },
                { NULL, NULL, "--run-timout=3s", "did you mean --run-timeout?" },
                { NULL, NULL, "--run-timeout", "needs a value" },
                { NULL, NULL, "--max-connections=0", "is outside 1 to 1000000" },
                { NULL, NULL, "stray", "stray: no such option" },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                const char *const env[] = { rows[i].env, NULL }, *const flags[] = { rows[i].flag, NULL };
                struct err err = { "" };
                struct config config;

                if (load(&config, rows[i].file, env, flags, &err) != -EINVAL)
                        fail_msg("row %zu was taken", i);
                if (!strstr(err.text, rows[i].says))
                        fail_msg("row %zu says: %s", i, err.text);
        }
}

static void test_names_that_are_let_pass(void **state)
{
        static const char *const rows[] = {
                "PISTON_RUNNER_UID_MIN=1001",
                "PISTON_REPO_URL=https://example.org/index",
                "CODERUNR_REPO_URL=x",
                "CODERUNR_CONFIG=",
                "CODERUNR_URL=http://localhost:2000",
                "PISTON_SOMETHING=1",
                "CODERUNR_LANGUAGE=c",
                "CODERUNRX=1",
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                const char *const env[] = { rows[i], NULL };
                struct err err = { "" };
                struct config config;

                if (load(&config, "runner_gid_max: 3\n", env, NULL, &err) != 0)
                        fail_msg("%s: %s", rows[i], err.text);
                config_deinit(&config);
        }
}

static void test_missing_file_is_an_error(void **state)
{
        const char *const words[] = { "--config=/nonexistent/config.yaml", NULL };
        char *environment[] = { NULL };
        struct config config;
        struct err err;

        assert_int_equal(config_load(&config, words, environment, &err), -ENOENT);
        assert_non_null(strstr(err.text, "/nonexistent/config.yaml"));
}

static void test_flag_words(void **state)
{
        static const struct {
                const char *words[3];
                size_t n;
        } rows[] = {
                { { "--run-timeout", "3s" }, 2 },
                { { "--run-timeout=3s", "x" }, 1 },
                { { "--stdin-newline", "false" }, 2 },
                { { "--stdin-newline", "main.py" }, 1 },
                { { "--stdin-newline" }, 1 },
                { { "--interactive", "x" }, 0 },
                { { "run" }, 0 },
                { { "--" }, 0 },
                { { "--config", "f" }, 2 },
                { { NULL }, 0 },
                { { "--run_max_open_files", "5" }, 2 },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                assert_int_equal(config_flag_words(rows[i].words), rows[i].n);
        assert_true(config_is_flag("--bind-address"));
        assert_true(config_is_flag("--max-open-files=3"));
        assert_false(config_is_flag("--timeout"));
        assert_false(config_is_flag("bind-address"));
}

static void test_print(void **state)
{
        struct config config;
        struct err err;
        int saved = dup(STDOUT_FILENO), fd = open(file_path, O_RDWR | O_CLOEXEC);
        char text[16384] = "";

        assert_int_equal(load(&config, "run_max_open_files: 77\n", NULL, NULL, &err), 0);
        fflush(stdout);
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_true(dup2(fd, STDOUT_FILENO) >= 0);
        assert_int_equal(config_print(&config, false), 0);
        assert_int_equal(config_print(&config, true), 0);
        fflush(stdout);
        assert_true(dup2(saved, STDOUT_FILENO) >= 0);
        close(saved);
        assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
        close(fd);
        assert_non_null(strstr(text, "run_max_open_files"));
        assert_non_null(strstr(text, "compile_max_open_files"));
        assert_non_null(strstr(text, "\"run_max_open_files\": {"));
        assert_non_null(strstr(text, "\"value\": \"77\""));
        assert_non_null(strstr(text, "\"source\": \"file\""));
        assert_non_null(strstr(text, "max_process_count"));
        assert_null(strstr(text, "run_max_process_count"));
        config_deinit(&config);
}

static int set_up(void **state)
{
        log_open(LOG_NONE, "test");
        return mkstemp(file_path) < 0;
}

static int tear_down(void **state)
{
        return unlink(file_path);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_each_source_stands_above_the_one_before),
                cmocka_unit_test(test_piston_variables_choose_its_dialect),
                cmocka_unit_test(test_stage_above_both),
                cmocka_unit_test(test_minus_one_memory_is_the_default),
                cmocka_unit_test(test_overrides),
                cmocka_unit_test(test_port),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_names_that_are_let_pass),
                cmocka_unit_test(test_missing_file_is_an_error),
                cmocka_unit_test(test_flag_words),
                cmocka_unit_test(test_print),
        };

        return cmocka_run_group_tests_name("config", tests, set_up, tear_down);
}

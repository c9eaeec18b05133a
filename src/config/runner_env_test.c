/* RUNNER_* and .env: what they set, how they are written, which stands above which. */
#include "config/config.h"
#include "util/err.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void write_file(const char *text)
{
        FILE *file = fopen(".env", "w");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

static int load(struct config *config, const char *file, const char *const *environment, struct err *err)
{
        err->text[0] = '\0';
        if (file)
                write_file(file);
        else
                (void)unlink(".env");
        return config_load(config, NULL, (char *const *)environment, err);
}

static void test_environment(void **state)
{
        const char *const env[] = { "RUNNER_API_BINDADDRESS=:8080",
                                    "RUNNER_SANDBOX_TIMEOUTSECONDS=7",
                                    "RUNNER_SANDBOX_MEMORY=64M",
                                    "RUNNER_WORKER_COUNT=3",
                                    "RUNNER_DB_DSN=postgres://x",
                                    "RUNNER_OF_SOMEBODY_ELSE=1",
                                    NULL };
        struct config config;
        struct err err;

        assert_int_equal(load(&config, NULL, env, &err), 0);
        assert_string_equal(config.bind_address, ":8080");
        assert_int_equal(config.exec_timeout, 7 * NSEC_PER_SEC);
        assert_int_equal(config.exec_memory, 64 * MIB);
        assert_int_equal(config.max_concurrent_jobs, 3);
        assert_int_equal(config.sources[CONFIG_OPTION_exec_memory], CONFIG_ENVIRONMENT);
        config_deinit(&config);
}

static void test_file(void **state)
{
        static const char *const text = "# settings\n"
                                        "RUNNER_SANDBOX_TIMEOUTSECONDS=20 # seconds\n"
                                        "export RUNNER_SANDBOX_MEMORY = \"2GB\" # quoted\n"
                                        "  RUNNER_WORKER_COUNT='5'\r\n"
                                        "RUNNER_WORKER_COUNTER=9\n"
                                        "#RUNNER_API_BINDADDRESS=:1\n"
                                        "CODERUNR_BANNER=not from here\n"
                                        "RUNNER_SANDBOX_TIMEOUTSECONDS=21#\n"
                                        "RUNNER_SANDBOX_TIMEOUTSECONDS=22";
        struct config config;
        struct err err;

        assert_int_equal(load(&config, text, NULL, &err), 0);
        assert_int_equal(config.exec_timeout, 22 * NSEC_PER_SEC);
        assert_int_equal(config.exec_memory, 2 * GIB);
        assert_int_equal(config.max_concurrent_jobs, 5);
        assert_int_equal(config.sources[CONFIG_OPTION_bind_address], CONFIG_DEFAULT);
        assert_int_equal(config.sources[CONFIG_OPTION_banner], CONFIG_DEFAULT);
        config_deinit(&config);
}

static void test_order(void **state)
{
        const char *const env[] = { "RUNNER_SANDBOX_TIMEOUTSECONDS=2", "CODERUNR_EXEC_MEMORY=3MiB", NULL };
        struct config config;
        struct err err;

        assert_int_equal(
                load(&config, "RUNNER_SANDBOX_TIMEOUTSECONDS=1\nRUNNER_SANDBOX_MEMORY=1M\n", env, &err), 0);
        assert_int_equal(config.exec_timeout, 2 * NSEC_PER_SEC);
        assert_int_equal(config.exec_memory, 3 * MIB);
        config_deinit(&config);
}

static void test_mistakes(void **state)
{
        static const struct {
                const char *word, *says;
        } rows[] = {
                { "RUNNER_SANDBOX_TIMEOUTSECONDS=soon", "RUNNER_SANDBOX_TIMEOUTSECONDS" },
                { "RUNNER_SANDBOX_TIMEOUTSECONDS=", "RUNNER_SANDBOX_TIMEOUTSECONDS" },
                { "RUNNER_SANDBOX_TIMEOUTSECONDS=0", "RUNNER_SANDBOX_TIMEOUTSECONDS" },
                { "RUNNER_SANDBOX_MEMORY=much", "RUNNER_SANDBOX_MEMORY" },
                { "RUNNER_SANDBOX_MEMORY=1Mx", "RUNNER_SANDBOX_MEMORY" },
                { "RUNNER_WORKER_COUNT=-1", "RUNNER_WORKER_COUNT" },
                { "RUNNER_API_BINDADDRESS=8080", "RUNNER_API_BINDADDRESS" },
        };
        struct config config;
        struct err err;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                const char *const env[] = { rows[i].word, NULL };

                assert_int_equal(load(&config, NULL, env, &err), -EINVAL);
                assert_non_null(strstr(err.text, rows[i].says));
                assert_int_equal(load(&config, rows[i].word, NULL, &err), -EINVAL);
                assert_non_null(strstr(err.text, ".env"));
        }
}

static int enter_folder(void **state)
{
        static char path[] = "/tmp/coderunr-env-XXXXXX";

        *state = mkdtemp(path);
        return *state && chdir(path) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
        (void)unlink(".env");
        return chdir("/") == 0 && rmdir(*state) == 0 ? 0 : -1;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_environment),
                cmocka_unit_test(test_file),
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_mistakes),
        };

        return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}

/*
 * A folder with manifests and tools of our own making: what is found, what it is called, which limits hold, and
 * that versions are remembered and asked anew when a tool changes.
 */
#include "runtime/catalog.h"
#include "config/config.h"
#include "runtime/discover.h"
#include "util/err.h"
#include "util/log.h"

#include <ftw.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/stat.h>

static char folder[] = "/tmp/catalog-test-XXXXXX";

static void write_file(const char *name, mode_t mode, const char *format, ...) PRINTF(3, 4);

static void write_file(const char *name, mode_t mode, const char *format, ...)
{
        char path[256];
        va_list ap;
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        file = fopen(path, "w");
        assert_non_null(file);
        va_start(ap, format);
        vfprintf(file, format, ap);
        va_end(ap);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(chmod(path, mode), 0);
}

static void write_tool(const char *name, const char *says)
{
        char path[256];

        snprintf(path, sizeof(path), "bin/%s", name);
        write_file(path, 0755, "#!/bin/sh\n%s\n", says);
}

static void write_manifest(const char *name, const char *language, const char *find, const char *more)
{
        char path[256];

        snprintf(path, sizeof(path), "runtimes/%s.yaml", name);
        write_file(path, 0644,
                   "language: %s\ntitle: %s\nfind: %s\nversion: {argv: [\"{tool}\", -v], after: v}\n"
                   "run: [\"{tool}\", \"{dir}/lib\", \"{main}\"]\n%s",
                   language, language, find, more);
}

static void load_config(struct config *config, const char *more)
{
        char data[256], runtimes[256], extra[256];
        char *environment[] = { data, runtimes, extra, (char *)more, NULL };
        struct err err;

        snprintf(data, sizeof(data), "CODERUNR_DATA_DIRECTORY=%s", folder);
        snprintf(runtimes, sizeof(runtimes), "CODERUNR_RUNTIMES_DIRECTORY=%s/runtimes", folder);
        snprintf(extra, sizeof(extra), "CODERUNR_EXTRA_DIRECTORIES=%s", folder);
        if (config_load(config, NULL, environment, &err) != 0)
                fail_msg("%s", err.text);
}

static void load(struct catalog *catalog, const char *more)
{
        struct config config CLEANUP(config_deinit) = { 0 };
        struct err err;

        load_config(&config, more);
        if (catalog_load(&config, catalog, &err) != 0)
                fail_msg("%s", err.text);
}

static void test_found_and_missing(void **state)
{
        struct catalog catalog CLEANUP(catalog_deinit) = { 0 };
        char want[256];

        load(&catalog, NULL);
        assert_int_equal(catalog.n_runtimes, 4);
        assert_string_equal(catalog.runtimes[0].language, "alpha");
        assert_string_equal(catalog.runtimes[0].version, "1.2.3");
        assert_string_equal(catalog.runtimes[1].version, "2.0.0");
        assert_string_equal(catalog.runtimes[2].language, "beta");
        assert_string_equal(catalog.runtimes[3].language, "fixed");
        assert_string_equal(catalog.runtimes[3].version, "0.0.1");
        for (uint32_t i = 0; i < 4; i++)
                assert_int_equal(catalog.runtimes[i].index, i);
        snprintf(want, sizeof(want), "%s/bin/alpha-tool", folder);
        assert_string_equal(catalog.runtimes[0].stages[STAGE_RUN].argv[0], want);
        snprintf(want, sizeof(want), "%s/bin/lib", folder);
        assert_string_equal(catalog.runtimes[0].stages[STAGE_RUN].argv[1], want);
        assert_string_equal(catalog.runtimes[0].stages[STAGE_RUN].argv[2], "{main}");
        assert_false(runtime_has_stage(&catalog.runtimes[0], STAGE_COMPILE));
        assert_int_equal(catalog.n_missing, 3);
        assert_string_equal(catalog.missing[0].language, "absent");
        assert_string_equal(catalog.missing[0].apt, "apt-get install -y one two");
        assert_string_equal(catalog.missing[1].language, "mute");
        assert_string_equal(catalog.missing[2].language, "needy");
}

static void check_find(const struct catalog *catalog, const char *name, const char *range,
                       const char *version)
{
        const struct runtime *runtime = catalog_find(catalog, name, range);

        if (!runtime != !version || (version && !streq(runtime->version, version)))
                fail_msg("%s %s: %s", name, range, runtime ? runtime->version : "none");
}

static void test_find(void **state)
{
        struct catalog catalog CLEANUP(catalog_deinit) = { 0 };

        load(&catalog, NULL);
        check_find(&catalog, "alpha", "*", "2.0.0");
        check_find(&catalog, "al", "*", "2.0.0");
        check_find(&catalog, "al", "1.x", "1.2.3");
        check_find(&catalog, "AL", "*", NULL);
        check_find(&catalog, "alpha", "3", NULL);
        check_find(&catalog, "alpha", "latest", NULL);
        check_find(&catalog, "absent", "*", NULL);
        check_find(&catalog, "fixed", "0.0.1", "0.0.1");
}

static void test_limits(void **state)
{
        struct catalog catalog CLEANUP(catalog_deinit) = { 0 };
        const struct runtime *alpha, *beta;

        load(&catalog, "CODERUNR_LIMIT_OVERRIDES={\"beta\": {\"run_timeout\": 9000, \"max_open_files\": 0}}");
        alpha = catalog_find(&catalog, "alpha", "*");
        beta = catalog_find(&catalog, "beta", "*");
        assert_int_equal(alpha->limits[STAGE_RUN].wall_ns, 3 * NSEC_PER_SEC);
        assert_int_equal(beta->limits[STAGE_RUN].wall_ns, 9 * NSEC_PER_SEC);
        assert_int_equal(beta->limits[STAGE_RUN].open_files, 77);
        assert_int_equal(beta->limits[STAGE_COMPILE].open_files, 77);
        assert_int_equal(beta->limits[STAGE_RUN].memory_bytes, 128 * MIB);
}

static void test_versions_are_remembered(void **state)
{
        struct catalog first CLEANUP(catalog_deinit) = { 0 }, second CLEANUP(catalog_deinit) = { 0 };
        struct catalog third CLEANUP(catalog_deinit) = { 0 }, fourth CLEANUP(catalog_deinit) = { 0 };

        write_tool("beta-tool", "echo v 5.6.7");
        load(&first, NULL);
        check_find(&first, "beta", "*", "5.6.7");
        write_tool("beta-tool", "echo version 8.9.10");
        load(&second, NULL);
        check_find(&second, "beta", "*", "8.9.10");

        write_file("runtimes.cache", 0644, "coderunr runtimes 1\nnonsense\n\t\t\t\n");
        load(&third, NULL);
        check_find(&third, "beta", "*", "8.9.10");
        write_file("runtimes.cache", 0666, "no cache of ours");
        load(&fourth, NULL);
        check_find(&fourth, "beta", "*", "8.9.10");
}

static void test_memory_answers(void **state)
{
        struct discover_question question = { 0 }, again = { 0 };
        struct config config CLEANUP(config_deinit) = { 0 };
        char path[256], *argv[] = { path, NULL };

        load_config(&config, NULL);
        snprintf(path, sizeof(path), "%s/bin/alpha-tool", folder);
        question = (struct discover_question){ .path = path, .argv = argv, .version = "4.4.4" };
        discover_remember_save(&config, &question, 1);
        again = (struct discover_question){ .path = path, .argv = argv };
        discover_remember_load(&config, &again, 1);
        assert_true(again.known);
        assert_string_equal(again.version, "4.4.4");
        again = (struct discover_question){ .path = path, .argv = argv, .after = "other question" };
        discover_remember_load(&config, &again, 1);
        assert_false(again.known);
        write_file("runtimes.cache", 0666, "%s", "");
        again = (struct discover_question){ .path = path, .argv = argv };
        discover_remember_load(&config, &again, 1);
        assert_false(again.known);
        snprintf(path, sizeof(path), "%s/runtimes.cache", folder);
        assert_int_equal(unlink(path), 0);
}

static void test_a_bad_manifest_is_named(void **state)
{
        struct config config CLEANUP(config_deinit) = { 0 };
        struct catalog catalog;
        struct err err;
        char path[256];

        write_manifest("zz", "zz", "zz", "colour: red\n");
        load_config(&config, NULL);
        assert_int_equal(catalog_load(&config, &catalog, &err), -EINVAL);
        assert_non_null(strstr(err.text, "runtimes/zz.yaml:6: colour: no such key"));
        snprintf(path, sizeof(path), "%s/runtimes/zz.yaml", folder);
        assert_int_equal(unlink(path), 0);
}

static void test_read_version(void **state)
{
        static const struct {
                const char *text;
                const char *after;
                const char *version;
        } rows[] = {
                { "Python 3.11.2", NULL, "3.11.2" },
                { "go version go1.19.8 linux/amd64", "go version go", "1.19.8" },
                { "gcc (Debian 12.2.0-14) 12.2.0", ")", "12.2.0" },
                { "javac 17.0.15", "javac", "17.0.15" },
                { "openjdk 21", NULL, "21.0.0" },
                { "v20.20.2\n", NULL, "20.20.2" },
                { "ruby 3.1.2p20 (2022-04-12 revision 4491bb740a)", NULL, "3.1.2" },
                { "GNU bash, version 5.2.15(1)-release", "version", "5.2.15" },
                { "R version 4.2 x64", NULL, "4.2.0" },
                { "compiled 3 times, 007.08", NULL, "7.8.0" },
                { "1.2.3.4", NULL, "1.2.3" },
                { "none here", NULL, NULL },
                { "1.2.3", "after", NULL },
                { "", NULL, NULL },
                { "99999999999999999999.1", NULL, "99999999.1.0" },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char version[DISCOVER_VERSION_MAX] = "";

                if (discover_read_version(rows[i].text, rows[i].after, version) != (rows[i].version != NULL))
                        fail_msg("row %zu", i);
                assert_string_equal(version, rows[i].version ? rows[i].version : "");
        }
}

static int set_up(void **state)
{
        char path[256];

        log_open(LOG_NONE, "test");
        if (!mkdtemp(folder) || chmod(folder, 0755) < 0)
                return -1;
        snprintf(path, sizeof(path), "%s/bin", folder);
        if (mkdir(path, 0755) < 0)
                return -1;
        snprintf(path, sizeof(path), "%s/runtimes", folder);
        if (mkdir(path, 0755) < 0)
                return -1;
        write_tool("alpha-tool", "echo alpha v1.2.3");
        write_tool("alpha2", "echo v 2.0 >&2; exit 3");
        write_tool("beta-tool", "echo v5.6.7");
        write_tool("mute-tool", "echo nothing to say");
        write_tool("old-tool", "echo v1.0.0");
        write_manifest("a-alpha", "alpha", "[alpha-tool, alpha2, alpha-tool]", "aliases: [al]\n");
        write_manifest("b-absent", "absent", "[no-such-tool-here]", "apt: [one, two]\n");
        write_manifest("c-beta", "beta", "[beta-tool]", "limits: {max_open_files: 77, run_timeout: 4s}\n");
        write_file("runtimes/d-fixed.yaml", 0644,
                   "language: fixed\ntitle: F\nversion: {fixed: 0.0.1}\nrun: [x]\n");
        write_manifest("e-mute", "mute", "[mute-tool]", "");
        write_manifest("f-needy", "needy", "[alpha-tool]", "needs: [beta-tool, no-such-tool-here]\n");
        write_file("runtimes/ignored.txt", 0644, "not a manifest");
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
        return remove(path);
}

static int tear_down(void **state)
{
        return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_found_and_missing),
                cmocka_unit_test(test_find),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_versions_are_remembered),
                cmocka_unit_test(test_memory_answers),
                cmocka_unit_test(test_a_bad_manifest_is_named),
                cmocka_unit_test(test_read_version),
        };

        return cmocka_run_group_tests_name("catalog", tests, set_up, tear_down);
}

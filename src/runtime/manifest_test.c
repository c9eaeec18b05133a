/* A whole manifest, key by key; every way to get one wrong, with the line it is on; every manifest we ship. */
#include "runtime/manifest.h"
#include "util/err.h"

#include <glob.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

static const char whole[] = "language: java\n"
                            "title: Java\n"
                            "package: openjdk\n"
                            "aliases: [jdk, java17]\n"
                            "extensions: [java]\n"
                            "companions: txt\n"
                            "rename: true\n"
                            "naming: java\n"
                            "any_file: false\n"
                            "find: [javac, /usr/lib/jvm/*/bin/javac]\n"
                            "needs: [java]\n"
                            "version: {argv: [\"{tool}\", -version], after: javac, range: \">=11\"}\n"
                            "apt: [default-jdk-headless]\n"
                            "env: {LANG: C.UTF-8, EMPTY: \"\"}\n"
                            "limits: {compile_memory_limit: 1GiB, max_process_count: 256, run_timeout: 5s}\n"
                            "compile: [javac, \"{sources}\"]\n"
                            "run:\n"
                            "  argv: [java, \"{stem}\", \"{args}\"]\n"
                            "  env: {X: y}\n"
                            "self_test: {source: \"class A {}\", stdin: a, stdout: b}\n";

static void test_whole(void **state)
{
        struct manifest m CLEANUP(manifest_deinit) = { 0 };
        struct err err;

        assert_int_equal(manifest_parse(whole, "java.yaml", &m, &err), 0);
        assert_string_equal(m.language, "java");
        assert_string_equal(m.package, "openjdk");
        assert_string_equal(m.aliases[1], "java17");
        assert_null(m.aliases[2]);
        assert_string_equal(m.companions[0], "txt");
        assert_true(m.rename);
        assert_false(m.any_file);
        assert_int_equal(m.naming, RUNTIME_NAMING_JAVA);
        assert_string_equal(m.version.argv[0], "{tool}");
        assert_string_equal(m.version.after, "javac");
        assert_string_equal(m.env[0], "LANG=C.UTF-8");
        assert_string_equal(m.env[1], "EMPTY=");
        assert_int_equal(m.limits[STAGE_COMPILE].memory_bytes, GIB);
        assert_int_equal(m.limits[STAGE_RUN].memory_bytes, 0);
        assert_int_equal(m.limits[STAGE_COMPILE].processes, 256);
        assert_int_equal(m.limits[STAGE_RUN].wall_ns, 5 * NSEC_PER_SEC);
        assert_int_equal(m.stages[STAGE_RUN].n_argv, 3);
        assert_string_equal(m.stages[STAGE_RUN].env[0], "X=y");
        assert_int_equal(m.stages[STAGE_COMPILE].n_argv, 2);
        assert_null(m.stages[STAGE_COMPILE].env);
}

#define REST "title: T\nfind: x\nversion: {argv: x}\nrun: x\n"

static void test_refusals(void **state)
{
        static const struct {
                const char *text;
                const char *says;
        } rows[] = {
                { "", "m.yaml: is empty" },
                { REST, "m.yaml: language is missing" },
                { "language: a\nrun: x\n", "title is missing" },
                { "language: a\ntitle: b\nfind: x\nversion: {argv: x}\n", "run is missing" },
                { "language: a\ntitle: b\nrun: x\n", "neither argv nor fixed" },
                { "language: a\ntitle: b\nrun: x\nversion: {argv: x}\n", "find: names no program" },
                { "language: a\ntitle: b\nrun: x\nversion: {fixed: 1.2}\n", "is not three numbers" },
                { "language: a\n" REST "rename: true\n", "extensions names none" },
                { "language: a\n" REST "colour: red\n", "m.yaml:6: colour: no such key" },
                { "language: a\n" REST "env: [A]\n", "m.yaml:6: env: expected NAME" },
                { "language: a\n" REST "env: {A=B: c}\n", "expected NAME: text" },
                { "language: a\n" REST "limits: {run_tmeout: 3}\n",
                  "m.yaml:6: limits: run_tmeout: no such limit" },
                { "language: a\n" REST "limits: {run_timeout: x}\n", "\"x\" is not a duration" },
                { "language: a\n" REST "limits: {run_memory_limit: -1}\n", "leave it out" },
                { "language: a\n" REST "compile: {env: {A: b}}\n", "argv is missing" },
                { "language: a\n" REST "compile: []\n", "argv is missing" },
                { "language: a\n" REST "compile: {argv: [a], argw: [b]}\n", "argw: no such key" },
                { "language: a\n" REST "naming: cobol\n", "naming: the only rule" },
                { "language: a\n" REST "any_file: perhaps\n", "any_file: expected true or false" },
                { "language: a\n" REST "self_test: {sauce: x}\n", "self_test: sauce: expected" },
                { "language: a\n" REST "aliases: [[a]]\n", "m.yaml:6: expected a text" },
                { "language: {}\n" REST, "language: expected a text" },
                { "language: a\ntitle: b\nfind: x\nversion: {argv: x, range: oops}\nrun: x\n",
                  "range: \"oops\"" },
                { "language: a\nlanguage: b\n" REST, "m.yaml:2: language comes twice" },
                { "language: [", "m.yaml:" },
                { "language: a\n" REST "---\nmore: 1\n", "more than one document" },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct err err = { "" };
                struct manifest m;

                if (manifest_parse(rows[i].text, "m.yaml", &m, &err) >= 0)
                        fail_msg("row %zu was taken", i);
                if (!strstr(err.text, rows[i].says))
                        fail_msg("row %zu says: %s", i, err.text);
        }
}

static void test_every_manifest_we_ship(void **state)
{
        glob_t found;

        if (glob(CODERUNR_RUNTIMES_DIRECTORY "/*.yaml", 0, NULL, &found) != 0)
                skip(); /* an installed build has its manifests elsewhere */
        assert_true(found.gl_pathc >= 13);
        for (size_t i = 0; i < found.gl_pathc; i++) {
                struct manifest m CLEANUP(manifest_deinit) = { 0 };
                struct err err;

                if (manifest_load(found.gl_pathv[i], &m, &err) != 0)
                        fail_msg("%s", err.text);
        }
        globfree(&found);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_whole),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_every_manifest_we_ship),
        };

        return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}

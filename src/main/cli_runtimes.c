/*
 * `coderunr runtimes`: the catalog of this host, as `serve` would offer it.  Works without an engine running.
 */
#include "main/cli.h"
#include "config/config.h"
#include "main/arguments.h"
#include "runtime/catalog.h"
#include "util/err.h"
#include "util/log.h"

#include <jansson.h>
#include <stdio.h>

static json_t *json_words(char **words)
{
        json_t *array = json_array();

        for (; words && *words; words++)
                json_array_append_new(array, json_string(*words));
        return array;
}

static json_t *json_runtime(const struct runtime *runtime)
{
        json_t *row = json_pack("{s:s, s:s, s:s, s:o, s:o}", "language", runtime->language, "version",
                                runtime->version, "title", runtime->title, "aliases",
                                json_words(runtime->aliases), "extensions", json_words(runtime->extensions));

        if (row && runtime->package)
                json_object_set_new(row, "runtime", json_string(runtime->package));
        return row;
}

static int print_json(const struct catalog *catalog, bool all)
{
        json_t *rows = json_array();
        int r;

        for (size_t i = 0; i < catalog->n_runtimes; i++) {
                json_t *row = json_runtime(&catalog->runtimes[i]);

                if (row && all)
                        json_object_set_new(row, "installed", json_true());
                json_array_append_new(rows, row);
        }
        for (size_t i = 0; all && i < catalog->n_missing; i++) {
                const struct catalog_missing *missing = &catalog->missing[i];

                json_array_append_new(rows, json_pack("{s:s, s:s?, s:b, s:s?}", "language", missing->language,
                                                      "title", missing->title, "installed", 0, "install",
                                                      missing->apt));
        }
        r = json_dumpf(rows, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(rows);
        return r < 0 ? cli_fail(EXIT_WRONG, "the list could not be written") : 0;
}

static void print_table(const struct catalog *catalog, bool all)
{
        printf("%-14s %-12s %s\n", "LANGUAGE", "VERSION", "ALSO CALLED");
        for (size_t i = 0; i < catalog->n_runtimes; i++) {
                const struct runtime *runtime = &catalog->runtimes[i];

                printf("%-14s %-12s ", runtime->language, runtime->version);
                for (char **alias = runtime->aliases; alias && *alias; alias++)
                        printf("%s%s", alias == runtime->aliases ? "" : ", ", *alias);
                putchar('\n');
        }
        if (!all) {
                if (catalog->n_missing > 0)
                        printf("\n%zu more could be offered: coderunr runtimes --all\n", catalog->n_missing);
                return;
        }
        if (catalog->n_missing > 0)
                printf("\nnot installed; the line on the right brings it:\n");
        for (size_t i = 0; i < catalog->n_missing; i++)
                printf("%-14s %s\n", catalog->missing[i].language, catalog->missing[i].apt);
}

/* Is an engine asked for?  Then the flags are those of `list`. */
static bool names_engine(int argc, char **argv)
{
        for (int i = 0; i < argc; i++)
                if (streq(argv[i], "-u") || strncmp(argv[i], "--url", 5) == 0 ||
                    strncmp(argv[i], "--piston-url", 12) == 0)
                        return true;
        return false;
}

int cli_runtimes(int argc, char **argv)
{
        bool all = false, json = false;
        const struct flag flags[] = {
                { "all", 'a', FLAG_SWITCH, &all, NULL,
                  "also what is not installed, with the line that brings it" },
                { "json", 'j', FLAG_SWITCH, &json, NULL, "as JSON" },
                { 0 },
        };
        const struct cli_help text = { "coderunr runtimes [--all] [--json] [--OPTION=VALUE…]",
                                       "List the languages this host offers.", flags,
                                       "With --url URL: those an engine offers, as coderunr list." };
        struct arguments arguments;
        struct config config;
        struct catalog catalog;
        struct err err = { 0 };
        int status;

        if (names_engine(argc, argv))
                return cli_list(argc, argv);
        status = cli_parse(&text, false, &arguments, argc, argv);
        if (status)
                return status - 1;
        if (arguments.operands.n > 0)
                return cli_fail(EXIT_USAGE, "runtimes takes options only, not '%s'", arguments.operands.p[0]);
        if (!cli_config_load(&arguments, &config))
                return EXIT_WRONG;
        log_open(LOG_WARN, "runtimes");
        if (catalog_load(&config, &catalog, &err) < 0) {
                config_deinit(&config);
                return cli_fail(EXIT_WRONG, "%s", err.text);
        }
        if (json)
                status = print_json(&catalog, all);
        else
                print_table(&catalog, all);
        catalog_deinit(&catalog);
        config_deinit(&config);
        return status;
}

/*
 * `coderunr list`: the languages an engine offers, here or elsewhere; `coderunr runtimes --url` is the same.
 */
#include "main/cli.h"
#include "main/arguments.h"
#include "main/engine.h"

#include <stdio.h>

static const char *text_of(const json_t *row, const char *key)
{
        const char *text = json_string_value(json_object_get(row, key));

        return text ? text : "";
}

static void print_row(const json_t *row, bool all)
{
        const json_t *aliases = json_object_get(row, "aliases"), *alias;
        size_t i;

        printf("%-14s %-12s ", text_of(row, "language"), text_of(row, "version"));
        if (all)
                printf("%-14s ", text_of(row, "runtime"));
        json_array_foreach(aliases, i, alias)
        {
                printf("%s%s", i ? ", " : "", json_is_string(alias) ? json_string_value(alias) : "");
        }
        putchar('\n');
}

static void print_all(const json_t *rows, bool all)
{
        const json_t *row;
        size_t i;

        printf("%-14s %-12s %s%s\n", "LANGUAGE", "VERSION", all ? "PACKAGE        " : "", "ALSO CALLED");
        json_array_foreach(rows, i, row)
        {
                print_row(row, all);
        }
}

int cli_list(int argc, char **argv)
{
        const char *url = engine_url(), *output = NULL;
        bool json = false, verbose = false;
        const struct flag flags[] = {
                { "json", 'j', FLAG_SWITCH, &json, NULL, "as the engine answered" },
                { "verbose", 'v', FLAG_SWITCH, &verbose, NULL, "also the package a language belongs to" },
                { "output", 0, FLAG_VALUE, &output, "FORMAT", "auto, plain or json" },
                ENGINE_FLAG(&url),
                { "piston-url", 0, FLAG_VALUE, &url, "URL", NULL },
                { 0 },
        };
        const struct cli_help text = { "coderunr list [OPTION…]", "List the languages an engine offers.",
                                       flags, "Without an engine: coderunr runtimes." };
        struct arguments arguments;
        json_t *rows = NULL;
        long http_status;
        int status = cli_parse(&text, false, &arguments, argc, argv);

        if (status)
                return status - 1;
        if (arguments.operands.n + arguments.config.n > 0)
                return cli_fail(EXIT_USAGE, "list takes its own options only, not '%s'",
                                arguments.operands.n ? arguments.operands.p[0] : arguments.config.p[0]);
        if (!cli_output(output, &json))
                return EXIT_USAGE;
        status = engine_ask(url, "GET", "/api/v2/runtimes", NULL, &rows, &http_status);
        if (status == 0 && http_status != 200)
                status = cli_fail(EXIT_ENGINE, "%s", engine_message(rows));
        else if (status == 0 && json)
                status =
                        json_dumpf(rows, stdout, JSON_INDENT(2)) < 0 || putchar('\n') == EOF ? EXIT_WRONG : 0;
        else if (status == 0)
                print_all(rows, verbose);
        json_decref(rows);
        return status;
}

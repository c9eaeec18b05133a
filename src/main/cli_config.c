/*
 * `coderunr config`: every option and where its value came from, or the bare value of one, for scripts.
 */
#include "main/cli.h"
#include "config/config.h"
#include "main/arguments.h"

#include <inttypes.h>
#include <stdio.h>

static void print_text(const char *value)
{
        puts(value);
}

static void print_flag(bool value)
{
        puts(value ? "true" : "false");
}

static void print_number(uint64_t value)
{
        printf("%" PRIu64 "\n", value);
}

#define print_TEXT            print_text
#define print_FLAG            print_flag
#define print_COUNT           print_number
#define print_BYTES           print_number
#define print_DURATION(value) print_number((value) / NSEC_PER_MSEC)

static bool print_option(const struct config *config, const char *name)
{
#define OPTION(field, KIND, fallback, least, most, text)                                                     \
        if (streq(name, #field)) {                                                                           \
                print_##KIND(config->field);                                                                 \
                return true;                                                                                 \
        }
#include "config/options.def"
#undef OPTION
        return false;
}

/* A limit of one stage, or of both where they are the same. */
static bool print_limit(const struct config *config, const char *name)
{
        enum limit limit;
        uint64_t value;
        int stage;

        if (!limit_find(name, &limit, &stage))
                return false;
        value = limit_get(&config->limits[stage < 0 ? 1 : stage], limit);
        if (stage < 0 && limit_get(&config->limits[0], limit) != value)
                return false;
        print_number(limit_rows[limit].unit == LIMIT_UNIT_NS ? value / NSEC_PER_MSEC : value);
        return true;
}

int cli_config(int argc, char **argv)
{
        bool json = false;
        const struct flag flags[] = {
                { "json", 'j', FLAG_SWITCH, &json, NULL, "as JSON" },
                { 0 },
        };
        const struct cli_help text = {
                "coderunr config [--json] [NAME] [--OPTION=VALUE…]",
                "Show the configuration in force and where each value came from; with NAME only that "
                "option's value "
                "(times in milliseconds, sizes in bytes).",
                flags,
                "Defaults < YAML file (--config FILE, CODERUNR_CONFIG, /etc/coderunr/config.yaml) < "
                "environment "
                "(CODERUNR_NAME) < flags (--name).",
        };
        struct arguments arguments;
        struct config config;
        int status = cli_parse(&text, false, &arguments, argc, argv);

        if (status)
                return status - 1;
        if (arguments.operands.n > 1)
                return cli_fail(EXIT_USAGE, "config shows all options or one, not %zu", arguments.operands.n);
        if (!cli_config_load(&arguments, &config))
                return EXIT_WRONG;
        if (arguments.operands.n == 0)
                status = config_print(&config, json) < 0 ? EXIT_WRONG : 0;
        else if (!print_option(&config, arguments.operands.p[0]) &&
                 !print_limit(&config, arguments.operands.p[0]))
                status = cli_fail(EXIT_USAGE, "there is no option '%s'; coderunr config lists them",
                                  arguments.operands.p[0]);
        config_deinit(&config);
        return status;
}

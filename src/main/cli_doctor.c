/*
 * `coderunr doctor`: every row of box/checks.def asked on this host.  Exit status 1 when something required is
 * missing, which is also what makes `coderunr serve` refuse to start.
 */
#include "main/cli.h"
#include "box/checks.h"
#include "box/isolation.h"
#include "config/config.h"
#include "main/arguments.h"
#include "main/doctor_warm.h"
#include "runtime/catalog.h"
#include "util/err.h"
#include "util/log.h"

#include <jansson.h>
#include <stdio.h>

enum { UIDS = 4096 }; /* as options.def says of uid_base */

enum mark { MARK_OK, MARK_ADVICE, MARK_MISSING };

static const struct {
        const char *word;
        const char *colour;
} marks[] = { { "ok", "\033[32m" }, { "weak", "\033[33m" }, { "MISSING", "\033[31m" } };

static enum mark mark_of(enum check which, const struct check_answer *answer)
{
        if (answer->ok)
                return MARK_OK;
        return check_rows[which].weight == CHECK_REQUIRED ? MARK_MISSING : MARK_ADVICE;
}

static void print_table(const struct check_answer *answers)
{
        bool colours = isatty(STDOUT_FILENO);

        for (enum check i = 0; i < CHECK_COUNT; i++) {
                const struct check_row *row = &check_rows[i];
                enum mark mark = mark_of(i, &answers[i]);

                printf("%s%-8s%s %-38s %s\n", colours ? marks[mark].colour : "", marks[mark].word,
                       colours ? "\033[0m" : "", row->title, answers[i].found);
                if (mark != MARK_OK)
                        printf("         without it %s; to mend it:\n             %s\n", row->lost,
                               row->mend);
        }
}

static void print_json(const struct check_answer *answers, const char *isolation, json_t *warm)
{
        json_t *rows = json_array(), *root = json_pack("{s:o}", "checks", rows);

        for (enum check i = 0; i < CHECK_COUNT; i++) {
                const struct check_row *row = &check_rows[i];

                json_array_append_new(rows,
                                      json_pack("{s:s, s:s, s:b, s:b, s:s, s:s, s:s}", "id", row->id, "title",
                                                row->title, "required", row->weight == CHECK_REQUIRED, "ok",
                                                answers[i].ok, "found", answers[i].found, "lost", row->lost,
                                                "mend", row->mend));
        }
        json_object_set(root, "warm", warm);
        json_object_set_new(root, "isolation", isolation ? json_loads(isolation, 0, NULL) : json_null());
        json_dumpf(root, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(root);
}

static size_t count_runtimes(const struct config *config)
{
        struct catalog catalog;
        struct err err = { 0 };
        size_t n;

        if (catalog_load(config, &catalog, &err) < 0) {
                cli_fail(0, "%s", err.text);
                return 0;
        }
        n = catalog.n_runtimes;
        catalog_deinit(&catalog);
        return n;
}

/* What every native result says of the engine, or NULL where it cannot be told. */
static const char *tell_isolation(const struct config *config, char json[ISOLATION_JSON_MAX])
{
        struct isolation isolation;
        struct err err = { 0 };

        if (isolation_look(config->cgroup_parent, NULL, &isolation, &err) < 0)
                return NULL;
        isolation_json(&isolation, json);
        return json;
}

static int conclude(const struct check_answer *answers, bool quiet)
{
        size_t n[ARRAY_LEN(marks)] = { 0 };

        for (enum check i = 0; i < CHECK_COUNT; i++)
                n[mark_of(i, &answers[i])]++;
        if (!quiet)
                printf("\n%zu ok, %zu weak, %zu missing: %s\n", n[MARK_OK], n[MARK_ADVICE], n[MARK_MISSING],
                       n[MARK_MISSING] > 0 ? "the engine refuses to serve here"
                                           : "the engine can serve here");
        return n[MARK_MISSING] > 0 ? EXIT_WRONG : 0;
}

int cli_doctor(int argc, char **argv)
{
        const char *environment = getenv("CODERUNR_URL");
        const char *url = environment && *environment ? environment : "http://127.0.0.1:2000";
        bool json = false, attacks = false;
        const struct flag flags[] = {
                { "json", 'j', FLAG_SWITCH, &json, NULL, "as JSON" },
                { "attacks", 0, FLAG_SWITCH, &attacks, NULL,
                  "attack the engine at --url as hostile programs would" },
                { "url", 'u', FLAG_VALUE, &url, "URL", "the engine to attack; else $CODERUNR_URL" },
                { 0 },
        };
        const struct cli_help text = {
                "coderunr doctor [--json] [--OPTION=VALUE…]\n       coderunr doctor --attacks [--url URL]",
                "Ask this host for everything the engine needs: what is there, what is lost without it, what "
                "mends it.",
                flags,
                "Exit status 1 when something required is missing; then coderunr serve refuses to start.",
        };
        struct check_answer answers[CHECK_COUNT];
        char json_text[ISOLATION_JSON_MAX];
        struct arguments arguments;
        const char *isolation;
        struct config config;
        json_t *warm;
        int status = cli_parse(&text, false, &arguments, argc, argv);

        if (status)
                return status - 1;
        if (arguments.operands.n > 0)
                return cli_fail(EXIT_USAGE, "doctor takes options only, not '%s'", arguments.operands.p[0]);
        if (attacks)
                return cli_attacks(url);
        if (!cli_config_load(&arguments, &config))
                return EXIT_WRONG;
        log_open(LOG_ERROR, "doctor");
        checks_run(&(struct checks_ask){ config.data_directory, config.uid_base, UIDS,
                                         count_runtimes(&config), config.cgroup_parent },
                   answers);
        isolation = tell_isolation(&config, json_text);
        warm = doctor_warm_look();
        if (json) {
                print_json(answers, isolation, warm);
        } else {
                print_table(answers);
                printf("\nisolation %s\n", isolation ? isolation : "unknown");
                doctor_warm_print(warm, (uint64_t)config.warm_idle_time);
        }
        json_decref(warm);
        config_deinit(&config);
        return conclude(answers, json);
}

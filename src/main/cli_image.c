/*
 * `coderunr image pull NAME | list | remove NAME`: the images of this host, for manifests that say `image:`.  Works without
 * an engine; one that runs sees what was pulled when it is started again.
 */
#include "main/cli.h"
#include "config/config.h"
#include "main/arguments.h"
#include "main/image_pull.h"
#include "util/err.h"

#include <jansson.h>
#include <stdio.h>
#include <time.h>

#define BRIEF 19 /* of a digest in the table: "sha256-" and twelve digits */

struct words_of_image {
        struct arguments arguments;
        bool json, plain_http;
        const char *authfile;
};

/* ---- list ---- */

static int print_row(void *arg, const char *name, const char *digest, uint64_t bytes, int64_t pulled)
{
        time_t when = (time_t)pulled;
        char day[16];
        struct tm tm;

        (void)arg;
        strftime(day, sizeof(day), "%Y-%m-%d", gmtime_r(&when, &tm));
        printf("%-48s %-*.*s %6llu MiB  %s\n", name, BRIEF, BRIEF, digest,
               (unsigned long long)((bytes + MIB - 1) / MIB), day);
        return 0;
}

static int collect_row(void *arg, const char *name, const char *digest, uint64_t bytes, int64_t pulled)
{
        json_t *row = json_pack("{s:s, s:s, s:I, s:I}", "name", name, "digest", digest, "bytes",
                                (json_int_t)bytes, "pulled", (json_int_t)pulled);

        return json_array_append_new(arg, row) < 0 ? -ENOMEM : 0;
}

static int list(const struct words_of_image *words, const struct config *config, struct err *err)
{
        json_t *rows;
        int r;

        if (words->arguments.operands.n > 0)
                return cli_fail(EXIT_USAGE, "image list takes no name");
        if (!words->json) {
                printf("%-48s %-*s %10s  %s\n", "NAME", BRIEF, "DIGEST", "SIZE", "PULLED");
                r = image_each(config, print_row, NULL, err);
                return r < 0 ? cli_fail(EXIT_WRONG, "%s", err->text) : 0;
        }
        rows = json_array();
        r = image_each(config, collect_row, rows, err);
        if (r == 0 && json_dumpf(rows, stdout, JSON_INDENT(2)) < 0)
                r = err_set(err, -EIO, "the list could not be written");
        json_decref(rows);
        if (r == 0)
                putchar('\n');
        return r < 0 ? cli_fail(EXIT_WRONG, "%s", err->text) : 0;
}

/* ---- pull, remove ---- */

static int pull(const struct words_of_image *words, const struct config *config, struct err *err)
{
        char name[IMAGE_NAME_MAX], digest[IMAGE_DIGEST_MAX];
        struct image_pull order = { name, words->authfile, words->plain_http };

        if (words->arguments.operands.n != 1)
                return cli_fail(EXIT_USAGE, "image pull takes one name, as python:alpine");
        if (image_name(words->arguments.operands.p[0], name, err) < 0)
                return cli_fail(EXIT_USAGE, "%s", err->text);
        if (image_pull(config, &order, digest, err) < 0)
                return cli_fail(EXIT_WRONG, "%s", err->text);
        printf("%s %s\n", name, digest);
        return 0;
}

static int remove_image(const struct words_of_image *words, const struct config *config, struct err *err)
{
        char name[IMAGE_NAME_MAX];
        int r;

        if (words->arguments.operands.n != 1)
                return cli_fail(EXIT_USAGE, "image remove takes one name, as image list prints it");
        if (image_name(words->arguments.operands.p[0], name, err) < 0)
                return cli_fail(EXIT_USAGE, "%s", err->text);
        r = image_remove(config, name, err);
        if (r == IMAGE_ABSENT)
                return cli_fail(EXIT_WRONG, "there is no image %s; coderunr image list shows those there are",
                                name);
        return r < 0 ? cli_fail(EXIT_WRONG, "%s", err->text) : 0;
}

static const struct act {
        const char *name;
        int (*run)(const struct words_of_image *words, const struct config *config, struct err *err);
} acts[] = {
        { "pull", pull }, { "list", list }, { "ls", list }, { "remove", remove_image }, { "rm", remove_image }
};

int cli_image(int argc, char **argv)
{
        struct words_of_image words = { .json = false };
        const struct flag flags[] = {
                { "json", 'j', FLAG_SWITCH, &words.json, NULL, "list: as JSON" },
                { "plain-http", 0, FLAG_SWITCH, &words.plain_http, NULL,
                  "pull: a registry without TLS, or whose certificate nobody vouches for" },
                { "authfile", 0, FLAG_VALUE, &words.authfile, "FILE",
                  "pull: names and passwords of registries, as docker login writes them" },
                { 0 },
        };
        const struct cli_help text = {
                "coderunr image pull NAME | list | remove NAME [--OPTION=VALUE…]",
                "The container images whose files runtimes may use: image: NAME in a "
                "manifest.",
                flags,
                "Needs skopeo and umoci to pull.  An engine that runs sees changes when "
                "it is started again."
        };
        const struct act *act = NULL;
        struct config config;
        struct err err = { "" };
        int status;

        for (size_t i = 0; i < ARRAY_LEN(acts) && argc > 0; i++)
                if (streq(argv[0], acts[i].name))
                        act = &acts[i];
        if (!act && (argc == 0 || argv[0][0] != '-'))
                return cli_fail(EXIT_USAGE, "image is followed by pull NAME, list or remove NAME");
        status = cli_parse(&text, false, &words.arguments, act ? argc - 1 : argc, act ? argv + 1 : argv);
        if (status)
                return status - 1;
        if (!act)
                return cli_fail(EXIT_USAGE, "image is followed by pull NAME, list or remove NAME");
        if (!cli_config_load(&words.arguments, &config))
                return EXIT_WRONG;
        status = act->run(&words, &config, &err);
        config_deinit(&config);
        return status;
}

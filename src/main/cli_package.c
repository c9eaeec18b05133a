/*
 * `coderunr package`: the packages of an engine, asked for over its HTTP door; nothing is installed by this process.
 *
 * `ppman` is the name of Piston's command, whose `spec` makes the engine have what the file says and nothing else; under the
 * names of CodeRunr's, `package` and `pkg`, it only installs.
 */
#include "main/cli.h"
#include "main/arguments.h"
#include "main/engine.h"
#include "main/package_spec.h"
#include "util/bytes.h"
#include "util/err.h"

#include <stdio.h>
#include <time.h>

enum { SPEC_CAP = 1 << 20, WAIT_SECONDS = 60 };

static const char packages_path[] = "/api/v2/packages";

/* The flags every subcommand takes. */
struct common {
        const char *url;
        const char *output;
        bool json, verbose;
};

#define COMMON_FLAGS(common)                                                                                 \
        { "verbose", 'v', FLAG_SWITCH, &(common).verbose, NULL, NULL },                                      \
                { "output", 0, FLAG_VALUE, &(common).output, "FORMAT", "auto, plain or json" },              \
                ENGINE_FLAG(&(common).url), { "piston-url", 0, FLAG_VALUE, &(common).url, "URL", NULL },     \
        {                                                                                                    \
                0                                                                                            \
        }

static int parse(const struct cli_help *help, struct common *common, struct arguments *arguments, int argc,
                 char **argv)
{
        int status;

        common->url = engine_url();
        status = cli_parse(help, false, arguments, argc, argv);
        if (status)
                return status;
        if (arguments->config.n > 0)
                return cli_fail(EXIT_USAGE, "%s belongs to the engine; give it to coderunr serve",
                                arguments->config.p[0]) +
                       1;
        return cli_output(common->output, &common->json) ? 0 : EXIT_USAGE + 1;
}

static const char *text_of(const json_t *row, const char *key)
{
        const char *text = json_string_value(json_object_get(row, key));

        return text ? text : "";
}

/* ---- list ---- */

static int fetch(const char *url, json_t **ret_rows)
{
        long http_status;
        int status = engine_ask(url, "GET", packages_path, NULL, ret_rows, &http_status);

        if (status == 0 && http_status != 200) {
                status = cli_fail(EXIT_ENGINE, "%s", engine_message(*ret_rows));
                json_decref(*ret_rows);
                *ret_rows = NULL;
        }
        return status;
}

static void keep_language(json_t *rows, const char *language)
{
        for (size_t i = json_array_size(rows); language && i > 0; i--)
                if (!streq(text_of(json_array_get(rows, i - 1), "language"), language))
                        json_array_remove(rows, i - 1);
}

static void print_packages(const json_t *rows)
{
        const json_t *row;
        size_t i;

        json_array_foreach(rows, i, row)
        {
                printf("%-20s %-14s %s\n", text_of(row, "language"), text_of(row, "language_version"),
                       json_is_true(json_object_get(row, "installed")) ? "installed" : "available");
        }
}

static int list(int argc, char **argv, bool prunes)
{
        const char *language = NULL;
        struct common common = { 0 };
        const struct flag flags[] = {
                { "language", 'l', FLAG_VALUE, &language, "NAME", "only the packages of this name" },
                { "json", 'j', FLAG_SWITCH, &common.json, NULL, "as the engine answered" },
                COMMON_FLAGS(common),
        };
        const struct cli_help text = { "coderunr package list [OPTION…] [NAME]",
                                       "List the packages of the engine's index.", flags, NULL };
        struct arguments arguments;
        json_t *rows = NULL;
        int status = parse(&text, &common, &arguments, argc, argv);

        if (status)
                return status - 1;
        if (arguments.operands.n > 1)
                return cli_fail(EXIT_USAGE, "list takes one name, not %zu", arguments.operands.n);
        status = fetch(common.url, &rows);
        if (status)
                return status;
        keep_language(rows, arguments.operands.n ? arguments.operands.p[0] : language);
        if (common.json)
                status =
                        json_dumpf(rows, stdout, JSON_INDENT(2)) < 0 || putchar('\n') == EOF ? EXIT_WRONG : 0;
        else
                print_packages(rows);
        json_decref(rows);
        return status;
}

/* ---- install, uninstall ---- */

struct act {
        const char *method;
        const char *done, *doing;
};

static const struct act install_act = { "POST", "installed", "install" };
static const struct act uninstall_act = { "DELETE", "uninstalled", "uninstall" };

/* Ask for one change and say what became of it. */
static int change(const char *url, const struct act *act, const char *name, const char *range)
{
        json_t *body = json_pack("{s:s, s:s}", "language", name, "version", range), *reply = NULL;
        long http_status;
        int status = body ? engine_ask(url, act->method, packages_path, body, &reply, &http_status)
                          : cli_fail(EXIT_USAGE, "'%s' is not UTF-8 text", name);

        if (status == 0 && http_status >= 200 && http_status < 300) {
                const char *version = text_of(reply, "version");

                printf("%s %s %s\n", act->done, name, *version ? version : range);
                fflush(stdout);
        } else if (status == 0) {
                status = cli_fail(EXIT_WRONG, "could not %s %s %s: %s", act->doing, name, range,
                                  engine_message(reply));
        }
        json_decref(reply);
        json_decref(body);
        return status;
}

/* "python", "python=3.x" and "python==3.x" as Piston and CodeRunr write it, "python>=3.10" as one would. */
static int change_word(const char *url, const struct act *act, const char *word)
{
        size_t n = strcspn(word, "=<>~^");
        const char *range = word + n;
        char name[256];

        if (n == 0 || n >= sizeof(name))
                return cli_fail(EXIT_USAGE, "'%s' names no package; write NAME or NAME=RANGE", word);
        snprintf(name, sizeof(name), "%.*s", (int)n, word);
        for (int i = 0; i < 2 && *range == '='; i++)
                range++;
        return change(url, act, name, *range ? range : "*");
}

static int change_all(const struct act *act, int argc, char **argv)
{
        struct common common = { 0 };
        const struct flag flags[] = { COMMON_FLAGS(common) };
        char usage[128], what[128];
        const struct cli_help text = { usage, what, flags,
                                       "RANGE is a range of versions; the newest counts." };
        struct arguments arguments;
        int status, worst = 0;

        snprintf(usage, sizeof(usage), "coderunr package %s [OPTION…] NAME[=RANGE]…", act->doing);
        snprintf(what, sizeof(what), "Have the engine %s packages.", act->doing);
        status = parse(&text, &common, &arguments, argc, argv);
        if (status)
                return status - 1;
        if (arguments.operands.n == 0)
                return cli_fail(EXIT_USAGE, "%s needs the name of a package", act->doing);
        for (size_t i = 0; i < arguments.operands.n && worst != EXIT_ENGINE; i++) {
                status = change_word(common.url, act, arguments.operands.p[i]);
                worst = MAX(worst, status);
        }
        return worst;
}

static int install(int argc, char **argv, bool prunes)
{
        return change_all(&install_act, argc, argv);
}

static int uninstall(int argc, char **argv, bool prunes)
{
        return change_all(&uninstall_act, argc, argv);
}

/* ---- spec ---- */

struct spec {
        const char *file;
        const char *url;
        bool prunes;
        struct package *packages;
        size_t n_packages;
        int status;
};

static void on_idle(void *arg, unsigned line, const char *glob, const char *range)
{
        struct spec *spec = arg;

        spec->status =
                cli_fail(EXIT_WRONG, "%s:%u: the index has no package %s %s", spec->file, line, glob, range);
}

static int load_packages(struct spec *spec, const json_t *rows)
{
        const json_t *row;
        size_t i;

        spec->packages = calloc(json_array_size(rows) + 1, sizeof(*spec->packages));
        if (!spec->packages)
                return cli_fail(EXIT_WRONG, "out of memory");
        json_array_foreach(rows, i, row)
        {
                spec->packages[spec->n_packages++] =
                        (struct package){ text_of(row, "language"), text_of(row, "language_version"),
                                          json_is_true(json_object_get(row, "installed")), false };
        }
        return 0;
}

/* Installing first: what an engine offers never gets less on the way to more. */
static int act_on(const struct spec *spec)
{
        int worst = 0, status;

        for (int pass = 0; pass < (spec->prunes ? 2 : 1); pass++)
                for (size_t i = 0; i < spec->n_packages && worst != EXIT_ENGINE; i++) {
                        const struct package *package = &spec->packages[i];

                        if (package->wanted == package->installed || package->wanted != (pass == 0))
                                continue;
                        status = change(spec->url, pass ? &uninstall_act : &install_act, package->name,
                                        package->version);
                        worst = MAX(worst, status);
                }
        return worst;
}

static int apply(struct spec *spec, const struct bytes *text)
{
        struct err err = { 0 };
        json_t *rows = NULL;
        int status = fetch(spec->url, &rows);

        if (status)
                return status;
        status = load_packages(spec, rows);
        if (status == 0 &&
            package_spec_apply(bytes_view(text), spec->packages, spec->n_packages, on_idle, spec, &err) < 0)
                status = cli_fail(EXIT_USAGE, "%s:%s", spec->file, err.text);
        if (status == 0)
                status = act_on(spec);
        free(spec->packages);
        json_decref(rows);
        return MAX(status, spec->status);
}

static int read_and_apply(struct spec *spec, const char *patience)
{
        struct bytes text CLEANUP(bytes_deinit) = BYTES_INIT(SPEC_CAP);
        struct err err = { 0 };
        int r = bytes_read_file(&text, spec->file);

        if (r < 0) {
                (void)err_errno(&err, r, "%s", spec->file);
                return cli_fail(EXIT_USAGE, "%s", err.text);
        }
        r = engine_wait(spec->url, patience);
        return r ? r : apply(spec, &text);
}

static int apply_spec(int argc, char **argv, bool prunes)
{
        struct common common = { 0 };
        const char *patience = "60s";
        bool keep = false;
        struct spec spec = { .prunes = prunes };
        const struct flag flags[] = {
                { "prune", 0, FLAG_SWITCH, &spec.prunes, NULL,
                  "uninstall what no line wants, as ppman does" },
                { "keep", 0, FLAG_SWITCH, &keep, NULL, "uninstall nothing, as package and pkg do" },
                { "wait", 0, FLAG_VALUE, &patience, "TIME", "how long the engine may take to be there; 60s" },
                COMMON_FLAGS(common),
        };
        const struct cli_help text = {
                "coderunr package spec [OPTION…] FILE",
                "Have the engine install what FILE wants: lines of GLOB RANGE, of which the newest counts;\n"
                "! in front takes back; # begins a comment.",
                flags,
                "coderunr ppman spec also uninstalls what no line wants.",
        };
        struct arguments arguments;
        int status = parse(&text, &common, &arguments, argc, argv);

        if (status)
                return status - 1;
        if (arguments.operands.n != 1)
                return cli_fail(EXIT_USAGE, "spec needs one file, not %zu", arguments.operands.n);
        spec.file = arguments.operands.p[0];
        spec.url = common.url;
        spec.prunes = spec.prunes && !keep;
        return read_and_apply(&spec, patience);
}

/* ---- which ---- */

static int build(int argc, char **argv, bool prunes)
{
        return cli_package_build(argc, argv);
}

static const struct action {
        const char *name;
        char letter;
        int (*run)(int argc, char **argv, bool prunes);
        const char *text;
} actions[] = {
        { "list", 'l', list, "the packages of the engine's index" },
        { "install", 'i', install, "install packages" },
        { "uninstall", 'u', uninstall, "uninstall packages" },
        { "spec", 's', apply_spec, "install what a file wants" },
        { "build", 'b', build, "make an archive and its index line of a source folder" },
};

static int print_help(const char *name)
{
        printf("usage: coderunr %s ACTION [OPTION…] [ARGUMENT…]\n\n", name);
        for (size_t i = 0; i < ARRAY_LEN(actions); i++)
                printf("  %-10s %s\n", actions[i].name, actions[i].text);
        printf("\ncoderunr %s ACTION --help says more.\n", name);
        return 0;
}

/* The options that stand in front of the action are its own; -u and --output take the next word, too. */
static int front_of(int argc, char **argv)
{
        int i = 0;

        while (i < argc && argv[i][0] == '-')
                i += streq(argv[i], "-u") || streq(argv[i], "--url") || streq(argv[i], "--piston-url") ||
                                     streq(argv[i], "--output")
                             ? 2
                             : 1;
        return MIN(i, argc);
}

static int dispatch(const char *name, bool prunes, int argc, char **argv)
{
        int front = front_of(argc, argv);
        const char *word = front < argc ? argv[front] : NULL;

        if (argc > 0 && (streq(argv[0], "--help") || streq(argv[0], "-h")))
                return print_help(name);
        if (!word)
                return print_help(name) + EXIT_USAGE;
        for (size_t i = 0; i < ARRAY_LEN(actions); i++)
                if (streq(actions[i].name, word) || (word[0] == actions[i].letter && !word[1])) {
                        memmove(argv + 1, argv, (size_t)front * sizeof(*argv));
                        return actions[i].run(argc - 1, argv + 1, prunes);
                }
        return cli_fail(EXIT_USAGE, "%s has no action '%s'; coderunr %s --help lists them", name, word, name);
}

int cli_package(int argc, char **argv)
{
        return dispatch("package", false, argc, argv);
}

int cli_ppman(int argc, char **argv)
{
        return dispatch("ppman", true, argc, argv);
}

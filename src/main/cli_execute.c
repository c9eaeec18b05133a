/*
 * `coderunr execute LANGUAGE FILE [ARGUMENT…]`: the words of CodeRunr's and Piston's command line.  Their -i is a switch, their
 * -t means interactive, and options may stand behind the file; what is done then is launch(), as for `run`.
 *
 * Unlike Piston's, both timeouts are sent only when they are asked for, and the program stands in front of its --files.
 */
#include "main/cli.h"
#include "main/arguments.h"
#include "main/engine.h"
#include "main/launch.h"
#include "util/err.h"

struct words_of_execute {
        struct launch launch;
        struct arguments arguments;
        bool reads_stdin;
        const char *output; /* auto, json or plain */
};

static int parse(struct words_of_execute *words, bool aloud, int argc, char **argv)
{
        struct launch *launch = &words->launch;
        const struct flag flags[] = {
                { "language-version", 'l', FLAG_VALUE, &launch->request.version, "RANGE",
                  "version range of the language; default *" },
                { "stdin", 'i', FLAG_SWITCH, &words->reads_stdin, NULL, "our stdin is the program's" },
                { "run-timeout", 'r', FLAG_VALUE, &launch->request.limits[0], "TIME",
                  "wall-clock limit: 500 (milliseconds), 2s" },
                { "rt", 0, FLAG_VALUE, &launch->request.limits[0], "TIME", NULL },
                { "compile-timeout", 'c', FLAG_VALUE, &launch->request.limits[3], "TIME",
                  "wall-clock limit of compiling" },
                { "ct", 0, FLAG_VALUE, &launch->request.limits[3], "TIME", NULL },
                { "files", 'f', FLAG_VALUES, &launch->request.extra_files, "FILE",
                  "place FILE beside it; may be repeated" },
                { "interactive", 't', FLAG_SWITCH, &launch->interactive, NULL,
                  "over WebSocket: output as it comes, stdin and signals passed on" },
                { "status", 's', FLAG_SWITCH, &launch->status, NULL,
                  "say on stderr how each stage ended and what it used" },
                { "verbose", 'v', FLAG_SWITCH, &launch->status, NULL, NULL },
                { "output", 0, FLAG_VALUE, &words->output, "FORMAT", "json: the engine's whole answer" },
                ENGINE_FLAG(&launch->url),
                { "piston-url", 0, FLAG_VALUE, &launch->url, "URL", NULL },
                { 0 },
        };
        const struct cli_help text = {
                "coderunr execute [OPTION…] LANGUAGE FILE [ARGUMENT…]",
                "Run FILE through an engine, as CodeRunr's and Piston's command lines do; `coderunr run` is "
                "shorter.",
                flags,
                "Behind -- no word is an option.  Exit status: as of `coderunr run`.",
        };
        struct err err = { 0 };

        *words = (struct words_of_execute){ .launch.request.version = "*" };
        return aloud ? cli_parse(&text, false, &words->arguments, argc, argv)
                     : arguments_parse(&words->arguments, flags, false, argc, argv, &err);
}

static bool is_file(const char *word)
{
        return streq(word, "-") || access(word, F_OK) == 0;
}

bool cli_execute_wants(int argc, char **argv)
{
        struct words_of_execute words;

        return parse(&words, false, argc, argv) == 0 && words.arguments.operands.n >= 2 &&
               !is_file(words.arguments.operands.p[0]) && is_file(words.arguments.operands.p[1]);
}

int cli_execute(int argc, char **argv)
{
        struct words_of_execute words;
        struct launch *launched = &words.launch;
        int status = parse(&words, true, argc, argv);

        if (status)
                return status - 1;
        if (words.arguments.config.n > 0)
                return cli_fail(EXIT_USAGE, "%s belongs to the engine; give it to coderunr serve",
                                words.arguments.config.p[0]);
        if (words.arguments.operands.n < 2)
                return cli_fail(EXIT_USAGE,
                                "execute needs a language and a file; coderunr execute --help says more");
        if (!cli_output(words.output, &launched->json))
                return EXIT_USAGE;
        if (!launched->url)
                launched->url = engine_url();
        launched->request.language = words.arguments.operands.p[0];
        launched->request.file = words.arguments.operands.p[1];
        launched->request.args = words.arguments.operands.p + 2;
        launched->request.no_stdin = launched->interactive || !words.reads_stdin;
        return launch(launched);
}

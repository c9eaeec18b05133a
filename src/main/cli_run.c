/*
 * `coderunr run`: one file through an engine.  CodeRunr's and Piston's `run` name the language first; theirs is meant when the
 * first word is no file and the second is.
 */
#include "main/cli.h"
#include "main/arguments.h"
#include "main/engine.h"
#include "main/launch.h"
#include "util/err.h"

/* Is there a program in front, as in `run FILE`? */
static bool names_program(const struct arguments *arguments)
{
        return arguments->operands.n == 0 || streq(arguments->operands.p[0], "-") ||
               access(arguments->operands.p[0], F_OK) == 0;
}

static bool is_execute(const struct flag *flags, int argc, char **argv)
{
        struct arguments arguments;
        struct err err = { 0 };
        int r = arguments_parse(&arguments, flags, true, argc, argv, &err);

        return (r < 0 || (r == 0 && !names_program(&arguments))) && cli_execute_wants(argc, argv);
}

int cli_run(int argc, char **argv)
{
        static const struct launch fresh = { .request.version = "*" };
        struct launch run = fresh;
        struct request *request = &run.request;
        const struct flag flags[] = {
                { "lang", 'l', FLAG_VALUE, &request->language, "NAME", "language; else the extension says" },
                { "version", 0, FLAG_VALUE, &request->version, "RANGE",
                  "version range of the language; default *" },
                { "file", 'f', FLAG_VALUES, &request->extra_files, "FILE",
                  "place FILE beside it; may be repeated" },
                { "stdin", 'i', FLAG_VALUE, &request->stdin_file, "FILE", "the program's stdin; else ours" },
                { "time", 't', FLAG_VALUE, &request->limits[0], "TIME", "wall-clock limit: 500ms, 2s" },
                { "cpu-time", 0, FLAG_VALUE, &request->limits[1], "TIME", "CPU limit" },
                { "memory", 'm', FLAG_VALUE, &request->limits[2], "SIZE", "memory limit: 64MiB" },
                { "compile-time", 0, FLAG_VALUE, &request->limits[3], "TIME",
                  "wall-clock limit of compiling" },
                { "compile-cpu-time", 0, FLAG_VALUE, &request->limits[4], "TIME", "CPU limit of compiling" },
                { "compile-memory", 0, FLAG_VALUE, &request->limits[5], "SIZE", "memory limit of compiling" },
                { "no-cache", 0, FLAG_SWITCH, &request->fresh, NULL,
                  "compile it now, whatever is kept of it" },
                { "cold", 0, FLAG_SWITCH, &request->cold, NULL,
                  "start its interpreter now, though one is up" },
                { "timing", 0, FLAG_SWITCH, &request->timing, NULL,
                  "say on stderr where the time went, in microseconds" },
                ENGINE_FLAG(&run.url),
                { "status", 's', FLAG_SWITCH, &run.status, NULL,
                  "say on stderr how each stage ended and what it used" },
                { "json", 'j', FLAG_SWITCH, &run.json, NULL, "print the engine's whole answer" },
                { 0 },
        };
        const struct cli_help text = {
                "coderunr run [OPTION…] FILE [ARGUMENT…]",
                "Run FILE (- is stdin) through an engine; what follows it are the program's arguments.",
                flags,
                "Exit status: the program's own, its signal too; 1 it does not compile, 2 usage, 123 wrote "
                "too much,\n"
                "124 used up its time, 125 no answer or a fault of the engine.",
        };
        struct arguments arguments;
        int status;

        if (is_execute(flags, argc, argv))
                return cli_execute(argc, argv);
        run = fresh;
        run.url = engine_url();
        status = cli_parse(&text, true, &arguments, argc, argv);
        if (status)
                return status - 1;
        if (arguments.config.n > 0)
                return cli_fail(EXIT_USAGE, "%s belongs to the engine; give it to coderunr serve",
                                arguments.config.p[0]);
        if (arguments.operands.n == 0)
                return cli_fail(EXIT_USAGE, "run needs a file; coderunr run --help says more");
        request->file = arguments.operands.p[0];
        request->args = arguments.operands.p + 1;
        return launch(&run);
}

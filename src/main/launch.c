/*
 * Nothing is run here; without an engine there is no answer.  Ctrl-C needs no code in a launch that is not interactive: the
 * process ends, the connection closes, the engine cancels the job.
 */
#include "main/launch.h"
#include "main/cli.h"
#include "main/ending.h"
#include "main/engine.h"
#include "main/session.h"
#include "main/timing.h"
#include "util/clock.h"
#include "util/err.h"

#include <stdio.h>

/* The usual extensions, so that the usual file needs one call; the engine is asked about any other. */
static const struct extension {
        const char *extension;
        const char *language;
} extensions[] = {
        { "py", "python" },  { "js", "javascript" }, { "mjs", "javascript" }, { "ts", "typescript" },
        { "cc", "c++" },     { "cpp", "c++" },       { "cxx", "c++" },        { "go", "go" },
        { "rs", "rust" },    { "rb", "ruby" },       { "pl", "perl" },        { "php", "php" },
        { "lua", "lua" },    { "sh", "bash" },       { "java", "java" },      { "pas", "pascal" },
        { "pp", "pascal" },  { "f90", "fortran" },   { "f95", "fortran" },    { "f", "fortran" },
        { "hs", "haskell" }, { "ml", "ocaml" },      { "awk", "awk" },        { "tcl", "tcl" },
        { "scm", "scheme" }, { "lisp", "lisp" },     { "erl", "erlang" },     { "ex", "elixir" },
        { "exs", "elixir" }, { "d", "d" },           { "adb", "ada" },        { "m", "octave" },
        { "r", "r" },        { "R", "r" },           { "jl", "julia" },       { "nim", "nim" },
        { "cs", "csharp" },  { "kt", "kotlin" },     { "scala", "scala" },    { "zig", "zig" },
};

static bool runtime_answers_to(const json_t *runtime, const char *name)
{
        const json_t *aliases = json_object_get(runtime, "aliases"), *alias;
        const char *language = json_string_value(json_object_get(runtime, "language"));
        size_t i;

        if (language && streq(language, name))
                return true;
        json_array_foreach(aliases, i, alias)
        {
                if (json_is_string(alias) && streq(json_string_value(alias), name))
                        return true;
        }
        return false;
}

static int ask_for_language(struct launch *launch, const char *extension)
{
        json_t *runtimes, *runtime;
        bool known = false;
        long status;
        size_t i;
        int r = engine_ask(launch->url, "GET", "/api/v2/runtimes", NULL, &runtimes, &status);

        if (r)
                return r;
        json_array_foreach(runtimes, i, runtime)
        {
                known = known || runtime_answers_to(runtime, extension);
        }
        json_decref(runtimes);
        if (!known)
                return cli_fail(EXIT_USAGE, "no language is known by the extension .%s; name it with --lang",
                                extension);
        launch->request.language = extension;
        return 0;
}

static int find_language(struct launch *launch)
{
        const char *extension = request_extension(launch->request.file);

        for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
                if (streq(extensions[i].extension, extension))
                        launch->request.language = extensions[i].language;
        if (!streq(launch->request.file, "-") && access(launch->request.file, F_OK) < 0)
                return cli_fail(EXIT_USAGE, "%s: %m", launch->request.file);
        if (launch->request.language)
                return 0;
        if (!*extension)
                return cli_fail(EXIT_USAGE, "%s has no extension; name its language with --lang",
                                launch->request.file);
        return ask_for_language(launch, extension);
}

static void put(FILE *stream, const json_t *stage, const char *key)
{
        const json_t *text = json_object_get(stage, key);

        if (json_is_string(text))
                fwrite(json_string_value(text), 1, json_string_length(text), stream);
        fflush(stream);
}

/* Both streams of a compiler are remarks about the program, not its output. */
static void show(const struct launch *launch, const char *name, const json_t *stage)
{
        if (!launch->json) {
                put(streq(name, "run") ? stdout : stderr, stage, "stdout");
                put(stderr, stage, "stderr");
        }
        if (launch->status)
                ending_print(name, stage);
}

static int show_all(const struct launch *launch, const json_t *reply)
{
        const json_t *compile = json_object_get(reply, "compile"), *run = json_object_get(reply, "run");

        if (launch->json) {
                json_dumpf(reply, stdout, JSON_INDENT(2));
                putchar('\n');
                fflush(stdout);
        }
        if (json_is_object(compile)) {
                show(launch, "compile", compile);
                if (!ending_is_good(compile))
                        return ending_of(launch->request.file, compile, true);
        }
        if (!json_is_object(run))
                return cli_fail(EXIT_ENGINE, "the answer holds no run; is %s an engine?", launch->url);
        show(launch, "run", run);
        return ending_of(launch->request.file, run, false);
}

static int send_and_show(const struct launch *launch, const json_t *body)
{
        uint64_t start_ns = clock_now_ns();
        json_t *reply = NULL;
        long status;
        int r = engine_ask(launch->url, "POST", "/api/v2/execute", body, &reply, &status);

        start_ns = clock_now_ns() - start_ns;
        if (r == 0 && status == 200) {
                if (launch->request.timing)
                        timing_print(reply, start_ns);
                r = show_all(launch, reply);
        } else if (r == 0) {
                r = cli_fail(EXIT_ENGINE, "%s", engine_message(reply));
        }
        json_decref(reply);
        return r;
}

int launch(struct launch *launch)
{
        struct err err = { 0 };
        json_t *body;
        int r = launch->request.language ? 0 : find_language(launch);

        if (r)
                return r;
        if (request_object(&launch->request, &body, &err) < 0)
                return cli_fail(EXIT_USAGE, "%s", err.text);
        if (launch->interactive)
                r = session(launch, body);
        else
                r = send_and_show(launch, body);
        json_decref(body);
        return r;
}

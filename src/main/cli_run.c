/*
 * `coderunr run`: one file through an engine's own door, with the manners of a local program: its stdout is our
 * stdout, its stderr our stderr, its exit status and its signal ours.  Nothing is run here; without an engine there is
 * no answer.
 *
 * Ctrl-C needs no code: the process ends, the connection closes, the engine cancels the job.
 */
#include "main/cli.h"
#include "main/arguments.h"
#include "main/http.h"
#include "main/request.h"
#include "util/err.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

enum { REPLY_CAP = 1 << 30, BODY_CAP = 1 << 28 };

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

struct run {
        struct request request;
        const char *url;
        bool json;
};

static int call(const struct run *run, const char *path, const struct bytes *body, json_t **ret_reply,
                long *ret_status)
{
        struct bytes answer CLEANUP(bytes_deinit) = BYTES_INIT(REPLY_CAP);
        struct err err = { 0 };
        char url[1024];

        snprintf(url, sizeof(url), "%s%s", run->url, path);
        if (http_call(url, body, &answer, ret_status, &err) < 0)
                return cli_fail(EXIT_ENGINE, "%s", err.text);
        *ret_reply = json_loadb(answer.p ? answer.p : "", answer.n, JSON_ALLOW_NUL, NULL);
        if (!*ret_reply)
                return cli_fail(EXIT_ENGINE, "%s answered %ld without JSON; is it an engine?", url,
                                *ret_status);
        return 0;
}

static bool runtime_answers_to(json_t *runtime, const char *name)
{
        json_t *aliases = json_object_get(runtime, "aliases"), *alias;
        const char *language = json_string_value(json_object_get(runtime, "language"));
        size_t i;

        if (language && streq(language, name))
                return true;
        json_array_foreach(aliases, i, alias) if (json_is_string(alias) &&
                                                  streq(json_string_value(alias), name)) return true;
        return false;
}

static int find_language(struct run *run)
{
        const char *extension = request_extension(run->request.file);
        json_t *runtimes, *runtime;
        bool known = false;
        long status;
        size_t i;
        int r;

        for (i = 0; i < ARRAY_LEN(extensions); i++)
                if (streq(extensions[i].extension, extension))
                        run->request.language = extensions[i].language;
        if (run->request.language)
                return 0;
        if (!*extension)
                return cli_fail(EXIT_USAGE, "%s has no extension; name its language with --lang",
                                run->request.file);
        r = call(run, "/api/v2/runtimes", NULL, &runtimes, &status);
        if (r)
                return r;
        json_array_foreach(runtimes, i, runtime) known = known || runtime_answers_to(runtime, extension);
        json_decref(runtimes);
        if (!known)
                return cli_fail(EXIT_USAGE, "no language is known by the extension .%s; name it with --lang",
                                extension);
        run->request.language = extension;
        return 0;
}

static void put(FILE *stream, json_t *stage, const char *key)
{
        json_t *text = json_object_get(stage, key);

        if (json_is_string(text))
                fwrite(json_string_value(text), 1, json_string_length(text), stream);
        fflush(stream);
}

static int signal_number(const char *name)
{
        if (strncmp(name, "SIG", 3) != 0)
                return 0;
        for (int i = 1; i < NSIG; i++) {
                const char *abbreviation = sigabbrev_np(i);

                if (abbreviation && streq(abbreviation, name + 3))
                        return i;
        }
        return 0;
}

/* End as the program did, but without leaving a core file of ours behind. */
static int end_by_signal(const char *name)
{
        int number = signal_number(name);
        sigset_t set;

        if (number == 0)
                return EXIT_ENGINE;
        setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
        sigaction(number, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
        sigemptyset(&set);
        sigaddset(&set, number);
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        raise(number);
        return 128 + number;
}

/* What the engine's word for the end means to a shell; 0: no limit and no fault, the program's own doing. */
static int status_of(const char *status)
{
        static const struct {
                const char *name;
                int status;
        } rows[] = { { "TO", EXIT_TIME }, { "OL", EXIT_LIMIT }, { "EL", EXIT_LIMIT }, { "XX", EXIT_ENGINE } };

        for (size_t i = 0; status && i < ARRAY_LEN(rows); i++)
                if (streq(rows[i].name, status))
                        return rows[i].status;
        return 0;
}

static int finish(const struct run *run, json_t *stage, const char *what, bool compiling)
{
        const char *status = json_string_value(json_object_get(stage, "status"));
        const char *message = json_string_value(json_object_get(stage, "message"));
        const char *signal_name = json_string_value(json_object_get(stage, "signal"));
        json_t *code = json_object_get(stage, "code");
        int limit = status_of(status);

        /* An exit status speaks for itself, unless the engine adds in brackets what limit led to it. */
        if (status && message && (!streq(status, "RE") || strchr(message, '(')))
                cli_fail(0, "%s: %s%s", run->request.file, what, message);
        else if (compiling)
                cli_fail(0, "%s does not compile", run->request.file);
        if (limit)
                return limit;
        if (compiling)
                return EXIT_WRONG;
        if (signal_name)
                return end_by_signal(signal_name);
        return json_is_integer(code) ? (int)(json_integer_value(code) & 0xff) : EXIT_ENGINE;
}

static bool stage_ok(json_t *stage)
{
        json_t *code = json_object_get(stage, "code");

        return json_is_integer(code) && json_integer_value(code) == 0 &&
               !json_is_string(json_object_get(stage, "status"));
}

/* Both streams of a compiler are remarks about the program, not its output. */
static int show(const struct run *run, json_t *reply)
{
        json_t *compile = json_object_get(reply, "compile"), *stage = json_object_get(reply, "run");

        if (run->json) {
                json_dumpf(reply, stdout, JSON_INDENT(2));
                putchar('\n');
                fflush(stdout);
        }
        if (json_is_object(compile)) {
                if (!run->json) {
                        put(stderr, compile, "stdout");
                        put(stderr, compile, "stderr");
                }
                if (!stage_ok(compile))
                        return finish(run, compile, "compiling: ", true);
        }
        if (!json_is_object(stage))
                return cli_fail(EXIT_ENGINE, "the answer holds no run; is %s an engine?", run->url);
        if (!run->json) {
                put(stdout, stage, "stdout");
                put(stderr, stage, "stderr");
        }
        return finish(run, stage, "", false);
}

static int execute(struct run *run)
{
        struct bytes body CLEANUP(bytes_deinit) = BYTES_INIT(BODY_CAP);
        struct err err = { 0 };
        json_t *reply;
        long status;
        int r;

        if (!run->request.language) {
                r = find_language(run);
                if (r)
                        return r;
        }
        if (request_build(&run->request, &body, &err) < 0)
                return cli_fail(EXIT_USAGE, "%s", err.text);
        r = call(run, "/api/v2/execute", &body, &reply, &status);
        if (r)
                return r;
        if (status == 200) {
                r = show(run, reply);
        } else {
                const char *message = json_string_value(json_object_get(reply, "message"));

                r = cli_fail(EXIT_ENGINE, "%s", message ? message : "the engine refused the request");
        }
        json_decref(reply);
        return r;
}

int cli_run(int argc, char **argv)
{
        const char *environment = getenv("CODERUNR_URL");
        struct run run = { .url = environment && *environment ? environment : "http://127.0.0.1:2000",
                           .request.version = "*" };
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
                { "url", 'u', FLAG_VALUE, &run.url, "URL",
                  "the engine; default CODERUNR_URL, else port 2000 here" },
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
        int status = cli_parse(&text, true, &arguments, argc, argv);

        if (status)
                return status - 1;
        if (arguments.config.n > 0)
                return cli_fail(EXIT_USAGE, "%s belongs to the engine; give it to coderunr serve",
                                arguments.config.p[0]);
        if (arguments.operands.n == 0)
                return cli_fail(EXIT_USAGE, "run needs a file; coderunr run --help says more");
        request->file = arguments.operands.p[0];
        request->args = arguments.operands.p + 1;
        return execute(&run);
}

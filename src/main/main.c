/*
 * The command line: a table of commands.  main() finds the row and hands over the words after its name; what the
 * commands share (help, the one-sentence errors, loading the configuration) is below the table.
 */
#include "main/cli.h"
#include "config/config.h"
#include "main/arguments.h"
#include "main/serve.h"
#include "util/err.h"

#include <stdarg.h>
#include <stdio.h>

static int help(int argc, char **argv);
static int version(int argc, char **argv);

static const struct command {
        const char *name;
        int (*run)(int argc, char **argv);
        const char *text; /* NULL: another name, which help leaves out */
} commands[] = {
        { "serve", cli_serve, "start the engine and serve until SIGINT or SIGTERM" },
        { "run", cli_run, "run a file through an engine" },
        { "worker", cli_worker, "run the jobs of a dispatcher on an engine" },
        { "execute", cli_execute, "the same in the words of CodeRunr and Piston: LANGUAGE FILE" },
        { "exec", cli_execute, NULL },
        { "list", cli_list, "list the languages an engine offers" },
        { "ls", cli_list, NULL },
        { "package", cli_package, "install, uninstall, list and build language packages" },
        { "pkg", cli_package, NULL },
        { "ppman", cli_ppman, NULL },
        { "image", cli_image, "pull, list and remove container images for runtimes" },
        { "key", cli_key, "make, list and revoke the API keys of an engine" },
        { "runtimes", cli_runtimes, "list the languages this host offers" },
        { "config", cli_config, "show the configuration in force and where each value came from" },
        { "doctor", cli_doctor, "show what this host has and lacks, and how to mend it" },
        { "version", version, "print the version" },
        { "help", help, "this text, or the help of a command" },
};

static const struct command *find(const char *name)
{
        for (size_t i = 0; i < ARRAY_LEN(commands); i++)
                if (streq(commands[i].name, name))
                        return &commands[i];
        return NULL;
}

static int help(int argc, char **argv)
{
        const struct command *command = argc > 0 ? find(argv[0]) : NULL;
        char *words[] = { (char *)"--help", NULL };

        if (argc > 0 && !command)
                return cli_fail(EXIT_USAGE, "there is no command '%s'; coderunr help lists them", argv[0]);
        if (command && command->run != help && command->run != version)
                return command->run(1, words);
        printf("usage: coderunr COMMAND [OPTION…] [ARGUMENT…]\n\n");
        for (size_t i = 0; i < ARRAY_LEN(commands); i++)
                if (commands[i].text)
                        printf("  %-10s %s\n", commands[i].name, commands[i].text);
        printf("\ncoderunr COMMAND --help says more; so does coderunr(1).\n");
        return 0;
}

static int version(int argc, char **argv)
{
        printf("coderunr %s\n", CODERUNR_VERSION);
        return 0;
}

int cli_serve(int argc, char **argv)
{
        static const struct flag flags[] = { { 0 } };
        static const struct cli_help text = {
                "coderunr serve [--OPTION=VALUE…]",
                "Start the engine on this machine and serve until SIGINT or SIGTERM.",
                flags,
                "Every option of the configuration is a flag here: coderunr config lists them.",
        };
        struct arguments arguments;
        struct config config;
        int status = cli_parse(&text, false, &arguments, argc, argv);

        if (status)
                return status - 1;
        if (arguments.operands.n > 0)
                return cli_fail(EXIT_USAGE, "serve takes options only, not '%s'", arguments.operands.p[0]);
        if (!cli_config_load(&arguments, &config))
                return EXIT_WRONG;
        status = serve(&config);
        config_deinit(&config);
        return status;
}

int cli_fail(int status, const char *format, ...)
{
        char text[1024];
        va_list ap;

        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        fflush(stdout);
        fprintf(stderr, "coderunr: %s\n", text);
        return status;
}

int cli_parse(const struct cli_help *help_text, bool stop_at_operand, struct arguments *ret_arguments,
              int argc, char **argv)
{
        struct err err = { 0 };
        int r = arguments_parse(ret_arguments, help_text->flags, stop_at_operand, argc, argv, &err);

        if (r < 0)
                return cli_fail(EXIT_USAGE, "%s", err.text) + 1;
        if (r == 0)
                return 0;
        printf("usage: %s\n\n%s\n\n", help_text->usage, help_text->text);
        arguments_print(help_text->flags);
        if (help_text->note)
                printf("\n%s\n", help_text->note);
        return 1;
}

bool cli_config_load(const struct arguments *arguments, struct config *ret_config)
{
        struct err err = { 0 };

        if (config_load(ret_config, arguments->config.p, environ, &err) == 0)
                return true;
        cli_fail(EXIT_WRONG, "%s", err.text);
        return false;
}

bool cli_output(const char *format, bool *ret_json)
{
        if (!format || streq(format, "auto") || streq(format, "plain"))
                return true;
        *ret_json = streq(format, "json");
        if (!*ret_json)
                cli_fail(EXIT_USAGE, "--output is auto, plain or json, not '%s'", format);
        return *ret_json;
}

/*
 * How many words in front of the command belong to it, as CodeRunr and Piston take them: -u URL, --url URL, --piston-url URL,
 * -v, --verbose, --output FORMAT; and --key KEY.
 */
static int words_in_front(int argc, char **argv)
{
        static const char *const valued[] = { "-u", "--url", "--piston-url", "--key", "--output" };
        int i = 0;

        while (i < argc && argv[i][0] == '-' && argv[i][1]) {
                bool known = streq(argv[i], "-v") || streq(argv[i], "--verbose");
                int words = 1;

                for (size_t row = 0; row < ARRAY_LEN(valued) && !known; row++) {
                        size_t n = strlen(valued[row]);

                        known = strncmp(argv[i], valued[row], n) == 0 &&
                                (argv[i][n] == '\0' || (row > 0 && argv[i][n] == '='));
                        words += known && argv[i][n] == '\0';
                }
                if (!known)
                        return i;
                i += words;
        }
        return MIN(i, argc);
}

int main(int argc, char **argv)
{
        const struct command *command;
        int front;

        if (argc < 2)
                return help(0, NULL) + EXIT_USAGE;
        if (streq(argv[1], "--version") || streq(argv[1], "-V"))
                return version(0, NULL);
        if (streq(argv[1], "--help") || streq(argv[1], "-h"))
                return help(argc - 2, argv + 2);
        front = words_in_front(argc - 1, argv + 1);
        if (front == argc - 1)
                return cli_fail(EXIT_USAGE, "there is no command behind %s; coderunr help lists them",
                                argv[1]);
        command = find(argv[1 + front]);
        if (!command)
                return cli_fail(EXIT_USAGE, "there is no command '%s'; coderunr help lists them",
                                argv[1 + front]);
        memmove(argv + 2, argv + 1, (size_t)front * sizeof(*argv));
        return command->run(argc - 2, argv + 2);
}

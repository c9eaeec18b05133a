#pragma once

/*
 * The commands of `coderunr`, one file each.  Every function gets the words after the command's name and
 * returns the exit status; what went wrong has been said in one sentence on stderr.
 */

#include "util/base.h"

struct arguments;
struct config;
struct flag;

/* Exit statuses beyond those of the program that was run; the manual page lists them. */
enum {
        EXIT_WRONG = 1,    /* a missing requirement, a program that does not compile */
        EXIT_USAGE = 2,    /* the command line */
        EXIT_LIMIT = 123,  /* the program wrote too much */
        EXIT_TIME = 124,   /* the program used up its time */
        EXIT_ENGINE = 125, /* no answer, a refused request, a fault of the engine */
};

int cli_serve(int argc, char **argv);
int cli_run(int argc, char **argv);
int cli_execute(int argc, char **argv);
int cli_list(int argc, char **argv);
int cli_package(int argc, char **argv);
int cli_ppman(int argc, char **argv);
int cli_image(int argc, char **argv);
int cli_key(int argc, char **argv);
int cli_runtimes(int argc, char **argv);
int cli_worker(int argc, char **argv);
int cli_config(int argc, char **argv);
int cli_doctor(int argc, char **argv);

/* Do these words, given to `run`, name a language and then a file, as those of `execute`? */
bool cli_execute_wants(int argc, char **argv);

/* `package build DIR`, with the words behind "build". */
int cli_package_build(int argc, char **argv);

/* What --output (NULL: not given) asks for: auto, plain or json; false when the mistake has been named. */
bool cli_output(const char *format, bool *ret_json) MUST_USE;

/* `doctor --attacks`: the abuse catalogue against the engine at @url; the exit status. */
int cli_attacks(const char *url);

/* Print "coderunr: <sentence>" to stderr and return @status. */
int cli_fail(int status, const char *format, ...) PRINTF(2, 3);

/* What a command's help says: its usage line, its flags, and a closing note. */
struct cli_help {
        const char *usage;
        const char *text;
        const struct flag *flags;
        const char *note; /* may be NULL */
};

/*
 * Take the words apart, as arguments_parse() does.  Returns 0 to go on, else the exit status plus one: help was
 * printed, or the mistake was named.
 */
int cli_parse(const struct cli_help *help, bool stop_at_operand, struct arguments *ret_arguments, int argc,
              char **argv) MUST_USE;

/* The configuration from @arguments, environment and file; false when the mistake has been named. */
bool cli_config_load(const struct arguments *arguments, struct config *ret_config) MUST_USE;

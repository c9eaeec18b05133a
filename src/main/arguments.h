#pragma once

/*
 * Arguments: the words of one command, taken apart by that command's table of flags.
 *
 * Flags of the configuration (--bind-address and every other row of options.def and limits.def) are collected
 * for config_load() instead of being looked up in the table.  Everything points into argv; nothing is copied.
 */

#include "util/base.h"

struct err;

enum flag_kind {
        FLAG_SWITCH, /* bool *, no value */
        FLAG_VALUE,  /* const char **, the last one wins */
        FLAG_VALUES, /* struct words *, every one in order */
};

enum { WORDS_MAX = 1024 };

struct words {
        const char *p[WORDS_MAX + 1]; /* NULL-terminated */
        size_t n;
};

struct flag {
        const char *name; /* without dashes in front; underscores in a word stand for its dashes */
        char letter;      /* 0: none */
        enum flag_kind kind;
        void *to;
        const char *value; /* what to call the value in help */
        const char *text;  /* NULL: another name of a flag, which help leaves out */
};

struct arguments {
        struct words operands;
        struct words config; /* for config_load() */
};

enum {
        ARGUMENTS_HELP = 1, /* --help was among them */
};

/*
 * Take apart the @argc words of @argv (the command's own name left out).  @flags ends with a row without a name.
 * @stop_at_operand: what follows the first operand belongs to somebody else and is an operand too.
 * Returns 0, ARGUMENTS_HELP, or -EINVAL.
 */
int arguments_parse(struct arguments *ret_arguments, const struct flag *flags, bool stop_at_operand, int argc,
                    char **argv, struct err *err) MUST_USE;

/* Print the flags as a table, for --help. */
void arguments_print(const struct flag *flags);

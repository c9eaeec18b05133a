/*
 * getopt_long(3) cannot leave unknown options alone, and the options of the configuration are not ours to list:
 * so this is the usual grammar (--name=value, --name value, -x value, -xvalue, --) walked once over a table.
 */
#include "main/arguments.h"
#include "config/config.h"
#include "util/err.h"

#include <stdio.h>

struct walk {
        struct arguments *out;
        const struct flag *flags;
        char **argv;
        int argc;
        int i;
};

static int words_add(struct words *words, const char *word, struct err *err)
{
        if (words->n == WORDS_MAX)
                return err_set(err, -E2BIG, "more than %d arguments; put them in a file", WORDS_MAX);
        words->p[words->n++] = word;
        return 0;
}

/* Some write --run-timeout, others --run_timeout. */
static bool same_name(const char *name, const char *word, size_t len)
{
        for (size_t i = 0; i < len; i++)
                if (name[i] != (word[i] == '_' ? '-' : word[i]))
                        return false;
        return true;
}

static const struct flag *find_long(const struct flag *flags, const char *name, size_t len)
{
        for (; flags->name; flags++)
                if (strlen(flags->name) == len && same_name(flags->name, name, len))
                        return flags;
        return NULL;
}

static const struct flag *find_letter(const struct flag *flags, char letter)
{
        for (; flags->name; flags++)
                if (flags->letter == letter)
                        return flags;
        return NULL;
}

static int set(struct walk *walk, const struct flag *flag, const char *value, struct err *err)
{
        if (flag->kind == FLAG_SWITCH) {
                if (value)
                        return err_set(err, -EINVAL, "--%s takes no value", flag->name);
                *(bool *)flag->to = true;
                return 0;
        }
        if (!value) {
                if (walk->i + 1 >= walk->argc)
                        return err_set(err, -EINVAL, "--%s needs a value: %s", flag->name, flag->value);
                value = walk->argv[++walk->i];
        }
        if (flag->kind == FLAG_VALUES)
                return words_add(flag->to, value, err);
        *(const char **)flag->to = value;
        return 0;
}

/* An option of the configuration: the word, and the next one where the value is not in it. */
static int take_config(struct walk *walk, const char *word, bool has_value, struct err *err)
{
        const char *next = walk->i + 1 < walk->argc ? walk->argv[walk->i + 1] : NULL;
        int r = words_add(&walk->out->config, word, err);

        if (r < 0 || has_value || config_flag_words((const char *[]){ word, next ? next : "", NULL }) == 1)
                return r;
        if (!next)
                return err_set(err, -EINVAL, "%s needs a value", word);
        return words_add(&walk->out->config, walk->argv[++walk->i], err);
}

static int take_long(struct walk *walk, const char *word, struct err *err)
{
        const char *equals = strchr(word, '=');
        size_t len = equals ? (size_t)(equals - word) : strlen(word);
        const struct flag *flag = find_long(walk->flags, word + 2, len - 2);
        char name[64];

        if (flag)
                return set(walk, flag, equals ? equals + 1 : NULL, err);
        snprintf(name, sizeof(name), "%.*s", (int)MIN(len, sizeof(name) - 1), word);
        if (streq(name, "--config") || config_is_flag(name))
                return take_config(walk, word, equals != NULL, err);
        return err_set(err, -EINVAL, "there is no option %s; --help lists them", name);
}

static int take_short(struct walk *walk, const char *word, struct err *err)
{
        for (const char *p = word + 1; *p; p++) {
                const struct flag *flag = find_letter(walk->flags, *p);

                if (!flag)
                        return err_set(err, -EINVAL, "there is no option -%c; --help lists them", *p);
                if (flag->kind != FLAG_SWITCH)
                        return set(walk, flag, p[1] ? p + 1 : NULL, err);
                *(bool *)flag->to = true;
        }
        return 0;
}

static int take_rest(struct walk *walk, struct err *err)
{
        int r = 0;

        for (; r == 0 && walk->i < walk->argc; walk->i++)
                r = words_add(&walk->out->operands, walk->argv[walk->i], err);
        return r;
}

int arguments_parse(struct arguments *ret_arguments, const struct flag *flags, bool stop_at_operand, int argc,
                    char **argv, struct err *err)
{
        struct walk walk = { .out = ret_arguments, .flags = flags, .argv = argv, .argc = argc };

        *ret_arguments = (struct arguments){ 0 };
        for (; walk.i < argc; walk.i++) {
                const char *word = argv[walk.i];
                int r;

                if (streq(word, "--help") || streq(word, "-h"))
                        return ARGUMENTS_HELP;
                if (streq(word, "--")) {
                        walk.i++;
                        return take_rest(&walk, err);
                }
                if (word[0] == '-' && word[1] == '-')
                        r = take_long(&walk, word, err);
                else if (word[0] == '-' && word[1])
                        r = take_short(&walk, word, err);
                else if (stop_at_operand)
                        return take_rest(&walk, err);
                else
                        r = words_add(&ret_arguments->operands, word, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

void arguments_print(const struct flag *flags)
{
        for (; flags->name; flags++) {
                char left[64];

                if (!flags->text)
                        continue;
                snprintf(left, sizeof(left), "%c%c%s --%s%s%s", flags->letter ? '-' : ' ',
                         flags->letter ? flags->letter : ' ', flags->letter ? "," : " ", flags->name,
                         flags->kind == FLAG_SWITCH ? "" : " ",
                         flags->kind == FLAG_SWITCH ? "" : flags->value);
                printf("  %-30s %s\n", left, flags->text);
        }
        printf("  %-30s %s\n", "-h, --help", "this text");
}

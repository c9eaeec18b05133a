/*
 * Options as a table made of options.def and limits.def, and one way to set each of them by name.
 * File, environment and flags differ in how they spell a name; all end in option_set().
 */
#include "config/config_priv.h"
#include "config/value.h"
#include "util/address.h"
#include "util/err.h"
#include "util/log.h"

#include <stdio.h>

const struct option_row option_rows[CONFIG_OPTION_COUNT] = {
#define OPTION(field, KIND, fallback, least, most, text)                                                     \
        { #field, CONFIG_##KIND, offsetof(struct config, field), fallback, least, most, text },
#include "config/options.def"
#undef OPTION
};

/* Read by Piston or CodeRunr, or named in their papers, and without a meaning here. */
static const char *const unused[] = {
        "runner_uid_min", "runner_uid_max",      "runner_gid_min", "runner_gid_max",
        "repo_url",       "skip_chown_packages", "enable_network", "enable_file_system",
};

static const struct option_row *option_find(const char *name)
{
        for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
                if (streq(option_rows[i].name, name))
                        return &option_rows[i];
        return NULL;
}

static void *option_at(struct config *config, const struct option_row *row)
{
        return (char *)config + row->offset;
}

/* What an option of kind TEXT must look like where its user would find out too late. */
static int check_text(const struct option_row *row, const char *text, const char *where, struct err *err)
{
        struct address_blocks blocks;
        enum log_level level;

        if (streq(row->name, "log_level") && log_level_parse(text, &level) < 0)
                return err_set(err, -EINVAL, "%s: \"%s\" is not one of none, error, warn, info, debug", where,
                               text);
        if (streq(row->name, "websocket_dialect") && !streq(text, "coderunr") && !streq(text, "piston"))
                return err_set(err, -EINVAL, "%s: \"%s\" is not one of coderunr, piston", where, text);
        if (streq(row->name, "webhook_allow") && address_blocks_parse(text, &blocks, err) < 0)
                return err_wrap(err, -EINVAL, "%s", where);
        if (streq(row->name, "bind_address") && !strchr(text, ':'))
                return err_set(err, -EINVAL, "%s: \"%s\" names no port (for example 127.0.0.1:2000)", where,
                               text);
        if ((streq(row->name, "data_directory") || streq(row->name, "runtimes_directory") ||
             streq(row->name, "keeper") || (streq(row->name, "keys_file") && text[0])) &&
            text[0] != '/')
                return err_set(err, -EINVAL, "%s: \"%s\" is not an absolute path", where, text);
        return 0;
}

static int set_text(struct config *config, const struct option_row *row, const char *text, const char *where,
                    struct err *err)
{
        char **field = option_at(config, row);
        char *copy;
        int r = check_text(row, text, where, err);

        if (r < 0)
                return r;
        if (row == &option_rows[CONFIG_OPTION_limit_overrides])
                return overrides_parse(config, text, where, err);
        copy = strdup(text);
        if (!copy)
                return err_set(err, -ENOMEM, "out of memory");
        free(*field);
        *field = copy;
        return 0;
}

static int set_flag(struct config *config, const struct option_row *row, const char *text, const char *where,
                    struct err *err)
{
        bool value;

        if (value_parse_flag(text, &value) < 0)
                return err_set(err, -EINVAL, "%s: \"%s\" is neither true nor false", where, text);
        if (row == &option_rows[CONFIG_OPTION_disable_networking] && !value)
                return err_set(err, -EINVAL,
                               "%s: programs have no network here, and it cannot be switched on", where);
        *(bool *)option_at(config, row) = value;
        return 0;
}

static void format_number(enum config_kind kind, uint64_t value, char *text, size_t room)
{
        if (kind == CONFIG_DURATION)
                value_format_duration(value, text, room);
        else if (kind == CONFIG_BYTES)
                value_format_bytes(value, text, room);
        else
                snprintf(text, room, "%llu", (unsigned long long)value);
}

static int set_number(struct config *config, const struct option_row *row, const char *text,
                      const char *where, struct err *err)
{
        static const char *const kinds[] = { [CONFIG_COUNT] = "a number",
                                             [CONFIG_BYTES] = "a size (64MiB, 1000000)",
                                             [CONFIG_DURATION] =
                                                     "a duration (3s, 250ms, 3000 for milliseconds)" };
        char least[32], most[32];
        uint64_t value;
        int r;

        if (row->kind == CONFIG_DURATION)
                r = value_parse_duration(text, &value);
        else if (row->kind == CONFIG_BYTES)
                r = value_parse_bytes(text, &value);
        else
                r = value_parse_count(text, &value);
        if (r < 0)
                return err_set(err, -EINVAL, "%s: \"%s\" is not %s", where, text, kinds[row->kind]);
        if (value >= row->least && value <= row->most) {
                *(uint64_t *)option_at(config, row) = value;
                return 0;
        }
        format_number(row->kind, row->least, least, sizeof(least));
        format_number(row->kind, row->most, most, sizeof(most));
        return err_set(err, -EINVAL, "%s: \"%s\" is outside %s to %s", where, text, least, most);
}

static int set_option(struct config *config, const struct option_row *row, const char *text,
                      enum config_source source, const char *where, struct err *err)
{
        int r;

        if (row->kind == CONFIG_TEXT)
                r = set_text(config, row, text, where, err);
        else if (row->kind == CONFIG_FLAG)
                r = set_flag(config, row, text, where, err);
        else
                r = set_number(config, row, text, where, err);
        if (r == 0)
                config->sources[row - option_rows] = (unsigned char)source;
        return r;
}

static uint64_t limit_default(enum limit limit, int stage)
{
        return stage ? limit_rows[limit].run_default : limit_rows[limit].compile_default;
}

static int set_limit(struct config *config, enum limit limit, int stage, const char *text,
                     enum config_source source, const char *where, struct err *err)
{
        uint64_t value = 0;
        int r = limit_parse(limit, text, &value, err);

        if (r < 0)
                return err_wrap(err, r, "%s", where);
        for (int i = 0; i < 2; i++)
                if (stage < 0 || stage == i) {
                        *limit_at(&config->limits[i], limit) =
                                r == LIMIT_DEFAULT ? limit_default(limit, i) : value;
                        config->limit_sources[i][limit] =
                                (unsigned char)(r == LIMIT_DEFAULT ? CONFIG_DEFAULT : source);
                }
        return 0;
}

int option_set(struct config *config, const char *name, const char *text, enum config_source source,
               const char *where, struct err *err)
{
        const struct option_row *row = option_find(name);
        enum limit limit;
        int stage;

        if (row)
                return set_option(config, row, text, source, where, err);
        if (limit_find(name, &limit, &stage))
                return set_limit(config, limit, stage, text, source, where, err);
        for (size_t i = 0; i < ARRAY_LEN(unused); i++)
                if (streq(unused[i], name))
                        return OPTION_UNUSED;
        return OPTION_UNKNOWN;
}

bool option_is_narrow(const char *name)
{
        enum limit limit;
        int stage;

        return limit_find(name, &limit, &stage) && stage >= 0;
}

int option_set_defaults(struct config *config, struct err *err)
{
        for (int i = 0; i < CONFIG_OPTION_COUNT; i++) {
                int r = set_option(config, &option_rows[i], option_rows[i].fallback, CONFIG_DEFAULT,
                                   option_rows[i].name, err);

                if (r < 0)
                        return r;
        }
        for (int i = 0; i < LIMIT_COUNT; i++)
                for (int stage = 0; stage < 2; stage++)
                        *limit_at(&config->limits[stage], (enum limit)i) =
                                limit_default((enum limit)i, stage);
        return 0;
}

/* Edit distance; both names are cut at 47 bytes, longer ones are near nothing anyway. */
static size_t distance(const char *a, const char *b)
{
        size_t row[48], n = strnlen(b, 47), m = strnlen(a, 47);

        for (size_t j = 0; j <= n; j++)
                row[j] = j;
        for (size_t i = 1; i <= m; i++) {
                size_t corner = row[0];

                row[0] = i;
                for (size_t j = 1; j <= n; j++) {
                        size_t above = row[j];

                        row[j] = MIN(MIN(row[j] + 1, row[j - 1] + 1), corner + (a[i - 1] != b[j - 1]));
                        corner = above;
                }
        }
        return row[n];
}

static void consider(const char *name, const char *candidate, const char **best, size_t *least)
{
        size_t d = distance(name, candidate);

        if (d < *least) {
                *least = d;
                *best = candidate;
        }
}

const char *option_suggest(const char *name)
{
        static const char *const stages[] = {
#define LIMIT(field, key, unit, compile, run, least, most, text) "compile_" #key, "run_" #key,
#include "config/limits.def"
#undef LIMIT
        };
        size_t least = 2 + strlen(name) / 4;
        const char *best = NULL;

        for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
                consider(name, option_rows[i].name, &best, &least);
        for (int i = 0; i < LIMIT_COUNT; i++)
                if (!limit_differs((enum limit)i))
                        consider(name, limit_rows[i].key, &best, &least);
        for (size_t i = 0; i < ARRAY_LEN(stages); i++)
                consider(name, stages[i], &best, &least);
        return best;
}

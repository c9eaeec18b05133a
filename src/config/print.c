/*
 * What is in force and where it came from, for people as aligned columns and for programs as JSON.
 */
#include "config/config_priv.h"
#include "config/value.h"

#include <jansson.h>
#include <stdio.h>

static const char *const source_names[] = { "default", "file", "environment", "flag" };

/* Called for every line: an option, or a limit of one stage or of both. */
typedef int (*line_fn)(void *arg, const char *name, const char *value, const char *source);

static void format_option(const struct config *config, const struct option_row *row, char *text, size_t room)
{
        const void *field = (const char *)config + row->offset;

        switch (row->kind) {
        case CONFIG_TEXT:
                snprintf(text, room, "%s", *(char *const *)field);
                return;
        case CONFIG_FLAG:
                snprintf(text, room, "%s", *(const bool *)field ? "true" : "false");
                return;
        case CONFIG_COUNT:
                snprintf(text, room, "%llu", *(const unsigned long long *)field);
                return;
        case CONFIG_BYTES:
                value_format_bytes(*(const uint64_t *)field, text, room);
                return;
        case CONFIG_DURATION:
                value_format_duration(*(const uint64_t *)field, text, room);
        }
}

static void format_limit(enum limit limit, uint64_t value, char *text, size_t room)
{
        if (limit_rows[limit].unit == LIMIT_UNIT_NS)
                value_format_duration(value, text, room);
        else if (limit_rows[limit].unit == LIMIT_UNIT_BYTES)
                value_format_bytes(value, text, room);
        else
                snprintf(text, room, "%llu", (unsigned long long)value);
}

static int each_limit(const struct config *config, enum limit limit, line_fn line, void *arg)
{
        static const char *const prefixes[] = { "compile_", "run_" };
        const struct limit_row *row = &limit_rows[limit];
        bool same = !limit_differs(limit) &&
                    limit_get(&config->limits[0], limit) == limit_get(&config->limits[1], limit) &&
                    config->limit_sources[0][limit] == config->limit_sources[1][limit];

        for (int stage = same ? 1 : 0; stage < 2; stage++) {
                char name[64], value[64];
                int r;

                snprintf(name, sizeof(name), "%s%s", same ? "" : prefixes[stage], row->key);
                format_limit(limit, limit_get(&config->limits[stage], limit), value, sizeof(value));
                r = line(arg, name, value, source_names[config->limit_sources[stage][limit]]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int each_line(const struct config *config, line_fn line, void *arg)
{
        char value[4096];
        int r = 0;

        for (int i = 0; i < CONFIG_OPTION_COUNT && r == 0; i++) {
                format_option(config, &option_rows[i], value, sizeof(value));
                r = line(arg, option_rows[i].name, value, source_names[config->sources[i]]);
        }
        for (int i = 0; i < LIMIT_COUNT && r == 0; i++)
                r = each_limit(config, (enum limit)i, line, arg);
        return r;
}

struct widths {
        int name;
        int value;
};

static int measure(void *arg, const char *name, const char *value, const char *source)
{
        struct widths *widths = arg;

        widths->name = MAX(widths->name, (int)strlen(name));
        widths->value = MAX(widths->value, MIN((int)strlen(value), 60));
        return 0;
}

static int print_line(void *arg, const char *name, const char *value, const char *source)
{
        const struct widths *widths = arg;

        return printf("%-*s  %-*s  %s\n", widths->name, name, widths->value, *value ? value : "\"\"",
                      source) < 0
                       ? -EIO
                       : 0;
}

static int add_line(void *arg, const char *name, const char *value, const char *source)
{
        json_t *entry = json_pack("{s:s, s:s}", "value", value, "source", source);

        return entry && json_object_set_new(arg, name, entry) == 0 ? 0 : -ENOMEM;
}

static int print_json(const struct config *config)
{
        json_t *root = json_object();
        int r = root ? each_line(config, add_line, root) : -ENOMEM;

        if (r == 0 &&
            (json_dumpf(root, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER) < 0 || putchar('\n') == EOF))
                r = -EIO;
        json_decref(root);
        return r;
}

int config_print(const struct config *config, bool json)
{
        struct widths widths = { 0 };
        int r;

        if (json)
                return print_json(config);
        r = each_line(config, measure, &widths);
        return r < 0 ? r : each_line(config, print_line, &widths);
}

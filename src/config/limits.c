/*
 * The table of limits.def, and how its rows are named and read in configurations and manifests.
 */
#include "config/limits.h"
#include "config/value.h"
#include "util/err.h"

_Static_assert(sizeof(struct limits) == LIMIT_COUNT * sizeof(uint64_t),
               "struct limits is a plain row of numbers");

const struct limit_row limit_rows[LIMIT_COUNT] = {
#define LIMIT(field, key, unit, compile, run, least, most, text)                                             \
        [LIMIT_##field] = { #field, #key, LIMIT_UNIT_##unit, compile, run, least, most, text },
#include "config/limits.def"
#undef LIMIT
};

bool limit_differs(enum limit which)
{
        return limit_rows[which].compile_default != limit_rows[which].run_default;
}

bool limit_find(const char *name, enum limit *ret_limit, int *ret_stage)
{
        static const char *const prefixes[] = { "compile_", "run_" };
        int stage = -1;

        for (int i = 0; i < 2; i++)
                if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
                        stage = i;
                        name += strlen(prefixes[i]);
                        break;
                }
        for (int i = 0; i < LIMIT_COUNT; i++)
                if (streq(name, limit_rows[i].key) && (stage >= 0 || !limit_differs((enum limit)i))) {
                        *ret_limit = (enum limit)i;
                        *ret_stage = stage;
                        return true;
                }
        return false;
}

static int parse_unit(enum limit_unit unit, const char *text, uint64_t *ret_value)
{
        switch (unit) {
        case LIMIT_UNIT_NS:
                return value_parse_duration(text, ret_value);
        case LIMIT_UNIT_BYTES:
                return value_parse_bytes(text, ret_value);
        case LIMIT_UNIT_COUNT:
                break;
        }
        return value_parse_count(text, ret_value);
}

static void format_unit(enum limit_unit unit, uint64_t value, char *text, size_t room)
{
        if (unit == LIMIT_UNIT_NS)
                value_format_duration(value, text, room);
        else
                value_format_bytes(value, text, room);
}

int limit_parse(enum limit which, const char *text, uint64_t *ret_value, struct err *err)
{
        static const char *const examples[] = { "a duration (3s, 250ms, 3000 for milliseconds)",
                                                "a size (64MiB, 1000000)", "a number" };
        const struct limit_row *row = &limit_rows[which];
        char least[32], most[32];
        uint64_t value;

        if (which == LIMIT_memory_bytes && streq(text, "-1"))
                return LIMIT_DEFAULT;
        if (text[0] == '-' && text[1] >= '0' && text[1] <= '9')
                return err_set(err, -EINVAL, "\"%s\" is negative, and nothing here means \"unlimited\"",
                               text);
        if (parse_unit(row->unit, text, &value) < 0)
                return err_set(err, -EINVAL, "\"%s\" is not %s", text, examples[row->unit]);
        if (value >= row->least && value <= row->most) {
                *ret_value = value;
                return 0;
        }
        format_unit(row->unit, row->least, least, sizeof(least));
        format_unit(row->unit, row->most, most, sizeof(most));
        return err_set(err, -EINVAL, "\"%s\" is outside %s to %s", text, least, most);
}

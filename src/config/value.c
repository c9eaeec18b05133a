/*
 * Numbers are read digit by digit with an overflow check, never with strtoull(), which takes signs,
 * leading blanks and octal.  Fractions exist only in durations and are cut below a nanosecond.
 */
#include "config/value.h"

#include <stdio.h>
#include <strings.h>

struct unit {
        const char *name;
        uint64_t factor;
};

static const struct unit byte_units[] = {
        { "", 1 },
        { "B", 1 },
        { "k", 1000 },
        { "K", 1000 },
        { "kB", 1000 },
        { "KB", 1000 },
        { "M", 1000000 },
        { "MB", 1000000 },
        { "G", 1000000000 },
        { "GB", 1000000000 },
        { "Ki", KIB },
        { "KiB", KIB },
        { "Mi", MIB },
        { "MiB", MIB },
        { "Gi", GIB },
        { "GiB", GIB },
        { "Ti", 1024 * GIB },
        { "TiB", 1024 * GIB },
};

/* Longer names first: "ms" must not be read as "m". */
static const struct unit time_units[] = {
        { "ns", 1 },
        { "us", NSEC_PER_USEC },
        { "\xc2\xb5s", NSEC_PER_USEC },
        { "ms", NSEC_PER_MSEC },
        { "s", NSEC_PER_SEC },
        { "m", 60 * NSEC_PER_SEC },
        { "h", 3600 * NSEC_PER_SEC },
};

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* Digits at *@p; moves *@p behind them. */
static int parse_digits(const char **p, uint64_t *ret_value)
{
        uint64_t value = 0;

        if (!is_digit(**p))
                return -EINVAL;
        for (; is_digit(**p); (*p)++)
                if (__builtin_mul_overflow(value, 10, &value) ||
                    __builtin_add_overflow(value, (uint64_t)(**p - '0'), &value))
                        return -ERANGE;
        *ret_value = value;
        return 0;
}

int value_parse_count(const char *text, uint64_t *ret_count)
{
        uint64_t value;
        int r = parse_digits(&text, &value);

        if (r < 0)
                return r;
        if (*text)
                return -EINVAL;
        *ret_count = value;
        return 0;
}

int value_parse_bytes(const char *text, uint64_t *ret_bytes)
{
        uint64_t value;
        int r = parse_digits(&text, &value);

        if (r < 0)
                return r;
        for (size_t i = 0; i < ARRAY_LEN(byte_units); i++)
                if (streq(text, byte_units[i].name)) {
                        if (__builtin_mul_overflow(value, byte_units[i].factor, &value))
                                return -ERANGE;
                        *ret_bytes = value;
                        return 0;
                }
        return -EINVAL;
}

/* ".5" after the whole part: how many of @factor's @factor parts it is. */
static uint64_t parse_fraction(const char **p, uint64_t factor)
{
        uint64_t part = 0;

        for (; is_digit(**p); (*p)++) {
                factor /= 10;
                part += (uint64_t)(**p - '0') * factor;
        }
        return part;
}

static const struct unit *find_time_unit(const char *p)
{
        for (size_t i = 0; i < ARRAY_LEN(time_units); i++)
                if (strncmp(p, time_units[i].name, strlen(time_units[i].name)) == 0)
                        return &time_units[i];
        return NULL;
}

/* One "90s" or "1.5h" of a duration. */
static int parse_time_part(const char **p, uint64_t *total)
{
        const char *fraction = NULL;
        const struct unit *unit;
        uint64_t value;
        int r = parse_digits(p, &value);

        if (r < 0)
                return r;
        if (**p == '.') {
                fraction = ++*p;
                if (!is_digit(*fraction))
                        return -EINVAL;
                *p += strspn(*p, "0123456789");
        }
        unit = find_time_unit(*p);
        if (!unit)
                return -EINVAL;
        *p += strlen(unit->name);
        if (__builtin_mul_overflow(value, unit->factor, &value) ||
            __builtin_add_overflow(*total, value, total))
                return -ERANGE;
        if (fraction && __builtin_add_overflow(*total, parse_fraction(&fraction, unit->factor), total))
                return -ERANGE;
        return 0;
}

int value_parse_duration(const char *text, uint64_t *ret_ns)
{
        uint64_t value, total = 0;
        int r = value_parse_count(text, &value);

        if (r == 0) {
                if (__builtin_mul_overflow(value, NSEC_PER_MSEC, &value))
                        return -ERANGE;
                *ret_ns = value;
                return 0;
        }
        if (!*text)
                return -EINVAL;
        while (*text) {
                r = parse_time_part(&text, &total);
                if (r < 0)
                        return r;
        }
        *ret_ns = total;
        return 0;
}

int value_parse_flag(const char *text, bool *ret_flag)
{
        static const char *const words[][2] = {
                { "false", "true" }, { "no", "yes" }, { "off", "on" }, { "0", "1" }
        };

        for (size_t i = 0; i < ARRAY_LEN(words); i++)
                for (int flag = 0; flag < 2; flag++)
                        if (strcasecmp(text, words[i][flag]) == 0) {
                                *ret_flag = flag;
                                return 0;
                        }
        return -EINVAL;
}

void value_format_bytes(uint64_t bytes, char *text, size_t room)
{
        static const struct unit units[] = { { "GiB", GIB }, { "MiB", MIB }, { "KiB", KIB } };

        for (size_t i = 0; i < ARRAY_LEN(units); i++)
                if (bytes >= units[i].factor && bytes % units[i].factor == 0) {
                        snprintf(text, room, "%llu%s", (unsigned long long)(bytes / units[i].factor),
                                 units[i].name);
                        return;
                }
        snprintf(text, room, "%llu", (unsigned long long)bytes);
}

void value_format_duration(uint64_t ns, char *text, size_t room)
{
        static const struct unit units[] = {
                { "h", 3600 * NSEC_PER_SEC }, { "m", 60 * NSEC_PER_SEC }, { "s", NSEC_PER_SEC },
                { "ms", NSEC_PER_MSEC },      { "us", NSEC_PER_USEC },    { "ns", 1 },
        };
        size_t n = 0;

        snprintf(text, room, "0s");
        for (size_t i = 0; i < ARRAY_LEN(units) && n < room; i++) {
                if (ns < units[i].factor)
                        continue;
                n += (size_t)snprintf(text + n, room - n, "%llu%s",
                                      (unsigned long long)(ns / units[i].factor), units[i].name);
                ns %= units[i].factor;
        }
}

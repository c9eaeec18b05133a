#pragma once

/* The limits of one stage, as rows of limits.def. */

#include "util/base.h"

enum limit_unit { LIMIT_UNIT_NS, LIMIT_UNIT_BYTES, LIMIT_UNIT_COUNT };

enum limit {
#define LIMIT(field, key, unit, compile, run, least, most, text) LIMIT_##field,
#include "config/limits.def"
#undef LIMIT
        LIMIT_COUNT
};

struct limits {
#define LIMIT(field, key, unit, compile, run, least, most, text) uint64_t field;
#include "config/limits.def"
#undef LIMIT
};

struct limit_row {
        const char *field;
        const char *key;
        enum limit_unit unit;
        uint64_t compile_default;
        uint64_t run_default;
        uint64_t least;
        uint64_t most;
        const char *text;
};

extern const struct limit_row limit_rows[LIMIT_COUNT];

/* A limit by its row: the struct is LIMIT_COUNT numbers in table order. */
static inline uint64_t *limit_at(struct limits *limits, enum limit which)
{
        return (uint64_t *)limits + which;
}

static inline uint64_t limit_get(const struct limits *limits, enum limit which)
{
        return ((const uint64_t *)limits)[which];
}

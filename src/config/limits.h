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

struct err;

/*
 * The limit a word of a configuration or manifest speaks of: "run_timeout", "compile_memory_limit",
 * "max_open_files".  *ret_stage is an enum stage, or -1 where one number sets both.  Keys whose two stages
 * differ have no such short form.
 */
bool limit_find(const char *name, enum limit *ret_limit, int *ret_stage);

/* Is @which one whose stages are set apart only, because their defaults differ? */
bool limit_differs(enum limit which);

/*
 * Read a value in the unit of @which and check its bounds.  -EINVAL with a sentence in @err.
 * LIMIT_DEFAULT: "-1" for memory, the word of Piston for "whatever the engine's default is".
 */
enum { LIMIT_DEFAULT = 1 };
int limit_parse(enum limit which, const char *text, uint64_t *ret_value, struct err *err);

/* A limit by its row: the struct is LIMIT_COUNT numbers in table order. */
static inline uint64_t *limit_at(struct limits *limits, enum limit which)
{
        return (uint64_t *)limits + which;
}

static inline uint64_t limit_get(const struct limits *limits, enum limit which)
{
        return ((const uint64_t *)limits)[which];
}

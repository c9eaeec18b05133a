#include "config/limits.h"

_Static_assert(sizeof(struct limits) == LIMIT_COUNT * sizeof(uint64_t), "struct limits is a plain row of numbers");

const struct limit_row limit_rows[LIMIT_COUNT] = {
#define LIMIT(field, key, unit, compile, run, least, most, text) \
        [LIMIT_##field] = { #field, #key, LIMIT_UNIT_##unit, compile, run, least, most, text },
#include "config/limits.def"
#undef LIMIT
};

#pragma once

/*
 * Fuzz: one target per file, driven by libFuzzer (./dev fuzz) or by replay.c (every ./dev test: seeds, past
 * crashes, and a fixed number of fixed mutations of them).
 */

#include "config/limits.h"
#include "util/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What every limit is unless somebody says otherwise. */
static inline void fuzz_limits(struct limits *limits)
{
        for (int i = 0; i < LIMIT_COUNT; i++)
                *limit_at(limits, (enum limit)i) = limit_rows[i].run_default;
}

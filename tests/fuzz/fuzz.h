#pragma once

/*
 * Fuzz: one target per file, driven by libFuzzer (./dev fuzz) or by replay.c (every ./dev test: seeds, past
 * crashes, and a fixed number of fixed mutations of them).
 */

#include "util/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#pragma once

/* Timing: where the time of an answer went, as a table on stderr. */

#include "util/base.h"

#include <jansson.h>

/* @whole_ns: from asking to the answer. */
void timing_print(const json_t *reply, uint64_t whole_ns);

#pragma once

/* Time is nanoseconds of CLOCK_MONOTONIC everywhere; milliseconds exist only in doors and papers.
 * This is the only file that reads a clock for the program's decisions. */

#include "util/base.h"

uint64_t clock_now_ns(void);

/* Seconds since the epoch, for the log and for file names only. */
uint64_t clock_wall_ms(void);

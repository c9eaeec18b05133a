#pragma once

/* Limits of doors that have their own, which their clients count on. */

#include "util/base.h"

struct config;
struct job;

/*
 * Give the run stage of @job @wall_ns, and as much CPU time, and @memory_bytes (0: leave it).  A time set for this language alone, or
 * a runtime that needs more memory than most, keeps its own: a door cannot lift what was set for a language, and 50 MiB start no
 * Java.
 */
void door_limits_set(struct job *job, const struct config *config, uint64_t wall_ns, uint64_t memory_bytes);

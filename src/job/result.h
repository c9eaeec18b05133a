#pragma once

/*
 * Result: what became of a job, from which every door renders its own reply.
 * Output is kept once, in arrival order, with a mark per run of bytes that says which stream it was.
 */

#include "util/base.h"
#include "util/bytes.h"
#include "job/verdict.h"
#include "runtime/stage.h"

enum stream { STREAM_STDOUT, STREAM_STDERR, STREAM_COUNT };

struct output_mark {
        uint32_t stream;
        uint32_t n; /* bytes */
};

struct output {
        struct bytes bytes;
        struct bytes marks;            /* an array of struct output_mark */
        uint64_t totals[STREAM_COUNT]; /* bytes kept of each stream */
};

/* Nanoseconds; 0 for what a stage answered from the cache did not do. */
struct timing {
#define TIMING(field, text) uint64_t field##_ns;
#include "job/timing.def"
#undef TIMING
};

struct stage_result {
        bool ran;
        bool cached; /* the stage was answered without running it */
        bool warm;   /* its interpreter was up before the job came */
        enum verdict verdict;
        int exit_code; /* -1 when ended by a signal or never started */
        int signal;    /* 0 when none */
        uint64_t wall_ns;
        uint64_t cpu_ns;
        uint64_t memory_bytes; /* peak of all processes together */
        struct timing timing;
        struct output output;
        char text[256]; /* engine or exec fault in one sentence, else "" */
};

struct result {
        struct stage_result stages[STAGE_COUNT];
        int pack; /* JOB_COMPILE that ended ok: a sealed pack of what was made, else -1; duplicate it to keep it */
};

/* Append bytes of one stream; the caller has already applied the limit. */
int output_add(struct output *output, enum stream stream, const void *p, size_t n) MUST_USE;

/* Call @each for every run of bytes of @stream in order (@stream STREAM_COUNT: of both). */
void output_each(const struct output *output, enum stream stream, void (*each)(void *arg, struct view run),
                 void *arg);

void result_init(struct result *result);
void result_deinit(struct result *result);

/* The stage that decided: the compile stage when it ran and did not end ok, else the run stage. */
const struct stage_result *result_last(const struct result *result);

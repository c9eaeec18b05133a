#pragma once

/*
 * Plan: the words (arguments, then environment) of one stage of one job, as the box wants them: NUL-terminated,
 * one behind the other (box/spec.h).
 *
 * Pure: no clock, no I/O.  What the placeholders of a manifest stand for is in runtime/runtime.h.
 */

#include "util/base.h"
#include "util/bytes.h"
#include "config/limits.h"
#include "runtime/stage.h"

struct err;
struct runtime;

/* What box/spec.def takes; the runner asserts that they agree. */
enum { PLAN_WORDS_BYTES = 61440, PLAN_ARGS_MAX = 16384 };

enum {
        PLAN_TOO_LONG = 1, /* more words than a box takes; a sentence in @err */
};

/* What of a job its words depend on.  Everything is borrowed. */
struct plan_job {
        const struct runtime *runtime;
        const char *main_file;
        const char *const
                *code; /* names of all code files, the main file among them or not; NULL-terminated */
        const char *const *args;     /* NULL-terminated */
        const struct limits *limits; /* one per stage */
};

struct plan_words {
        struct bytes words;
        uint32_t n_args;
        uint32_t n_env;
};

/* The words of @stage, which the runtime must have.  *ret_words is the caller's to deinit, on 0 only. */
int plan_build(const struct plan_job *job, enum stage stage, struct plan_words *ret_words,
               struct err *err) MUST_USE;
void plan_words_deinit(struct plan_words *words);

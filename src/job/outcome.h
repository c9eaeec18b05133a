#pragma once

/*
 * Outcome: what became of one part of a durable job: its compile stage, or one of its cases.  Written once, never
 * changed; the order in which they were written is the order in which they are streamed.
 */

#include "job/compare.h"
#include "job/result.h"
#include "util/record.h"

enum { OUTCOME_COMPILE = UINT32_MAX }; /* as `which`: the compile stage, else the number of the case from 0 */

enum match {
        MATCH_NONE, /* nothing was expected, or the program did not end ok */
        MATCH_YES,
        MATCH_NO,
};

struct outcome {
        uint32_t which;
        bool skipped; /* not run, since an earlier one failed (compile, or stop at the first failure) */
        enum match match;
        struct compare_difference difference; /* for MATCH_NO */
        struct stage_result stage;            /* verdict, usage, output */
};

/* Ended ok, and as expected where something was. */
bool outcome_has_passed(const struct outcome *outcome);

int outcome_encode(const struct outcome *outcome, struct bytes *out) MUST_USE;

/* 0 and an outcome to outcome_deinit(), -EBADMSG or -ENOMEM. */
int outcome_decode(struct view bytes, struct outcome *ret_outcome) MUST_USE;
void outcome_init(struct outcome *outcome, uint32_t which);
void outcome_deinit(struct outcome *outcome);

#pragma once

/*
 * Verdict: why a stage ended, decided from evidence alone.  Pure: the same evidence, the same verdict.
 */

#include "box/spec.h"
#include "config/limits.h"
#include "job/result.h"

struct verdict_evidence {
        const struct box_report *report;
        const struct limits *limits;
        uint64_t seen
                [STREAM_COUNT]; /* bytes read of each stream: one more than the limit when it was passed */
        bool artefact_over;     /* what a compile stage left is larger than its disk space */
};

/* Set everything of @stage but its output.  VERDICT_ENGINE means the stage says nothing about the program. */
void verdict_of(const struct verdict_evidence *evidence, struct stage_result *stage);

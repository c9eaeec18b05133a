#pragma once

/*
 * Stage: one program of a task from order to verdict: plan -> spec -> order, then report -> result.
 */

#include "runner/slots.h"
#include "runner/task.h"

struct err;
struct event_base;
struct plan_words;
struct warm_table;

enum {
        STAGE_GONE = 1, /* the keeper hung up; the caller drops the slot */
        STAGE_NEVER,    /* this job can never be ordered (words too long); the result says so */
};

/*
 * Order the task's next stage on @slot, which becomes its slot; the output of an earlier attempt is
 * forgotten. 0, an outcome above, or -errno with text: the engine failed and the slot is as it was.
 */
int stage_start(struct task *task, struct slot *slot, const struct warm_table *warm, struct event_base *base,
                struct err *err) MUST_USE;

/* The words of the task's next stage; see plan_build(). */
int stage_words(const struct task *task, struct plan_words *ret_words, struct err *err) MUST_USE;

/* The report is here: take the last output, decide the verdict.  The streams are closed. */
void stage_end(struct task *task, const struct box_report *report);

/* The stage ended without a report.  Its output is kept until the next attempt. */
void stage_abandon(struct task *task);

/* After a compile stage that ended ok and before its streams are closed stage_end() kept the artefact; make
 * the run stage the next one. */
void stage_advance(struct task *task);

#pragma once

/*
 * Steps: the acts of steps.def as rows of small functions, run in order.  One place runs them, so one place knows which
 * failed, and one place can make each of them fail.
 */

#include "box/slot.h"

struct step_row {
        enum step step;
        int (*run)(const void *context); /* 0 or -errno */
};

/* Run the rows up to the first failure; its step in *ret_step and its -errno as the result. */
int steps_run(const struct step_row *rows, size_t n, const void *context, enum step *ret_step) MUST_USE;

/* The name (PR_SET_NAME) of a process that is late because boot->fault said so. */
#define STEPS_PAUSED "paused"

/*
 * In builds with CODERUNR_FAULTS: what boot->fault asks for at @step, as often as it asks, in whichever process comes by; the
 * process is killed, or -errno returned.  Otherwise always 0.
 */
#ifdef CODERUNR_FAULTS
void steps_fault_open(const struct slot_fault *fault);
int steps_fault(enum step step) MUST_USE;
#else
static inline void steps_fault_open(const struct slot_fault *fault)
{
        (void)fault;
}

static inline int steps_fault(enum step step)
{
        (void)step;
        return 0;
}
#endif

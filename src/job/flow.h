#pragma once

/*
 * Flow: the life of a durable job as a table of state and event (flow.def).  Pure: time comes in, a new life comes out.
 *
 * Attempts are counted when the job is leased, not when it failed: a job that takes its runner down with it never
 * reaches whoever counts failures.  Every lease has a greater fencing number than the one before; what comes from the
 * holder of an older one is stale.
 */

#include "util/base.h"

enum flow_state {
#define FLOW_STATE(NAME, name, ended, text) FLOW_##NAME,
#include "job/flow.def"
        FLOW_STATE_COUNT
};

enum flow_event {
#define FLOW_EVENT(NAME, name) FLOW_EVENT_##NAME,
#include "job/flow.def"
        FLOW_EVENT_COUNT
};

enum { FLOW_ATTEMPTS = 3 };

/* Attempt n+1 is not made before so long after the end of attempt n. */
#define FLOW_PAUSE_NS(attempts) ((attempts) <= 1 ? NSEC_PER_SEC : 5 * NSEC_PER_SEC)

struct flow {
        enum flow_state state;
        uint32_t attempts;
        uint64_t fence; /* of the newest lease; 0: never leased */
};

enum {
        FLOW_REFUSED = 1, /* the table has no such step */
        FLOW_STALE,       /* the fencing number is not the newest */
};

/*
 * What @event makes of @flow: 0 and *ret_flow, or an outcome above.  @fence is that of the holder who says FINISH, FAULT,
 * LOST, RETURN or REFUSE, and is not looked at for the others.  After a step to FLOW_RETRY, FLOW_PAUSE_NS() holds.
 */
int flow_step(const struct flow *flow, enum flow_event event, uint64_t fence, struct flow *ret_flow) MUST_USE;

bool flow_has_ended(enum flow_state state);
const char *flow_state_name(enum flow_state state);
const char *flow_state_text(enum flow_state state);

/* The state of this name, or FLOW_STATE_COUNT. */
enum flow_state flow_state_find(const char *name);

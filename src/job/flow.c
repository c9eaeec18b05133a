/* Theory of operation: one look into a table that is as large as states times events; 0 stands for "no such step". */
#include "job/flow.h"

static const struct {
        const char *name;
        const char *text;
        bool ended;
} states[FLOW_STATE_COUNT] = {
#define FLOW_STATE(NAME, name, ended, text) { #name, text, ended },
#include "job/flow.def"
};

static const unsigned char steps[FLOW_STATE_COUNT][FLOW_EVENT_COUNT] = {
#define FLOW_STEP(state, event, next) [FLOW_##state][FLOW_EVENT_##event] = FLOW_##next + 1,
#include "job/flow.def"
};

static bool is_holders(enum flow_event event)
{
        return event == FLOW_EVENT_FINISH || event == FLOW_EVENT_FAULT || event == FLOW_EVENT_LOST ||
               event == FLOW_EVENT_RETURN || event == FLOW_EVENT_REFUSE;
}

int flow_step(const struct flow *flow, enum flow_event event, uint64_t fence, struct flow *ret_flow)
{
        unsigned char next = steps[flow->state][event];
        struct flow after = *flow;

        if (next == 0)
                return FLOW_REFUSED;
        if (is_holders(event) && fence != flow->fence)
                return FLOW_STALE;
        after.state = (enum flow_state)(next - 1);
        if (after.state == FLOW_LEASED) {
                after.attempts++;
                after.fence++;
        }
        if (event == FLOW_EVENT_RETURN)
                after.attempts--;
        if (after.state == FLOW_RETRY && after.attempts >= FLOW_ATTEMPTS)
                after.state = FLOW_FAILED;
        *ret_flow = after;
        return 0;
}

bool flow_has_ended(enum flow_state state)
{
        return states[state].ended;
}

const char *flow_state_name(enum flow_state state)
{
        return states[state].name;
}

const char *flow_state_text(enum flow_state state)
{
        return states[state].text;
}

enum flow_state flow_state_find(const char *name)
{
        int state = 0;

        while (state < FLOW_STATE_COUNT && !streq(states[state].name, name))
                state++;
        return (enum flow_state)state;
}

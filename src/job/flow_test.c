/* Every state against every event, and lives in virtual time. */
#include "job/flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static int step(struct flow *flow, enum flow_event event, uint64_t fence)
{
        return flow_step(flow, event, fence, flow);
}

static void a_life(void **state)
{
        struct flow flow = { .state = FLOW_QUEUED };

        assert_int_equal(step(&flow, FLOW_EVENT_LEASE, 0), 0);
        assert_int_equal(flow.state, FLOW_LEASED);
        assert_int_equal(flow.attempts, 1);
        assert_int_equal(flow.fence, 1);
        assert_int_equal(step(&flow, FLOW_EVENT_LEASE, 0), FLOW_REFUSED);
        assert_int_equal(step(&flow, FLOW_EVENT_FINISH, 7), FLOW_STALE);
        assert_int_equal(step(&flow, FLOW_EVENT_FINISH, 1), 0);
        assert_int_equal(flow.state, FLOW_DONE);
        assert_int_equal(step(&flow, FLOW_EVENT_FINISH, 1), FLOW_REFUSED);
        assert_int_equal(step(&flow, FLOW_EVENT_CANCEL, 0), FLOW_REFUSED);
}

static void poison_is_given_up(void **state)
{
        struct flow flow = { .state = FLOW_QUEUED };
        uint64_t now = 0;

        for (unsigned attempt = 1; attempt <= FLOW_ATTEMPTS; attempt++) {
                assert_int_equal(step(&flow, FLOW_EVENT_LEASE, 0), 0);
                assert_int_equal(flow.attempts, attempt);
                assert_int_equal(step(&flow, attempt % 2 ? FLOW_EVENT_LOST : FLOW_EVENT_FAULT, attempt), 0);
                if (flow.state == FLOW_RETRY)
                        now += FLOW_PAUSE_NS(flow.attempts);
        }
        assert_int_equal(flow.state, FLOW_FAILED);
        assert_int_equal(now, 6 * NSEC_PER_SEC);
}

static void a_late_result_is_stale(void **state)
{
        struct flow flow = { .state = FLOW_QUEUED };

        assert_int_equal(step(&flow, FLOW_EVENT_LEASE, 0), 0);
        assert_int_equal(step(&flow, FLOW_EVENT_LOST, 1), 0);
        assert_int_equal(step(&flow, FLOW_EVENT_FINISH, 1), FLOW_REFUSED);
        assert_int_equal(step(&flow, FLOW_EVENT_LEASE, 0), 0);
        assert_int_equal(step(&flow, FLOW_EVENT_FINISH, 1), FLOW_STALE);
        assert_int_equal(step(&flow, FLOW_EVENT_LOST, 1), FLOW_STALE);
        assert_int_equal(step(&flow, FLOW_EVENT_FINISH, 2), 0);
}

static void a_job_given_back_had_no_attempt(void **state)
{
        struct flow flow = { .state = FLOW_QUEUED };

        for (int i = 1; i <= 10; i++) {
                assert_int_equal(step(&flow, FLOW_EVENT_LEASE, 0), 0);
                assert_int_equal(step(&flow, FLOW_EVENT_RETURN, (uint64_t)i), 0);
                assert_int_equal(flow.state, FLOW_QUEUED);
                assert_int_equal(flow.attempts, 0);
                assert_int_equal(flow.fence, i);
        }
}

static void an_end_is_an_end(void **state)
{
        for (int s = 0; s < FLOW_STATE_COUNT; s++)
                for (int e = 0; e < FLOW_EVENT_COUNT; e++) {
                        struct flow flow = { .state = (enum flow_state)s, .attempts = 1, .fence = 5 },
                                    after = flow;
                        int r = flow_step(&flow, (enum flow_event)e, 5, &after);

                        if (flow_has_ended((enum flow_state)s))
                                assert_int_equal(r, FLOW_REFUSED);
                        if (r != 0)
                                assert_memory_equal(&flow, &after, sizeof(flow));
                        else
                                assert_true(after.fence >= flow.fence);
                }
}

static void an_unstarted_job_expires_a_running_one_does_not(void **state)
{
        struct flow queued = { .state = FLOW_QUEUED },
                    running = { .state = FLOW_LEASED, .attempts = 1, .fence = 1 };

        assert_int_equal(step(&queued, FLOW_EVENT_EXPIRE, 0), 0);
        assert_int_equal(queued.state, FLOW_EXPIRED);
        assert_int_equal(step(&running, FLOW_EVENT_EXPIRE, 0), FLOW_REFUSED);
        assert_int_equal(step(&running, FLOW_EVENT_REFUSE, 1), 0);
        assert_int_equal(running.state, FLOW_FAILED);
}

static void names(void **state)
{
        for (int s = 0; s < FLOW_STATE_COUNT; s++) {
                assert_int_equal(flow_state_find(flow_state_name((enum flow_state)s)), s);
                assert_true(flow_state_text((enum flow_state)s)[0] != '\0');
        }
        assert_int_equal(flow_state_find("happy"), FLOW_STATE_COUNT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_life),
                cmocka_unit_test(poison_is_given_up),
                cmocka_unit_test(a_late_result_is_stale),
                cmocka_unit_test(a_job_given_back_had_no_attempt),
                cmocka_unit_test(an_end_is_an_end),
                cmocka_unit_test(an_unstarted_job_expires_a_running_one_does_not),
                cmocka_unit_test(names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a queue owes, asked of every row of backend.def. */
#include "backend/backend.h"
#include "util/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct queue_ops *ops;
static struct queue *queue;

static void put(uint64_t seq, const char *owner, enum priority priority)
{
        struct queue_item item = {
                .seq = seq, .owner = owner, .lane = "", .priority = priority, .local = true
        };

        assert_int_equal(ops->put(queue, &item), 0);
}

static uint64_t take_of(const char *lane, enum priority worst, uint64_t now)
{
        uint64_t seq;

        return ops->take(queue, lane, worst, now, &seq) == 0 ? seq : 0;
}

static uint64_t take(void)
{
        return take_of(NULL, PRIORITY_BULK, 0);
}

static int open_queue(void **state)
{
        struct queue_limits limits = { .most = 1000, .lane_most = 3 };
        struct err err;

        return ops->open(&limits, &queue, &err);
}

static int close_queue(void **state)
{
        ops->close(queue);
        return 0;
}

static void first_come_first_served(void **state)
{
        for (uint64_t seq = 1; seq <= 5; seq++)
                put(seq, "", PRIORITY_NORMAL);
        assert_int_equal(ops->count(queue), 5);
        for (uint64_t seq = 1; seq <= 5; seq++)
                assert_int_equal(take(), seq);
        assert_int_equal(take(), 0);
        assert_int_equal(ops->count(queue), 0);
}

static void the_urgent_first(void **state)
{
        put(1, "", PRIORITY_BULK);
        put(2, "", PRIORITY_NORMAL);
        put(3, "", PRIORITY_INTERACTIVE);
        assert_int_equal(take_of(NULL, PRIORITY_INTERACTIVE, 0), 3);
        assert_int_equal(take_of(NULL, PRIORITY_INTERACTIVE, 0), 0);
        assert_int_equal(take(), 2);
        assert_int_equal(take(), 1);
}

static void owners_take_turns(void **state)
{
        for (uint64_t seq = 1; seq <= 6; seq++)
                put(seq, "many", PRIORITY_NORMAL);
        put(7, "few", PRIORITY_NORMAL);
        put(8, "few", PRIORITY_NORMAL);
        assert_int_equal(take(), 1);
        assert_int_equal(take(), 7);
        assert_int_equal(take(), 2);
        assert_int_equal(take(), 8);
        assert_int_equal(take(), 3);
        assert_int_equal(take(), 4);
}

static void tune(const char *owner, uint32_t share, size_t most)
{
        assert_int_equal(ops->tune(queue, owner, &(struct queue_share){ share, most }), 0);
}

static void a_share_is_so_many_turns(void **state)
{
        tune("a", 3, 0);
        for (uint64_t seq = 1; seq <= 8; seq++)
                put(seq, "a", PRIORITY_NORMAL);
        for (uint64_t seq = 11; seq <= 14; seq++)
                put(seq, "b", PRIORITY_NORMAL);
        put(21, "a", PRIORITY_INTERACTIVE); /* another priority is another round */
        assert_int_equal(take(), 21);
        for (uint64_t i = 0; i < 2; i++) {
                assert_int_equal(take(), 3 * i + 1);
                assert_int_equal(take(), 3 * i + 2);
                assert_int_equal(take(), 3 * i + 3);
                assert_int_equal(take(), i + 11);
        }
        tune("a", 1, 0);
        tune("b", 1, 0);
        assert_int_equal(take(), 7);
        assert_int_equal(take(), 13);
        assert_int_equal(take(), 8);
        assert_int_equal(take(), 14);
        assert_int_equal(take(), 0);
}

/* Ten thousand jobs of one keep nobody waiting for more than a turn. */
static void many_do_not_starve_one(void **state)
{
        for (uint64_t seq = 1; seq <= 10000; seq++)
                put(seq, "many", PRIORITY_NORMAL);
        for (uint64_t seq = 1; seq <= 100; seq++)
                assert_int_equal(take(), seq);
        put(20000, "one", PRIORITY_NORMAL);
        assert_true(take() == 20000 || take() == 20000);
}

static void so_many_out_at_once(void **state)
{
        tune("a", 1, 2);
        for (uint64_t seq = 1; seq <= 4; seq++)
                put(seq, "a", seq == 4 ? PRIORITY_INTERACTIVE : PRIORITY_NORMAL);
        put(11, "b", PRIORITY_BULK);
        assert_int_equal(take(), 4);
        assert_int_equal(take(), 1);
        assert_int_equal(take(), 11); /* the places of others are theirs */
        assert_int_equal(take(), 0);
        assert_int_equal(ops->count(queue), 2);
        ops->drop(queue, 4);
        assert_int_equal(take(), 2);
        assert_int_equal(take(), 0);
        put(1, "a", PRIORITY_NORMAL); /* another attempt gives its place back, and waits as any other */
        assert_int_equal(take(), 3);
        assert_int_equal(take(), 0);
        tune("a", 1, 0);
        assert_int_equal(take(), 1);
        assert_int_equal(take(), 0);
        for (uint64_t seq = 1; seq <= 4; seq++)
                ops->drop(queue, seq);
        assert_int_equal(ops->count(queue), 0);
}

static void fill(const char *owner, uint64_t first, size_t expect)
{
        struct queue_item item = { .owner = owner, .lane = "", .priority = PRIORITY_BULK, .local = true };
        size_t n = 0;

        while (ops->room(queue, &item, 1) == 0 && n < 1000) {
                item.seq = first + n++;
                assert_int_equal(ops->put(queue, &item), 0);
        }
        assert_int_equal(n, expect);
}

/* Of a thousand places. */
static void there_is_room_for_the_next(void **state)
{
        struct queue_item item = { .owner = "a", .lane = "", .priority = PRIORITY_NORMAL, .local = true };

        assert_int_equal(ops->room(queue, &item, 801), QUEUE_FULL);
        assert_int_equal(ops->room(queue, &item, 800), 0);
        fill("a", 1, 800);
        fill("b", 1001, 160);
        fill("c", 2001, 32);
        fill("", 3001, 8); /* who has no name is everybody */
}

static void those_who_have_nothing_out(void **state)
{
        uint64_t seq;

        put(1, "a", PRIORITY_NORMAL);
        put(2, "a", PRIORITY_NORMAL);
        assert_int_equal(take(), 1);
        assert_int_equal(ops->take_idle(queue, PRIORITY_BULK, 0, &seq), QUEUE_EMPTY);
        put(11, "b", PRIORITY_NORMAL);
        put(12, "b", PRIORITY_NORMAL);
        assert_int_equal(ops->take_idle(queue, PRIORITY_INTERACTIVE, 0, &seq), QUEUE_EMPTY);
        assert_int_equal(ops->take_idle(queue, PRIORITY_NORMAL, 0, &seq), 0);
        assert_int_equal(seq, 11);
        assert_int_equal(ops->take_idle(queue, PRIORITY_NORMAL, 0, &seq), QUEUE_EMPTY);
        ops->drop(queue, 1);
        assert_int_equal(ops->take_idle(queue, PRIORITY_NORMAL, 0, &seq), 0);
        assert_int_equal(seq, 2);
}

static void what_is_out_does_not_expire(void **state)
{
        struct queue_item item = { .seq = 1, .owner = "a", .lane = "l", .local = true, .expires_ns = 10 };
        uint64_t seq;

        assert_int_equal(ops->put(queue, &item), 0);
        assert_int_equal(take(), 1);
        assert_int_equal(ops->expired(queue, 1000, &seq), QUEUE_EMPTY);
        assert_int_equal(take_of("l", PRIORITY_BULK, 0), 0);
        assert_int_equal(ops->put(queue, &item), 0);
        assert_int_equal(take_of("l", PRIORITY_BULK, 0), 1);
        assert_int_equal(take(), 0);
}

static void once_only(void **state)
{
        put(1, "", PRIORITY_NORMAL);
        put(1, "", PRIORITY_NORMAL);
        assert_int_equal(ops->count(queue), 1);
        assert_int_equal(take(), 1);
        assert_int_equal(take(), 0);
        put(2, "", PRIORITY_NORMAL);
        ops->drop(queue, 2);
        ops->drop(queue, 99);
        assert_int_equal(take(), 0);
}

static void lanes(void **state)
{
        struct queue_item both = {
                .seq = 1, .owner = "", .lane = "go", .priority = PRIORITY_NORMAL, .local = true
        };
        struct queue_item only = { .seq = 2, .owner = "", .lane = "go", .priority = PRIORITY_NORMAL };

        assert_int_equal(ops->put(queue, &both), 0);
        assert_int_equal(ops->put(queue, &only), 0);
        assert_int_equal(take_of("js", PRIORITY_BULK, 0), 0);
        assert_int_equal(take(), 1);
        assert_int_equal(take(), 0);
        assert_int_equal(take_of("go", PRIORITY_BULK, 0), 2);
        assert_int_equal(take_of("go", PRIORITY_BULK, 0), 0);
        assert_int_equal(ops->put(queue, &both), 0);
        assert_int_equal(take_of("go", PRIORITY_BULK, 0), 1);
        assert_int_equal(take(), 0);
}

static void bounds(void **state)
{
        struct queue_item lane = { .owner = "", .lane = "cobol", .priority = PRIORITY_NORMAL };
        struct queue_item local = { .owner = "", .lane = "", .priority = PRIORITY_NORMAL, .local = true };

        for (uint64_t seq = 1; seq <= 3; seq++) {
                assert_int_equal(ops->room(queue, &lane, 1), 0);
                lane.seq = seq;
                assert_int_equal(ops->put(queue, &lane), 0);
        }
        assert_int_equal(ops->room(queue, &lane, 1), QUEUE_FULL);
        assert_int_equal(ops->room(queue, &local, 997), 0);
        assert_int_equal(ops->room(queue, &local, 998), QUEUE_FULL);
        lane.lane = "ada";
        assert_int_equal(ops->room(queue, &lane, 3), 0);
        assert_int_equal(ops->room(queue, &lane, 4), QUEUE_FULL);
}

static void another_attempt_waits(void **state)
{
        struct queue_item item = { .seq = 1, .owner = "", .lane = "l", .local = true, .not_before_ns = 1000 };

        assert_int_equal(ops->put(queue, &item), 0);
        item.seq = 2;
        item.not_before_ns = 500;
        assert_int_equal(ops->put(queue, &item), 0);
        put(3, "", PRIORITY_INTERACTIVE);
        assert_int_equal(ops->wake_ns(queue), 500);
        assert_int_equal(take_of(NULL, PRIORITY_BULK, 499), 3);
        assert_int_equal(take_of(NULL, PRIORITY_BULK, 499), 0);
        assert_int_equal(take_of("l", PRIORITY_BULK, 500), 2);
        assert_int_equal(ops->wake_ns(queue), 1000);
        ops->drop(queue, 1);
        assert_int_equal(ops->wake_ns(queue), UINT64_MAX);
        assert_int_equal(ops->count(queue), 0);
}

static void expiry(void **state)
{
        uint64_t seq;

        for (uint64_t i = 1; i <= 6; i++) {
                struct queue_item item = { .seq = i, .owner = "", .lane = "", .local = true };

                item.expires_ns = i % 2 ? 100 * i : 0;
                assert_int_equal(ops->put(queue, &item), 0);
        }
        assert_int_equal(ops->expired(queue, 99, &seq), QUEUE_EMPTY);
        assert_int_equal(ops->expired(queue, 350, &seq), 0);
        assert_int_equal(seq, 1);
        ops->drop(queue, 2);
        assert_int_equal(ops->expired(queue, 350, &seq), 0);
        assert_int_equal(seq, 3);
        assert_int_equal(ops->expired(queue, 350, &seq), QUEUE_EMPTY);
        assert_int_equal(ops->expired(queue, 1000, &seq), 0);
        assert_int_equal(seq, 5);
        assert_int_equal(ops->expired(queue, 1000, &seq), QUEUE_EMPTY);
        assert_int_equal(take(), 4);
        assert_int_equal(take(), 6);
}

static void many(void **state)
{
        for (uint64_t seq = 1; seq <= 100000; seq++) {
                char owner[16];

                snprintf(owner, sizeof(owner), "o%llu", (unsigned long long)(seq % 100));
                put(seq, owner, (enum priority)(seq % 3));
        }
        for (uint64_t seq = 1; seq <= 100000; seq += 2)
                ops->drop(queue, seq);
        for (int i = 0; i < 50000; i++)
                assert_true(take() % 2 == 0);
        assert_int_equal(take(), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(first_come_first_served, open_queue, close_queue),
                cmocka_unit_test_setup_teardown(the_urgent_first, open_queue, close_queue),
                cmocka_unit_test_setup_teardown(owners_take_turns, open_queue, close_queue),
                cmocka_unit_test_setup_teardown(a_share_is_so_many_turns, open_queue, close_queue),
                cmocka_unit_test_setup_teardown(many_do_not_starve_one, open_queue, close_queue),
                cmocka_unit_test_setup_teardown(so_many_out_at_once, open_queue, close_queue),
                cmocka_unit_test_setup_teardown(there_is_room_for_the_next, open_queue, close_queue),
                cmocka_unit_test_setup_teardown(those_who_have_nothing_out, open_queue, close_queue),
                cmocka_unit_test_setup_teardown(what_is_out_does_not_expire, open_queue, close_queue),
                cmocka_unit_test_setup_teardown(once_only, open_queue, close_queue),
                cmocka_unit_test_setup_teardown(lanes, open_queue, close_queue),
                cmocka_unit_test_setup_teardown(bounds, open_queue, close_queue),
                cmocka_unit_test_setup_teardown(another_attempt_waits, open_queue, close_queue),
                cmocka_unit_test_setup_teardown(expiry, open_queue, close_queue),
                cmocka_unit_test_setup_teardown(many, open_queue, close_queue),
        };
        int r = 0;

        for (size_t i = 0; backend_queues[i]; i++) {
                ops = backend_queues[i];
                r |= cmocka_run_group_tests_name(ops->name, tests, NULL, NULL);
        }
        return r;
}

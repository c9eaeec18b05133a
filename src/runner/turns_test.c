/* Who is next: a table of who waits, and the order in which slots are given. */
#include "runner/turns.h"
#include "runner/task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { TASKS = 1200 };

static struct turns turns;
static struct task tasks[TASKS];
static size_t n_tasks;

static int begin(void **state)
{
        memset(&turns, 0, sizeof(turns));
        memset(tasks, 0, sizeof(tasks));
        turns_init(&turns);
        n_tasks = 0;
        return 0;
}

static struct task *add(uint64_t ticket, uint64_t owner, uint32_t share, bool first)
{
        struct task *task = &tasks[n_tasks++];

        task->ticket = ticket;
        task->owner = owner;
        task->share = share;
        turns_add(&turns, task, first);
        return task;
}

static uint64_t start(void)
{
        struct task *task = turns_first(&turns);

        if (!task)
                return 0;
        turns_remove(&turns, task, true);
        return task->ticket;
}

static void without_owners_by_arrival(void **state)
{
        for (uint64_t i = 1; i <= 5; i++)
                add(i, 0, 0, false);
        for (uint64_t i = 1; i <= 5; i++)
                assert_int_equal(start(), i);
        assert_int_equal(start(), 0);
}

static void owners_take_turns(void **state)
{
        for (uint64_t i = 1; i <= 1000; i++)
                add(i, 7, 1, false);
        assert_int_equal(turns_count(&turns, 7), 1000);
        assert_int_equal(turns_count(&turns, 7 + TURNS_BUCKETS), 0);
        assert_int_equal(start(), 1);
        assert_int_equal(start(), 2);
        assert_int_equal(turns_count(&turns, 7), 998);
        add(2001, 7 + TURNS_BUCKETS, 1, false); /* the same bucket */
        add(2002, 7 + TURNS_BUCKETS, 1, false);
        assert_int_equal(start(), 3);
        assert_int_equal(start(), 2001);
        assert_int_equal(start(), 4);
        assert_int_equal(start(), 2002);
        for (uint64_t i = 5; i <= 1000; i++)
                assert_int_equal(start(), i);
        assert_null(turns_first(&turns));
}

static void a_share_is_so_many_in_a_row(void **state)
{
        for (uint64_t i = 1; i <= 6; i++)
                add(i, 1, 2, false);
        for (uint64_t i = 11; i <= 13; i++)
                add(i, 2, 1, false);
        for (uint64_t i = 0; i < 3; i++) {
                assert_int_equal(start(), 2 * i + 1);
                assert_int_equal(start(), 2 * i + 2);
                assert_int_equal(start(), i + 11);
        }
        assert_int_equal(start(), 0);
}

static void what_goes_on_is_first_and_costs_no_turn(void **state)
{
        add(1, 1, 1, false);
        add(2, 1, 1, false);
        add(3, 2, 1, false);
        add(4, 1, 1, true);
        add(5, 2, 1, true);
        assert_int_equal(start(), 5);
        assert_int_equal(start(), 4);
        assert_int_equal(start(), 1);
        assert_int_equal(start(), 3);
        assert_int_equal(start(), 2);
}

static void all_are_looked_at_once(void **state)
{
        uint64_t seen = 0, n = 0;
        struct task *gone;

        add(1, 1, 1, false);
        gone = add(2, 2, 1, false);
        add(3, 2, 1, false);
        add(4, 3, 1, false);
        add(5, 1, 1, true);
        for (struct task *task = turns_first(&turns); task; task = turns_next(&turns, task), n++)
                seen |= 1u << task->ticket;
        assert_int_equal(n, 5);
        assert_int_equal(seen, 0x3e);
        turns_remove(&turns, gone, false); /* cancelled: no turn was had */
        assert_int_equal(start(), 5);
        assert_int_equal(start(), 1);
        assert_int_equal(start(), 3);
        assert_int_equal(start(), 4);
        assert_int_equal(start(), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(without_owners_by_arrival, begin),
                cmocka_unit_test_setup(owners_take_turns, begin),
                cmocka_unit_test_setup(a_share_is_so_many_in_a_row, begin),
                cmocka_unit_test_setup(what_goes_on_is_first_and_costs_no_turn, begin),
                cmocka_unit_test_setup(all_are_looked_at_once, begin),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Changes that are committed together, on a store that is there, that fails, and that is damaged in one place. */
#include "backend/backend.h"
#include "ledger/group.h"
#include "util/err.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

struct step {
        struct change change;
        int outcome; /* of apply() */
        unsigned n_applied, n_done;
        int told;
};

static struct event_base *base;
static struct store *store;
static struct group *group;

static int apply(struct change *change, struct err *err)
{
        struct step *step = (struct step *)change;

        step->n_applied++;
        return step->outcome < 0 ? err_set(err, step->outcome, "the store failed") : step->outcome;
}

static void done(struct change *change, int r, const char *text)
{
        struct step *step = (struct step *)change;

        step->n_done++;
        step->told = r;
        assert_true(r >= 0 || text[0]);
}

static void add(struct step *step, int outcome, bool vital)
{
        *step = (struct step){ .change = { .apply = apply, .done = done, .vital = vital },
                               .outcome = outcome };
        group_add(group, &step->change);
}

static int begin(void **state)
{
        struct err err;

        base = event_base_new();
        assert_non_null(base);
        assert_int_equal(event_base_priority_init(base, 3), 0);
        assert_int_equal(backend_store("memory")->open(NULL, &store, &err), 0);
        assert_int_equal(group_new(base, backend_store("memory"), store, &group, &err), 0);
        return 0;
}

static int end(void **state)
{
        group_free(group);
        backend_store("memory")->close(store);
        event_base_free(base);
        return 0;
}

static void assert_told(const struct step *step, int r)
{
        assert_int_equal(step->n_done, 1);
        assert_int_equal(step->told, r);
}

static void each_is_told_its_own(void **state)
{
        struct step steps[1500];

        for (size_t i = 0; i < ARRAY_LEN(steps); i++)
                add(&steps[i], i % 3 == 0 ? 7 : 0, false);
        event_base_loop(base, EVLOOP_NONBLOCK);
        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
                assert_told(&steps[i], i % 3 == 0 ? 7 : 0);
                assert_int_equal(steps[i].n_applied, 1);
        }
        assert_false(group_is_broken(group));
}

/* Who waits is told; results are kept until they can be written. */
static void a_failing_store_keeps_what_is_vital(void **state)
{
        struct step client, result, late;

        add(&client, 0, false);
        add(&result, 0, true);
        add(&late, -ENOSPC, true);
        group_flush(group);
        assert_told(&client, -ENOSPC);
        assert_int_equal(result.n_done, 0);
        assert_int_equal(late.n_done, 0);
        assert_true(group_is_broken(group));
        late.outcome = 0;
        group_flush(group);
        assert_told(&result, 0);
        assert_told(&late, 0);
        assert_false(group_is_broken(group));
}

static void what_is_damaged_fails_alone(void **state)
{
        struct step before, damaged, after;

        add(&before, 0, false);
        add(&damaged, -EUCLEAN, true);
        add(&after, 2, false);
        group_flush(group);
        assert_told(&damaged, -EUCLEAN);
        assert_told(&before, 0);
        assert_told(&after, 2);
        assert_false(group_is_broken(group));
}

static void an_end_gives_up_what_is_left(void **state)
{
        struct step step;

        add(&step, 0, true);
        group_free(TAKE_PTR(group));
        assert_told(&step, -ECANCELED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(each_is_told_its_own),
                TEST(a_failing_store_keeps_what_is_vital),
                TEST(what_is_damaged_fails_alone),
                TEST(an_end_gives_up_what_is_left),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

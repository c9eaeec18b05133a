#include "api/pool.h"
#include "util/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <cmocka.h>
#include <event2/event.h>
#include <pthread.h>

enum { WORKS = 200 };

struct square {
        struct work work;
        int in, out;
        pthread_t ran_on;
};

static struct {
        struct event_base *base;
        int n_done, sum;
} seen;

static void run(struct work *work)
{
        struct square *square = (struct square *)work;

        square->out = square->in * square->in;
        square->ran_on = pthread_self();
}

static void done(struct work *work)
{
        struct square *square = (struct square *)work;

        if (square->out)
                assert_false(pthread_equal(square->ran_on, pthread_self()));
        seen.sum += square->out;
        free(square);
        if (++seen.n_done == WORKS)
                event_base_loopbreak(seen.base);
}

static void add(struct pool *pool, int in, void (*run_fn)(struct work *))
{
        struct square *square = calloc(1, sizeof(*square));

        assert_non_null(square);
        square->work.run = run_fn;
        square->work.done = done;
        square->in = in;
        pool_add(pool, &square->work);
}

static void runs_on_threads_and_ends_on_the_loop(void **state)
{
        struct pool *pool;
        struct err err;
        int expect = 0;

        seen.n_done = seen.sum = 0;
        seen.base = event_base_new();
        assert_int_equal(pool_new(seen.base, 3, &pool, &err), 0);
        for (int i = 1; i <= WORKS; i++) {
                add(pool, i, run);
                expect += i * i;
        }
        event_base_dispatch(seen.base);
        assert_int_equal(seen.n_done, WORKS);
        assert_int_equal(seen.sum, expect);
        pool_free(pool);
        event_base_free(seen.base);
}

/* As under a filter that lets no thread be made. */
static void works_without_threads(void **state)
{
        struct pool *pool;
        struct err err;

        seen.n_done = seen.sum = 0;
        seen.base = event_base_new();
        assert_int_equal(pool_new(seen.base, 0, &pool, &err), 0);
        add(pool, 0, run); /* 0: its done() does not look where it ran */
        assert_int_equal(seen.n_done, 0);
        event_base_loop(seen.base, EVLOOP_ONCE);
        assert_int_equal(seen.n_done, 1);
        pool_free(pool);
        event_base_free(seen.base);
}

static atomic_bool begun;

static void run_slowly(struct work *work)
{
        struct timespec time = { 0, 50 * 1000000 };

        begun = true;
        nanosleep(&time, NULL);
        run(work);
}

/* The one being run is waited for, the others are not run; every one gets its done(). */
static void ends_all_when_freed(void **state)
{
        struct pool *pool;
        struct err err;

        seen.n_done = seen.sum = 0;
        seen.base = event_base_new();
        assert_int_equal(pool_new(seen.base, 1, &pool, &err), 0);
        for (int i = 0; i < 5; i++)
                add(pool, 2, run_slowly);
        while (!begun)
                sched_yield();
        pool_free(pool);
        assert_int_equal(seen.n_done, 5);
        assert_int_equal(seen.sum, 4);
        event_base_free(seen.base);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(runs_on_threads_and_ends_on_the_loop),
                cmocka_unit_test(works_without_threads),
                cmocka_unit_test(ends_all_when_freed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

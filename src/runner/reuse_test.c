/* What is reused, and all that keeps it from being: through client, wire and runner, against keepers that count. */
#include "runner/scene_test.h"
#include "job/job.h"
#include "util/err.h"
#include "util/log.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <cmocka.h>

/* A job as a test wants it. */
struct want {
        const char *content, *name, *arg, *input;
        uint64_t owner, wall_ns;
        bool fresh, merged;
        enum job_part part;
};

static const struct want usual = { .content = "source", .name = "main", .arg = "show", .input = "input" };

static void submit(struct scene *scene, struct answer *answer, const struct want *want)
{
        struct bytes content = BYTES_INIT(1024);
        struct err err = { "" };
        struct job job;

        *answer = (struct answer){ .scene = scene };
        job_init(&job, &scene->runtimes[1]);
        assert_int_equal(bytes_add_text(&content, want->content), 0);
        assert_int_equal(job_add_file_take(&job, want->name, strlen(want->name), &content, true, &err), 0);
        assert_int_equal(job_add_arg(&job, want->arg, strlen(want->arg), &err), 0);
        assert_int_equal(job_add_arg(&job, "", 0, &err), 0);
        assert_int_equal(job_settle(&job, &err), 0);
        job.input = BYTES_INIT(1024);
        assert_int_equal(bytes_add_text(&job.input, want->input), 0);
        job.owner = want->owner;
        job.fresh = want->fresh;
        job.merged = want->merged;
        job.part = want->part;
        if (want->wall_ns)
                job.limits[STAGE_COMPILE].wall_ns = want->wall_ns;
        assert_int_equal(client_submit(scene->client, &job, scene_on_done, answer, &answer->ticket, &err), 0);
        scene->waiting++;
        job_deinit(&job);
}

/* Was it compiled for this? */
static bool compiles(struct scene *scene, const struct want *want, struct answer *ret)
{
        int before = keeper_builds;

        submit(scene, ret, want);
        scene_wait(scene);
        assert_true(ret->compiled);
        assert_int_equal(ret->compile, VERDICT_OK);
        assert_int_equal(ret->cached, keeper_builds == before);
        return keeper_builds > before;
}

static void test_the_same_answer(void **state)
{
        struct scene *scene = scene_open(2, 10);
        struct answer first, again;

        assert_true(compiles(scene, &usual, &first));
        for (int i = 0; i < 5; i++) {
                assert_false(compiles(scene, &usual, &again));
                assert_int_equal(again.verdict, first.verdict);
                assert_string_equal(again.out, first.out);
                assert_string_equal(again.err, first.err);
                assert_memory_equal(again.totals, first.totals, sizeof(again.totals));
        }
        assert_string_equal(again.out, "builtSOURCE");
        scene_close(scene);
}

static void test_whatever_differs_is_compiled(void **state)
{
        const struct want rows[] = {
                { .content = "sourcf", .name = "main", .arg = "show", .input = "input" },
                { .content = "source", .name = "nain", .arg = "show", .input = "input" },
                { .content = "source", .name = "main", .arg = "shows", .input = "input" },
                { .content = "source", .name = "main", .arg = "show", .input = "" },
                { .content = "source", .name = "main", .arg = "show", .input = "input", .owner = 1 },
                { .content = "source", .name = "main", .arg = "show", .input = "input", .owner = 2 },
                { .content = "source", .name = "main", .arg = "show", .input = "input", .merged = true },
                { .content = "source",
                  .name = "main",
                  .arg = "show",
                  .input = "input",
                  .wall_ns = 299 * NSEC_PER_MSEC },
        };
        struct scene *scene = scene_open(2, 10);
        struct answer a;

        assert_true(compiles(scene, &usual, &a));
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                assert_true(compiles(scene, &rows[i], &a));
                assert_false(compiles(scene, &rows[i], &a));
        }
        assert_false(compiles(scene, &usual, &a));
        scene->runtimes[1].identity[31] = 1; /* another toolchain */
        assert_true(compiles(scene, &usual, &a));
        scene->runtimes[1].version = "1.0.1";
        assert_true(compiles(scene, &usual, &a));
        assert_false(compiles(scene, &usual, &a));
        memset(scene->runtimes[1].identity, 0, DIGEST_BYTES); /* one nobody knows */
        assert_true(compiles(scene, &usual, &a));
        assert_true(compiles(scene, &usual, &a));
        scene_close(scene);
}

static void test_other_stdin_same_program(void **state)
{
        struct want want = usual;
        struct scene *scene = scene_open(2, 10);
        struct answer a;

        assert_true(compiles(scene, &want, &a));
        want.input = "something else";
        assert_false(compiles(scene, &want, &a));
        /* A compiler that reads stdin may have compiled it. */
        want.arg = "reads";
        assert_true(compiles(scene, &want, &a));
        assert_true(compiles(scene, &want, &a));
        scene_close(scene);
}

static void test_opt_out(void **state)
{
        struct want want = usual;
        struct scene *scene = scene_open(2, 10);
        struct answer a;

        want.fresh = true;
        assert_true(compiles(scene, &want, &a));
        assert_true(compiles(scene, &usual, &a)); /* nothing was kept of it */
        assert_true(compiles(scene, &want, &a));
        assert_false(compiles(scene, &usual, &a));
        scene_close(scene);
}

static void test_compile_only(void **state)
{
        struct want want = usual;
        struct scene *scene = scene_open(2, 10);
        struct answer a;

        want.part = JOB_COMPILE;
        assert_true(compiles(scene, &want, &a));
        assert_false(a.ran);
        assert_false(compiles(scene, &want, &a));
        assert_false(a.ran);
        assert_false(compiles(scene, &usual, &a)); /* what follows is not part of what was compiled */
        assert_string_equal(a.out, "builtSOURCE");
        scene_close(scene);
}

static void test_failures_are_not_kept(void **state)
{
        struct want want = usual;
        struct scene *scene = scene_open(2, 10);
        struct answer a;

        want.arg = "fails";
        for (int i = 0; i < 3; i++) {
                submit(scene, &a, &want);
                scene_wait(scene);
                assert_int_equal(a.compile, VERDICT_EXIT);
                assert_string_equal(a.err, "built it");
                assert_false(a.cached);
        }
        assert_int_equal(keeper_builds, 3);
        scene_close(scene);
}

static void test_one_of_many_compiles(void **state)
{
        struct want want = usual;
        struct scene *scene = scene_open(4, 100);
        struct answer answers[20];

        want.arg = "slow";
        for (size_t i = 0; i < ARRAY_LEN(answers); i++)
                submit(scene, &answers[i], &want);
        scene_wait(scene);
        for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
                assert_int_equal(answers[i].verdict, VERDICT_OK);
                assert_string_equal(answers[i].out, "builtSOURCE");
        }
        assert_int_equal(keeper_builds, 1);
        scene_close(scene);
}

/* Whoever waits for a task that is cancelled compiles for itself. */
static void test_the_one_that_compiles_is_cancelled(void **state)
{
        struct want want = usual;
        struct scene *scene = scene_open(2, 100);
        struct answer first, second;

        want.arg = "slow";
        submit(scene, &first, &want);
        submit(scene, &second, &want);
        scene_wait_ms(scene, 50);
        client_cancel(scene->client, first.ticket);
        scene->waiting--;
        scene_wait(scene);
        assert_int_equal(second.verdict, VERDICT_OK);
        assert_string_equal(second.out, "builtSOURCE");
        scene_close(scene);
}

static void test_without_a_cache(void **state)
{
        struct scene *scene;
        struct answer a;

        scene_cache_bytes = 0;
        scene = scene_open(2, 10);
        assert_true(compiles(scene, &usual, &a));
        assert_true(compiles(scene, &usual, &a));
        scene_close(scene);
        scene_cache_bytes = MIB;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_same_answer),
                cmocka_unit_test(test_whatever_differs_is_compiled),
                cmocka_unit_test(test_other_stdin_same_program),
                cmocka_unit_test(test_opt_out),
                cmocka_unit_test(test_compile_only),
                cmocka_unit_test(test_failures_are_not_kept),
                cmocka_unit_test(test_one_of_many_compiles),
                cmocka_unit_test(test_the_one_that_compiles_is_cancelled),
                cmocka_unit_test(test_without_a_cache),
        };

        log_open(LOG_NONE, "test");
        signal(SIGPIPE, SIG_IGN);
        scene_cache_bytes = MIB;
        return cmocka_run_group_tests(tests, NULL, NULL);
}

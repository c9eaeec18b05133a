/* Client, wire and runner as they are, against keepers that obey words instead of running programs. */
#include "runner/scene_test.h"
#include "box/box.h"
#include "job/job.h"
#include "util/err.h"
#include "util/fdio.h"
#include "util/log.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <cmocka.h>

static void test_happy_run(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct answer a;

        for (int i = 0; i < 50; i++) {
                scene_one(scene, &a, 0, "echo", "");
                assert_int_equal(a.verdict, VERDICT_OK);
                assert_string_equal(a.out, "input");
                assert_string_equal(a.err, "err");
                assert_int_equal(a.exit_code, 0);
                assert_true(a.ran);
                assert_false(a.compiled);
        }
        scene_one(scene, &a, 0, "exit", "7");
        assert_int_equal(a.verdict, VERDICT_EXIT);
        assert_int_equal(a.exit_code, 7);
        scene_one(scene, &a, 0, "show", "");
        assert_string_equal(a.out, "mainsource");
        scene_close(scene);
}

static void test_large_stdin_is_pumped(void **state)
{
        static char big[90000];
        struct scene *scene = scene_open(1, 10);
        struct answer a;

        memset(big, 'i', sizeof(big));
        scene_submit(scene, &a, 0, "echo", "", (struct view){ big, sizeof(big) });
        scene_wait(scene);
        assert_int_equal(a.verdict, VERDICT_OK);
        assert_int_equal(a.totals[STREAM_STDOUT], sizeof(big));
        /* A program that never reads it ends as well as any other. */
        scene_submit(scene, &a, 0, "exit", "0", (struct view){ big, sizeof(big) });
        scene_wait(scene);
        assert_int_equal(a.verdict, VERDICT_OK);
        scene_close(scene);
}

static void test_output_limit_is_exact(void **state)
{
        static const struct {
                const char *what, *how;
                enum verdict verdict;
                uint64_t kept;
        } rows[] = {
                { "flood", "99999", VERDICT_OK, 99999 },
                { "flood", "100000", VERDICT_OK, 100000 },
                { "flood", "100001", VERDICT_STDOUT, 100000 },
                { "flood", "10000000", VERDICT_STDOUT, 100000 },
                { "flood2", "100000", VERDICT_OK, 100000 },
                { "flood2", "100001", VERDICT_STDERR, 100000 },
                { "flood2", "10000000", VERDICT_STDERR, 100000 },
        };
        struct scene *scene = scene_open(2, 10);
        struct answer a;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                scene_one(scene, &a, 0, rows[i].what, rows[i].how);
                assert_int_equal(a.verdict, rows[i].verdict);
                assert_int_equal(a.totals[streq(rows[i].what, "flood") ? STREAM_STDOUT : STREAM_STDERR],
                                 rows[i].kept);
        }
        assert_in_range(keeper_killed, 2, 4);
        scene_close(scene);
}

static void test_compile_then_run(void **state)
{
        struct scene *scene = scene_open(2, 10);
        struct answer a;

        scene_one(scene, &a, 1, "show", "");
        assert_int_equal(a.verdict, VERDICT_OK);
        assert_true(a.compiled && a.ran);
        assert_string_equal(a.out, "builtSOURCE");
        scene_one(scene, &a, 1, "fails", "");
        assert_int_equal(a.verdict, VERDICT_EXIT);
        assert_int_equal(a.compile, VERDICT_EXIT);
        assert_true(a.compiled);
        assert_false(a.ran);
        assert_string_equal(a.err, "built it");
        scene_one(scene, &a, 1, "half", "");
        assert_int_equal(a.verdict, VERDICT_ENGINE);
        assert_false(a.ran);
        scene_close(scene);
}

static void test_artefact_has_a_limit(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct answer a;

        scene->runtimes[1].limits[STAGE_COMPILE].disk_bytes = 65536;
        scene->runtimes[1].limits[STAGE_COMPILE].inodes = 16;
        scene_one(scene, &a, 1, "huge", "");
        assert_int_equal(a.verdict, VERDICT_DISK);
        assert_true(a.compiled);
        assert_false(a.ran);
        scene_one(scene, &a, 1, "show", "");
        assert_string_equal(a.out, "builtSOURCE");
        scene_close(scene);
}

static void test_job_that_fits_no_box_is_answered(void **state)
{
        static char *long_env[] = { NULL, NULL };
        char *value = malloc(70000);
        struct scene *scene = scene_open(1, 10);
        struct answer a;

        memset(value, 'v', 69999);
        memcpy(value, "V=", 2);
        value[69999] = '\0';
        long_env[0] = value;
        scene->runtimes[0].env = long_env;
        scene_one(scene, &a, 0, "echo", "");
        assert_int_equal(a.verdict, VERDICT_EXEC);
        assert_true(a.ran);
        assert_int_not_equal(a.text[0], '\0');
        scene_close(scene);
        free(value);
}

static void test_limits_above_the_runtime_are_refused(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct runtime ours = scene->runtimes[0];
        struct err err = { "" };
        struct answer a = { .scene = scene };
        struct job job;
        struct bytes content = BYTES_INIT(16);

        ours.limits[STAGE_RUN].memory_bytes++;
        job_init(&job, &ours);
        assert_int_equal(job_add_file_take(&job, "main", 4, &content, true, &err), 0);
        assert_int_equal(job_settle(&job, &err), 0);
        assert_int_equal(client_submit(scene->client, &job, scene_on_done, &a, &a.ticket, &err), 0);
        job_deinit(&job);
        scene->waiting++;
        scene_wait(scene);
        assert_int_equal(a.verdict, VERDICT_ENGINE);
        assert_non_null(strstr(a.text, "memory_bytes"));
        scene_close(scene);
}

static void test_slot_gone_is_tried_once_more(void **state)
{
        struct scene *scene = scene_open(2, 10);
        struct answer a;

        scene_one(scene, &a, 0, "die-once", "");
        assert_int_equal(a.verdict, VERDICT_OK);
        assert_string_equal(a.out, "mainsource");
        assert_int_equal(keeper_died, 2);
        scene_keeper(scene, 0);
        scene_keeper(scene, 1);
        scene_one(scene, &a, 0, "die", "");
        assert_int_equal(a.verdict, VERDICT_ENGINE);
        assert_non_null(strstr(a.text, "slot went away"));
        scene_keeper(scene, 0);
        scene_keeper(scene, 1);
        scene_one(scene, &a, 0, "echo", "");
        assert_int_equal(a.verdict, VERDICT_OK);
        scene_close(scene);
}

static void test_setup_fault_names_its_step(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct answer a;

        scene_one(scene, &a, 0, "setup-once", "");
        assert_int_equal(a.verdict, VERDICT_OK);
        scene_one(scene, &a, 0, "setup", "");
        assert_int_equal(a.verdict, VERDICT_ENGINE);
        assert_non_null(strstr(a.text, box_step_name(2)));
        assert_true(a.ran);
        scene_close(scene);
}

static void test_overload_is_said_at_once(void **state)
{
        struct scene *scene = scene_open(1, 2);
        struct answer a[6];
        int overloaded = 0;

        for (size_t i = 0; i < ARRAY_LEN(a); i++)
                scene_submit(scene, &a[i], 0, "sleep", "", VIEW(""));
        scene_wait_ms(scene, 200);
        for (size_t i = 0; i < ARRAY_LEN(a); i++)
                if (a[i].done && a[i].verdict == VERDICT_OVERLOADED)
                        overloaded++;
        assert_in_range(overloaded, 3, 4); /* one more may wait while the slot gets ready */
        for (size_t i = 0; i < ARRAY_LEN(a); i++)
                if (!a[i].done)
                        client_cancel(scene->client, a[i].ticket);
        scene->waiting = 0;
        scene_one(scene, &a[0], 0, "echo", "");
        assert_int_equal(a[0].verdict, VERDICT_OK);
        scene_close(scene);
}

static void test_cancel(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct answer running, pending, next;

        scene_submit(scene, &running, 0, "sleep", "", VIEW(""));
        scene_submit(scene, &pending, 0, "sleep", "", VIEW(""));
        scene_wait_ms(scene, 50);
        client_cancel(scene->client, pending.ticket);
        client_cancel(scene->client, running.ticket);
        client_cancel(scene->client, running.ticket);
        client_cancel(scene->client, 12345);
        scene->waiting = 0;
        scene_one(scene, &next, 0, "echo", "");
        assert_int_equal(next.verdict, VERDICT_OK);
        assert_false(running.done);
        assert_false(pending.done);
        assert_int_equal(keeper_killed, 1);
        scene_close(scene);
}

static void test_signal_reaches_the_running_job_only(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct answer running, pending;

        scene_submit(scene, &running, 0, "sleep", "", VIEW(""));
        scene_submit(scene, &pending, 0, "echo", "", VIEW(""));
        scene_wait_ms(scene, 50);
        client_signal(scene->client, pending.ticket, SIGINT);
        client_signal(scene->client, running.ticket, SIGTERM);
        scene_wait(scene);
        assert_int_equal(running.verdict, VERDICT_SIGNAL);
        assert_int_equal(running.signal, SIGTERM);
        assert_int_equal(pending.verdict, VERDICT_OK);
        assert_int_equal(keeper_signalled, 1);
        scene_close(scene);
}

static void test_silent_keeper_is_given_up(void **state)
{
        struct scene *scene = scene_open(2, 10);
        struct answer a;

        scene_one(scene, &a, 0, "silent", "");
        assert_int_equal(a.verdict, VERDICT_ENGINE);
        scene_close(scene);
}

static void test_no_slot_is_an_answer_too(void **state)
{
        struct scene *scene = scene_open(0, 10);
        struct answer a;

        scene_one(scene, &a, 0, "echo", "");
        assert_int_equal(a.verdict, VERDICT_ENGINE);
        assert_non_null(strstr(a.text, "no slot"));
        scene_close(scene);
}

static void test_front_comes_back(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct answer old, a;
        struct err err;

        for (int i = 0; i < 20; i++) {
                int front[2];

                scene_submit(scene, &old, 0, "sleep", "", VIEW(""));
                scene_wait_ms(scene, i % 4);
                client_free(scene->client); /* the front dies; a new one counts its tickets from one */
                scene->waiting = 0;
                assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, front), 0);
                scene_control(scene, RUNNER_FRONT, 0, front[1]);
                assert_int_equal(
                        client_new_take(scene->base, front[0], scene_on_lost, scene, &scene->client, &err),
                        0);
                scene_one(scene, &a, 0, "echo", "");
                assert_int_equal(a.verdict, VERDICT_OK);
                assert_false(old.done);
        }
        scene_close(scene);
}

static void test_front_sending_nonsense_is_dropped(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct iovec iov = { (char[]){ "nonsense" }, 8 };
        struct answer a;
        int front[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, front), 0);
        scene_control(scene, RUNNER_FRONT, 0, front[1]);
        scene_wait_ms(scene, 1000);
        assert_true(scene->lost);
        assert_int_equal(fdio_send(front[0], &iov, 1, &front[0], 1), 0);
        scene_wait_ms(scene, 100);
        assert_int_equal(recv(front[0], &a, 1, 0), 0);
        close(front[0]);
        scene_submit(scene, &a, 0, "echo", "", VIEW("waited for a runner"));
        scene_wait_ms(scene, 50);
        assert_false(a.done);
        scene_reconnect(scene);
        scene_wait(scene);
        assert_int_equal(a.verdict, VERDICT_OK);
        assert_string_equal(a.out, "waited for a runner");
        scene_close(scene);
}

static void test_jobs_of_a_lost_runner_run_again_once(void **state)
{
        static char big[40000];
        struct scene *scene = scene_open(1, 10);
        struct answer twice, thrice, pending, cancelled;

        memset(big, 'b', sizeof(big));
        scene_submit(scene, &twice, 0, "sleep", "", VIEW(""));
        scene_submit(scene, &pending, 0, "echo", "", (struct view){ big, sizeof(big) });
        scene_submit(scene, &cancelled, 0, "sleep", "", VIEW(""));
        scene_wait_ms(scene, 50);
        scene_reconnect(scene);
        client_cancel(scene->client, cancelled.ticket);
        scene->waiting--;
        scene_wait_ms(scene, 50);
        assert_false(twice.done);
        client_signal(scene->client, twice.ticket, SIGTERM);
        scene_wait(scene);
        assert_int_equal(twice.verdict, VERDICT_SIGNAL);
        assert_int_equal(pending.verdict, VERDICT_OK);
        assert_int_equal(pending.totals[STREAM_STDOUT], sizeof(big));
        assert_false(cancelled.done);

        scene_submit(scene, &thrice, 0, "sleep", "", VIEW(""));
        scene_wait_ms(scene, 20);
        scene_reconnect(scene);
        scene_wait_ms(scene, 20);
        assert_false(thrice.done);
        scene_reconnect(scene);
        assert_int_equal(thrice.verdict, VERDICT_ENGINE);
        assert_non_null(strstr(thrice.text, "runner went away"));
        scene->waiting = 0;
        scene_close(scene);
}

static void test_runner_that_stays_away_ends_every_job(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct answer early, late;

        scene_submit(scene, &early, 0, "sleep", "", VIEW(""));
        scene_wait_ms(scene, 20);
        shutdown(scene->control, SHUT_RDWR);
        scene_wait(scene); /* the patience of the runner: told as long as it can */
        assert_int_equal(early.verdict, VERDICT_ENGINE);
        scene_wait_ms(scene, 1000);
        assert_true(scene->lost);
        scene_submit(scene, &late, 0, "echo", "", VIEW(""));
        scene_wait(scene);
        assert_int_equal(late.verdict, VERDICT_ENGINE);
        assert_non_null(strstr(late.text, "runner went away"));
        scene_close(scene);
}

static void test_stopping_refuses_what_has_not_begun(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct answer a[3];

        for (size_t i = 0; i < ARRAY_LEN(a); i++)
                scene_submit(scene, &a[i], 0, "sleep", "", VIEW(""));
        scene_wait_ms(scene, 50);
        shutdown(scene->control, SHUT_RDWR);
        scene_wait(scene);
        assert_int_equal(a[0].verdict, VERDICT_ENGINE);
        for (size_t i = 1; i < ARRAY_LEN(a); i++)
                assert_int_equal(a[i].verdict, VERDICT_OVERLOADED);
        scene_close(scene);
}

static void test_stopping_lets_the_running_finish(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct answer a, late;

        scene_submit(scene, &a, 0, "sleep", "", VIEW(""));
        scene_wait_ms(scene, 50);
        shutdown(scene->control, SHUT_RDWR);
        scene_wait_ms(scene, 50);
        scene_submit(scene, &late, 0, "echo", "", VIEW(""));
        scene_wait_ms(scene, 50);
        assert_int_equal(late.verdict, VERDICT_OVERLOADED);
        client_signal(scene->client, a.ticket, SIGTERM);
        scene_wait(scene);
        assert_int_equal(a.verdict, VERDICT_SIGNAL);
        scene_close(scene);
}

static void test_many_at_once(void **state)
{
        enum { MANY = 400 };
        static struct answer a[MANY];
        struct scene *scene = scene_open(4, MANY);

        for (int i = 0; i < MANY; i++)
                scene_submit(scene, &a[i], (uint32_t)(i % 2), i % 7 == 0 ? "setup-once" : "show", "",
                             VIEW("x"));
        scene_wait(scene);
        for (int i = 0; i < MANY; i++) {
                assert_int_equal(a[i].verdict, VERDICT_OK);
                assert_string_equal(a[i].out, i % 2 ? "builtSOURCE" : "mainsource");
        }
        scene_close(scene);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_happy_run),
                cmocka_unit_test(test_large_stdin_is_pumped),
                cmocka_unit_test(test_output_limit_is_exact),
                cmocka_unit_test(test_compile_then_run),
                cmocka_unit_test(test_artefact_has_a_limit),
                cmocka_unit_test(test_job_that_fits_no_box_is_answered),
                cmocka_unit_test(test_limits_above_the_runtime_are_refused),
                cmocka_unit_test(test_slot_gone_is_tried_once_more),
                cmocka_unit_test(test_setup_fault_names_its_step),
                cmocka_unit_test(test_overload_is_said_at_once),
                cmocka_unit_test(test_cancel),
                cmocka_unit_test(test_signal_reaches_the_running_job_only),
                cmocka_unit_test(test_silent_keeper_is_given_up),
                cmocka_unit_test(test_no_slot_is_an_answer_too),
                cmocka_unit_test(test_front_comes_back),
                cmocka_unit_test(test_front_sending_nonsense_is_dropped),
                cmocka_unit_test(test_jobs_of_a_lost_runner_run_again_once),
                cmocka_unit_test(test_runner_that_stays_away_ends_every_job),
                cmocka_unit_test(test_stopping_refuses_what_has_not_begun),
                cmocka_unit_test(test_stopping_lets_the_running_finish),
                cmocka_unit_test(test_many_at_once),
        };

        log_open(LOG_NONE, "test");
        signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, NULL, NULL);
}

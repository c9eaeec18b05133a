/*
 * Client, wire and runner as they are, against keepers that obey words instead of running
 * programs (keeper_test.h).
 */
#include "runner/runner.h"
#include "box/box.h"
#include "config/config.h"
#include "job/client.h"
#include "job/job.h"
#include "job/result.h"
#include "runner/keeper_test.h"
#include "runtime/catalog.h"
#include "util/err.h"
#include "util/fdio.h"
#include "util/log.h"

#include <dirent.h>
#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <cmocka.h>

enum { SLOTS_MAX = 4, OUTPUT_LIMIT = 100000, PATIENCE_MS = 400 };

struct scene {
        struct config config;
        struct runtime runtimes[2];
        struct catalog catalog;
        struct runner_args args;
        pthread_t runner;
        struct event_base *base;
        struct client *client;
        int control;
        struct keeper keepers[16];
        size_t n_keepers;
        int waiting; /* answers not here yet */
        bool lost;
        size_t fds_before;
};

struct answer {
        struct scene *scene;
        uint64_t ticket;
        bool done;
        enum verdict verdict, compile;
        bool compiled, ran;
        int exit_code, signal;
        char out[256], err[256], text[256];
        uint64_t totals[STREAM_COUNT];
};

static void *runner_main(void *arg)
{
        struct scene *scene = arg;

        return (void *)(intptr_t)runner_run(&scene->args);
}

static size_t count_fds(void)
{
        DIR *dir = opendir("/proc/self/fd");
        size_t n = 0;

        while (readdir(dir))
                n++;
        closedir(dir);
        return n;
}

static void control_send(struct scene *scene, uint32_t kind, uint32_t index, int fd)
{
        struct runner_message message = { kind, index };
        struct iovec iov = { &message, sizeof(message) };

        assert_int_equal(fdio_send(scene->control, &iov, 1, &fd, 1), 0);
        close(fd);
}

static void keeper_add(struct scene *scene, uint32_t index)
{
        struct keeper *k = &scene->keepers[scene->n_keepers++];
        int fd;

        assert_in_range(scene->n_keepers, 1, ARRAY_LEN(scene->keepers));
        fd = keeper_start(k);
        assert_true(fd >= 0);
        control_send(scene, RUNNER_SLOT, index, fd);
}

static void on_lost(void *arg)
{
        struct scene *scene = arg;

        scene->lost = true;
        event_base_loopbreak(scene->base);
}

static void limits_set(struct limits *limits)
{
        for (int i = 0; i < LIMIT_COUNT; i++)
                *limit_at(limits, (enum limit)i) = limit_rows[i].run_default;
        limits->output_bytes = OUTPUT_LIMIT;
        limits->wall_ns = 300 * NSEC_PER_MSEC;
}

static void runtimes_set(struct scene *scene)
{
        static char *run[] = { "run", "{args}", NULL }, *compile[] = { "compile", "{args}", NULL };
        static char *none[] = { NULL };

        for (uint32_t i = 0; i < 2; i++) {
                struct runtime *runtime = &scene->runtimes[i];

                *runtime = (struct runtime){ .index = i,
                                             .language = "fake",
                                             .version = "1.0.0",
                                             .aliases = none,
                                             .extensions = none,
                                             .companions = none,
                                             .env = none };
                runtime->stages[STAGE_RUN] = (struct runtime_stage){ .argv = run, .n_argv = 2 };
                if (i == 1)
                        runtime->stages[STAGE_COMPILE] =
                                (struct runtime_stage){ .argv = compile, .n_argv = 2 };
                limits_set(&runtime->limits[STAGE_COMPILE]);
                limits_set(&runtime->limits[STAGE_RUN]);
        }
        scene->catalog = (struct catalog){ .runtimes = scene->runtimes, .n_runtimes = 2 };
}

static struct scene *scene_open(uint32_t n_slots, size_t max_queued)
{
        struct scene *scene = calloc(1, sizeof(*scene));
        int front[2], control[2];
        struct err err;

        scene->fds_before = count_fds();
        keeper_died = keeper_killed = keeper_signalled = keeper_setups = 0;
        runtimes_set(scene);
        scene->config.max_queued_jobs = max_queued;
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, front), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
        scene->control = control[0];
        scene->args = (struct runner_args){ .config = &scene->config,
                                            .catalog = &scene->catalog,
                                            .front = front[1],
                                            .control = control[1],
                                            .n_slots = n_slots,
                                            .patience_ns = PATIENCE_MS * NSEC_PER_MSEC };
        for (uint32_t i = 0; i < n_slots; i++)
                keeper_add(scene, i);
        assert_int_equal(pthread_create(&scene->runner, NULL, runner_main, scene), 0);
        scene->base = event_base_new();
        assert_int_equal(client_new_take(scene->base, front[0], on_lost, scene, &scene->client, &err), 0);
        return scene;
}

/* Everything ends, and not one descriptor is left. */
static void scene_close(struct scene *scene)
{
        void *status;

        client_free(scene->client);
        close_fd(&scene->control);
        assert_int_equal(pthread_join(scene->runner, &status), 0);
        assert_int_equal((intptr_t)status, 0);
        for (size_t i = 0; i < scene->n_keepers; i++)
                keeper_join(&scene->keepers[i]);
        event_base_free(scene->base);
        assert_int_equal(count_fds(), scene->fds_before);
        free(scene);
}

struct gather {
        char *p;
        size_t n;
};

static void gather(void *arg, struct view run)
{
        struct gather *g = arg;

        for (size_t i = 0; i < run.n && g->n < 255; i++)
                g->p[g->n++] = run.p[i];
}

static void on_done(void *arg, const struct result *result)
{
        struct answer *answer = arg;
        const struct stage_result *stage = result_last(result);

        assert_false(answer->done);
        answer->done = true;
        answer->verdict = stage->verdict;
        answer->compiled = result->stages[STAGE_COMPILE].ran;
        answer->compile = result->stages[STAGE_COMPILE].verdict;
        answer->ran = result->stages[STAGE_RUN].ran;
        answer->exit_code = stage->exit_code;
        answer->signal = stage->signal;
        memcpy(answer->totals, stage->output.totals, sizeof(answer->totals));
        output_each(&stage->output, STREAM_STDOUT, gather, &(struct gather){ answer->out, 0 });
        output_each(&stage->output, STREAM_STDERR, gather, &(struct gather){ answer->err, 0 });
        snprintf(answer->text, sizeof(answer->text), "%s", stage->text);
        if (--answer->scene->waiting == 0)
                event_base_loopbreak(answer->scene->base);
}

/* Submit a job whose program is told to do @what, @how, with @input. */
static void submit(struct scene *scene, struct answer *answer, uint32_t runtime, const char *what,
                   const char *how, struct view input)
{
        struct bytes content = BYTES_INIT(1024);
        struct err err = { "" };
        struct job job;

        *answer = (struct answer){ .scene = scene };
        job_init(&job, &scene->runtimes[runtime]);
        assert_int_equal(bytes_add_text(&content, "source"), 0);
        assert_int_equal(job_add_file_take(&job, "main", 4, &content, true, &err), 0);
        assert_int_equal(job_add_arg(&job, what, strlen(what), &err), 0);
        assert_int_equal(job_add_arg(&job, how, strlen(how), &err), 0);
        assert_int_equal(job_settle(&job, &err), 0);
        job.input = BYTES_INIT(input.n + 1);
        assert_int_equal(bytes_add(&job.input, input.p, input.n), 0);
        assert_int_equal(client_submit(scene->client, &job, on_done, answer, &answer->ticket, &err), 0);
        assert_false(answer->done);
        scene->waiting++;
        job_deinit(&job);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
        event_base_loopbreak(arg);
}

/* Not event_base_loopexit(): its timer outlives a loop that was left early, and ends a later one. */
static void run_for(struct scene *scene, int ms)
{
        struct event *timer = evtimer_new(scene->base, on_time, scene->base);
        struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

        evtimer_add(timer, &tv);
        event_base_dispatch(scene->base);
        event_free(timer);
}

static void wait_all(struct scene *scene)
{
        for (int i = 0; scene->waiting > 0 && i < 3; i++)
                run_for(scene, 20000); /* a lost runner breaks the loop too */
        assert_int_equal(scene->waiting, 0);
}

static void one(struct scene *scene, struct answer *answer, uint32_t runtime, const char *what,
                const char *how)
{
        submit(scene, answer, runtime, what, how, VIEW("input"));
        wait_all(scene);
}

/* ---- tests ---- */

static void test_happy_run(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct answer a;

        for (int i = 0; i < 50; i++) {
                one(scene, &a, 0, "echo", "");
                assert_int_equal(a.verdict, VERDICT_OK);
                assert_string_equal(a.out, "input");
                assert_string_equal(a.err, "err");
                assert_int_equal(a.exit_code, 0);
                assert_true(a.ran);
                assert_false(a.compiled);
        }
        one(scene, &a, 0, "exit", "7");
        assert_int_equal(a.verdict, VERDICT_EXIT);
        assert_int_equal(a.exit_code, 7);
        one(scene, &a, 0, "show", "");
        assert_string_equal(a.out, "mainsource");
        scene_close(scene);
}

static void test_large_stdin_is_pumped(void **state)
{
        static char big[90000];
        struct scene *scene = scene_open(1, 10);
        struct answer a;

        memset(big, 'i', sizeof(big));
        submit(scene, &a, 0, "echo", "", (struct view){ big, sizeof(big) });
        wait_all(scene);
        assert_int_equal(a.verdict, VERDICT_OK);
        assert_int_equal(a.totals[STREAM_STDOUT], sizeof(big));
        /* A program that never reads it ends as well as any other. */
        submit(scene, &a, 0, "exit", "0", (struct view){ big, sizeof(big) });
        wait_all(scene);
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
                one(scene, &a, 0, rows[i].what, rows[i].how);
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

        one(scene, &a, 1, "show", "");
        assert_int_equal(a.verdict, VERDICT_OK);
        assert_true(a.compiled && a.ran);
        assert_string_equal(a.out, "builtSOURCE");
        one(scene, &a, 1, "fails", "");
        assert_int_equal(a.verdict, VERDICT_EXIT);
        assert_int_equal(a.compile, VERDICT_EXIT);
        assert_true(a.compiled);
        assert_false(a.ran);
        assert_string_equal(a.err, "built it");
        one(scene, &a, 1, "half", "");
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
        one(scene, &a, 1, "huge", "");
        assert_int_equal(a.verdict, VERDICT_DISK);
        assert_true(a.compiled);
        assert_false(a.ran);
        one(scene, &a, 1, "show", "");
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
        one(scene, &a, 0, "echo", "");
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
        assert_int_equal(client_submit(scene->client, &job, on_done, &a, &a.ticket, &err), 0);
        job_deinit(&job);
        scene->waiting++;
        wait_all(scene);
        assert_int_equal(a.verdict, VERDICT_ENGINE);
        assert_non_null(strstr(a.text, "memory_bytes"));
        scene_close(scene);
}

static void test_slot_gone_is_tried_once_more(void **state)
{
        struct scene *scene = scene_open(2, 10);
        struct answer a;

        one(scene, &a, 0, "die-once", "");
        assert_int_equal(a.verdict, VERDICT_OK);
        assert_string_equal(a.out, "mainsource");
        assert_int_equal(keeper_died, 2);
        keeper_add(scene, 0);
        keeper_add(scene, 1);
        one(scene, &a, 0, "die", "");
        assert_int_equal(a.verdict, VERDICT_ENGINE);
        assert_non_null(strstr(a.text, "slot went away"));
        keeper_add(scene, 0);
        keeper_add(scene, 1);
        one(scene, &a, 0, "echo", "");
        assert_int_equal(a.verdict, VERDICT_OK);
        scene_close(scene);
}

static void test_setup_fault_names_its_step(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct answer a;

        one(scene, &a, 0, "setup-once", "");
        assert_int_equal(a.verdict, VERDICT_OK);
        one(scene, &a, 0, "setup", "");
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
                submit(scene, &a[i], 0, "sleep", "", VIEW(""));
        run_for(scene, 200);
        for (size_t i = 0; i < ARRAY_LEN(a); i++)
                if (a[i].done && a[i].verdict == VERDICT_OVERLOADED)
                        overloaded++;
        assert_in_range(overloaded, 3, 4); /* one more may wait while the slot gets ready */
        for (size_t i = 0; i < ARRAY_LEN(a); i++)
                if (!a[i].done)
                        client_cancel(scene->client, a[i].ticket);
        scene->waiting = 0;
        one(scene, &a[0], 0, "echo", "");
        assert_int_equal(a[0].verdict, VERDICT_OK);
        scene_close(scene);
}

static void test_cancel(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct answer running, pending, next;

        submit(scene, &running, 0, "sleep", "", VIEW(""));
        submit(scene, &pending, 0, "sleep", "", VIEW(""));
        run_for(scene, 50);
        client_cancel(scene->client, pending.ticket);
        client_cancel(scene->client, running.ticket);
        client_cancel(scene->client, running.ticket);
        client_cancel(scene->client, 12345);
        scene->waiting = 0;
        one(scene, &next, 0, "echo", "");
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

        submit(scene, &running, 0, "sleep", "", VIEW(""));
        submit(scene, &pending, 0, "echo", "", VIEW(""));
        run_for(scene, 50);
        client_signal(scene->client, pending.ticket, SIGINT);
        client_signal(scene->client, running.ticket, SIGTERM);
        wait_all(scene);
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

        one(scene, &a, 0, "silent", "");
        assert_int_equal(a.verdict, VERDICT_ENGINE);
        scene_close(scene);
}

static void test_no_slot_is_an_answer_too(void **state)
{
        struct scene *scene = scene_open(0, 10);
        struct answer a;

        one(scene, &a, 0, "echo", "");
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

                submit(scene, &old, 0, "sleep", "", VIEW(""));
                run_for(scene, i % 4);
                client_free(scene->client); /* the front dies; a new one counts its tickets from one */
                scene->waiting = 0;
                assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, front), 0);
                control_send(scene, RUNNER_FRONT, 0, front[1]);
                assert_int_equal(client_new_take(scene->base, front[0], on_lost, scene, &scene->client, &err),
                                 0);
                one(scene, &a, 0, "echo", "");
                assert_int_equal(a.verdict, VERDICT_OK);
                assert_false(old.done);
        }
        scene_close(scene);
}

/* As if the runner had been started anew. */
static void reconnect(struct scene *scene)
{
        struct err err;
        int front[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, front), 0);
        control_send(scene, RUNNER_FRONT, 0, front[1]);
        assert_int_equal(client_reconnect_take(scene->client, front[0], &err), 0);
}

static void test_front_sending_nonsense_is_dropped(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct iovec iov = { (char[]){ "nonsense" }, 8 };
        struct answer a;
        int front[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, front), 0);
        control_send(scene, RUNNER_FRONT, 0, front[1]);
        run_for(scene, 1000);
        assert_true(scene->lost);
        assert_int_equal(fdio_send(front[0], &iov, 1, &front[0], 1), 0);
        run_for(scene, 100);
        assert_int_equal(recv(front[0], &a, 1, 0), 0);
        close(front[0]);
        submit(scene, &a, 0, "echo", "", VIEW("waited for a runner"));
        run_for(scene, 50);
        assert_false(a.done);
        reconnect(scene);
        wait_all(scene);
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
        submit(scene, &twice, 0, "sleep", "", VIEW(""));
        submit(scene, &pending, 0, "echo", "", (struct view){ big, sizeof(big) });
        submit(scene, &cancelled, 0, "sleep", "", VIEW(""));
        run_for(scene, 50);
        reconnect(scene);
        client_cancel(scene->client, cancelled.ticket);
        scene->waiting--;
        run_for(scene, 50);
        assert_false(twice.done);
        client_signal(scene->client, twice.ticket, SIGTERM);
        wait_all(scene);
        assert_int_equal(twice.verdict, VERDICT_SIGNAL);
        assert_int_equal(pending.verdict, VERDICT_OK);
        assert_int_equal(pending.totals[STREAM_STDOUT], sizeof(big));
        assert_false(cancelled.done);

        submit(scene, &thrice, 0, "sleep", "", VIEW(""));
        run_for(scene, 20);
        reconnect(scene);
        run_for(scene, 20);
        assert_false(thrice.done);
        reconnect(scene);
        assert_int_equal(thrice.verdict, VERDICT_ENGINE);
        assert_non_null(strstr(thrice.text, "runner went away"));
        scene->waiting = 0;
        scene_close(scene);
}

static void test_runner_that_stays_away_ends_every_job(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct answer early, late;

        submit(scene, &early, 0, "sleep", "", VIEW(""));
        run_for(scene, 20);
        shutdown(scene->control, SHUT_RDWR);
        wait_all(scene); /* the patience of the runner: told as long as it can */
        assert_int_equal(early.verdict, VERDICT_ENGINE);
        run_for(scene, 1000);
        assert_true(scene->lost);
        submit(scene, &late, 0, "echo", "", VIEW(""));
        wait_all(scene);
        assert_int_equal(late.verdict, VERDICT_ENGINE);
        assert_non_null(strstr(late.text, "runner went away"));
        scene_close(scene);
}

static void test_stopping_refuses_what_has_not_begun(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct answer a[3];

        for (size_t i = 0; i < ARRAY_LEN(a); i++)
                submit(scene, &a[i], 0, "sleep", "", VIEW(""));
        run_for(scene, 50);
        shutdown(scene->control, SHUT_RDWR);
        wait_all(scene);
        assert_int_equal(a[0].verdict, VERDICT_ENGINE);
        for (size_t i = 1; i < ARRAY_LEN(a); i++)
                assert_int_equal(a[i].verdict, VERDICT_OVERLOADED);
        scene_close(scene);
}

static void test_stopping_lets_the_running_finish(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct answer a, late;

        submit(scene, &a, 0, "sleep", "", VIEW(""));
        run_for(scene, 50);
        shutdown(scene->control, SHUT_RDWR);
        run_for(scene, 50);
        submit(scene, &late, 0, "echo", "", VIEW(""));
        run_for(scene, 50);
        assert_int_equal(late.verdict, VERDICT_OVERLOADED);
        client_signal(scene->client, a.ticket, SIGTERM);
        wait_all(scene);
        assert_int_equal(a.verdict, VERDICT_SIGNAL);
        scene_close(scene);
}

static void test_many_at_once(void **state)
{
        enum { MANY = 400 };
        static struct answer a[MANY];
        struct scene *scene = scene_open(4, MANY);

        for (int i = 0; i < MANY; i++)
                submit(scene, &a[i], (uint32_t)(i % 2), i % 7 == 0 ? "setup-once" : "show", "", VIEW("x"));
        wait_all(scene);
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

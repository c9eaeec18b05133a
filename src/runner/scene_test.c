/*
 * The runner in a thread, keepers in threads, the client on the loop of the test: all of one process, and all the
 * real thing but the keepers.
 */
#include "runner/scene_test.h"
#include "job/job.h"
#include "util/err.h"
#include "util/fdio.h"

#include <dirent.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <cmocka.h>

enum { PATIENCE_MS = 400 };

uint64_t scene_cache_bytes;

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

void scene_control(struct scene *scene, uint32_t kind, uint32_t index, int fd)
{
        struct runner_message message = { kind, index };
        struct iovec iov = { &message, sizeof(message) };

        assert_int_equal(fdio_send(scene->control, &iov, 1, &fd, 1), 0);
        close(fd);
}

void scene_keeper(struct scene *scene, uint32_t index)
{
        struct keeper *k = &scene->keepers[scene->n_keepers++];
        int fd;

        assert_in_range(scene->n_keepers, 1, ARRAY_LEN(scene->keepers));
        fd = keeper_start(k);
        assert_true(fd >= 0);
        scene_control(scene, RUNNER_SLOT, index, fd);
}

void scene_on_lost(void *arg)
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
                runtime->identity[0] = 1;
                limits_set(&runtime->limits[STAGE_COMPILE]);
                limits_set(&runtime->limits[STAGE_RUN]);
        }
        scene->catalog = (struct catalog){ .runtimes = scene->runtimes, .n_runtimes = 2 };
}

struct scene *scene_open(uint32_t n_slots, size_t max_queued)
{
        struct scene *scene = calloc(1, sizeof(*scene));
        int front[2], control[2];
        struct err err;

        scene->fds_before = count_fds();
        keeper_died = keeper_killed = keeper_signalled = keeper_setups = keeper_builds = 0;
        runtimes_set(scene);
        scene->config.max_queued_jobs = max_queued;
        scene->config.compile_cache_size = scene->config.compile_cache_memory = scene_cache_bytes;
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, front), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
        scene->control = control[0];
        scene->args = (struct runner_args){ .config = &scene->config,
                                            .catalog = &scene->catalog,
                                            .front = front[1],
                                            .control = control[1],
                                            .cache = -1,
                                            .watch = -1,
                                            .n_slots = n_slots,
                                            .patience_ns = PATIENCE_MS * NSEC_PER_MSEC };
        for (uint32_t i = 0; i < n_slots; i++)
                scene_keeper(scene, i);
        assert_int_equal(pthread_create(&scene->runner, NULL, runner_main, scene), 0);
        scene->base = event_base_new();
        assert_int_equal(client_new_take(scene->base, front[0], scene_on_lost, scene, &scene->client, &err),
                         0);
        return scene;
}

/* Everything ends, and not one descriptor is left. */
void scene_close(struct scene *scene)
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

void scene_on_done(void *arg, const struct result *result)
{
        struct answer *answer = arg;
        const struct stage_result *stage = result_last(result);

        assert_false(answer->done);
        answer->done = true;
        answer->verdict = stage->verdict;
        answer->cached = result->stages[STAGE_COMPILE].cached;
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

static void job_make(struct scene *scene, struct job *job, uint32_t runtime, const char *what,
                     const char *how, struct view input)
{
        struct bytes content = BYTES_INIT(1024);
        struct err err = { "" };

        job_init(job, &scene->runtimes[runtime]);
        assert_int_equal(bytes_add_text(&content, "source"), 0);
        assert_int_equal(job_add_file_take(job, "main", 4, &content, true, &err), 0);
        assert_int_equal(job_add_arg(job, what, strlen(what), &err), 0);
        assert_int_equal(job_add_arg(job, how, strlen(how), &err), 0);
        assert_int_equal(job_settle(job, &err), 0);
        job->input = BYTES_INIT(input.n + 1);
        assert_int_equal(bytes_add(&job->input, input.p, input.n), 0);
}

/* Submit a job whose program is told to do @what, @how, with @input. */
void scene_submit(struct scene *scene, struct answer *answer, uint32_t runtime, const char *what,
                  const char *how, struct view input)
{
        struct err err = { "" };
        struct job job;

        *answer = (struct answer){ .scene = scene };
        job_make(scene, &job, runtime, what, how, input);
        assert_int_equal(client_submit(scene->client, &job, scene_on_done, answer, &answer->ticket, &err), 0);
        assert_false(answer->done);
        scene->waiting++;
        job_deinit(&job);
}

uint64_t scene_stream(struct scene *scene, uint32_t runtime, const char *what, const char *how,
                      const struct client_stream_fns *fns, void *arg)
{
        struct err err = { "" };
        uint64_t ticket = 0;
        struct job job;

        job_make(scene, &job, runtime, what, how, VIEW("not used"));
        assert_int_equal(client_submit_stream(scene->client, &job, fns, arg, &ticket, &err), 0);
        scene->waiting++;
        job_deinit(&job);
        return ticket;
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
        event_base_loopbreak(arg);
}

/* Not event_base_loopexit(): its timer outlives a loop that was left early, and ends a later one. */
void scene_wait_ms(struct scene *scene, int ms)
{
        struct event *timer = evtimer_new(scene->base, on_time, scene->base);
        struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

        evtimer_add(timer, &tv);
        event_base_dispatch(scene->base);
        event_free(timer);
}

void scene_wait(struct scene *scene)
{
        for (int i = 0; scene->waiting > 0 && i < 3; i++)
                scene_wait_ms(scene, 20000); /* a lost runner breaks the loop too */
        assert_int_equal(scene->waiting, 0);
}

void scene_one(struct scene *scene, struct answer *answer, uint32_t runtime, const char *what,
               const char *how)
{
        scene_submit(scene, answer, runtime, what, how, VIEW("input"));
        scene_wait(scene);
}

/* As if the runner had been started anew. */
void scene_reconnect(struct scene *scene)
{
        struct err err;
        int front[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, front), 0);
        scene_control(scene, RUNNER_FRONT, 0, front[1]);
        assert_int_equal(client_reconnect_take(scene->client, front[0], &err), 0);
}

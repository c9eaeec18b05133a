/*
 * TRUST: the front parses what strangers send, so it is believed no more than its frames can prove.  A front
 * gone bad can ask for jobs, but not for limits above a runtime's own, and not change a file after we looked.
 */
#include "runner/task.h"
#include "runtime/catalog.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/fdio.h"

#include <event2/event.h>

static int limits_check(const struct wire_job *job, const struct runtime *runtime, struct err *err)
{
        for (int stage = 0; stage < STAGE_COUNT; stage++)
                for (int i = 0; i < LIMIT_COUNT; i++)
                        if (limit_get(&job->limits[stage], (enum limit)i) >
                            runtime_most(runtime, (enum stage)stage, (enum limit)i))
                                return err_set(err, -EBADMSG, "%s of the %s stage is above what %s allows",
                                               limit_rows[i].field, stage_name((enum stage)stage),
                                               runtime->language);
        return 0;
}

static int words_take(struct task *task, const struct wire_job *job)
{
        const char *at;

        task->words = malloc(job->words_bytes);
        task->sources = calloc(job->n_sources + 1, sizeof(char *));
        task->args = calloc(job->n_args + 1, sizeof(char *));
        if (!task->words || !task->sources || !task->args)
                return -ENOMEM;
        memcpy(task->words, job->words, job->words_bytes);
        task->main_name = task->words;
        at = task->words + strlen(task->words) + 1;
        for (; task->n_sources < job->n_sources; at += strlen(at) + 1)
                task->sources[task->n_sources++] = at;
        for (; task->n_args < job->n_args; at += strlen(at) + 1)
                task->args[task->n_args++] = at;
        return 0;
}

static int input_take(struct task *task, const struct wire_job *job, int *fd)
{
        if (!job->inlined) {
                int r = fdio_map(*fd, &task->input.p, &task->input.n);

                if (r < 0)
                        return r;
                task->input_fd = TAKE_FD(*fd);
                return task->input.n == job->input_bytes ? 0 : -EBADMSG;
        }
        if (job->input_bytes == 0)
                return 0;
        task->input_small = malloc(job->input_bytes);
        if (!task->input_small)
                return -ENOMEM;
        memcpy(task->input_small, job->input, job->input_bytes);
        task->input = (struct view){ task->input_small, job->input_bytes };
        return 0;
}

static int contents_take(struct task *task, const struct wire_job *job, int fds[WIRE_FDS_MAX],
                         struct err *err)
{
        uint64_t files_bytes;
        int r = words_take(task, job);

        if (r < 0)
                return err_set(err, r, "no memory for the job's words");
        r = fdio_sealed_size(fds[0], &files_bytes);
        if (r < 0)
                return err_set(err, r, "the job's files are not sealed");
        task->files = TAKE_FD(fds[0]);
        r = input_take(task, job, &fds[1]);
        if (r < 0)
                return err_set(err, r, "the job's stdin cannot be read");
        task->files_bytes = files_bytes;
        task->held_bytes = files_bytes + task->input.n;
        return 0;
}

/* The stage to begin with, or -EBADMSG. */
static int first_stage(enum job_part part, const struct runtime *runtime)
{
        if (part == JOB_COMPILE && !runtime_has_stage(runtime, STAGE_COMPILE))
                return -EBADMSG;
        return part != JOB_RUN && runtime_has_stage(runtime, STAGE_COMPILE) ? STAGE_COMPILE : STAGE_RUN;
}

int task_new(const struct wire_job *job, int fds[WIRE_FDS_MAX], const struct catalog *catalog,
             struct task **ret_task, struct err *err)
{
        const struct runtime *runtime;
        struct task *task;
        int r;

        runtime = catalog_at(catalog, job->runtime);
        if (!runtime)
                return err_set(err, -EBADMSG, "there is no runtime number %u", job->runtime);
        r = limits_check(job, runtime, err);
        if (r < 0)
                return r;
        if (first_stage((enum job_part)job->part, runtime) < 0)
                return err_set(err, -EBADMSG, "%s has nothing to compile", runtime->language);
        task = calloc(1, sizeof(*task));
        if (!task)
                return err_set(err, -ENOMEM, "no memory for another job");
        task->ticket = job->ticket;
        task->runtime = runtime;
        task->files = task->input_fd = -1;
        task->part = (enum job_part)job->part;
        task->merged = job->merged;
        task->fresh = job->fresh;
        task->cold = job->cold;
        task->owner = job->owner;
        task->share = job->share;
        task->since_ns = clock_now_ns();
        if (job->sent_ns && job->sent_ns < task->since_ns)
                task->since_ns = job->sent_ns;
        task->stage = (enum stage)first_stage(task->part, runtime);
        memcpy(task->limits, job->limits, sizeof(task->limits));
        task->interactive = job->interactive;
        task->feed =
                (struct pump_feed){ .queue = BYTES_INIT(WIRE_WINDOW_BYTES), .window = WIRE_WINDOW_BYTES };
        result_init(&task->result);
        r = contents_take(task, job, fds, err);
        if (r < 0) {
                task_free(task);
                return r;
        }
        *ret_task = task;
        return 0;
}

void task_free(struct task *task)
{
        if (!task)
                return;
        pump_close(&task->pump);
        if (task->watchdog)
                event_free(task->watchdog);
        result_deinit(&task->result);
        close_fd(&task->files);
        if (task->input_fd >= 0)
                fdio_unmap(task->input.p, task->input.n);
        close_fd(&task->input_fd);
        free(task->input_small);
        bytes_deinit(&task->feed.queue);
        free(task->sources);
        free(task->args);
        free(task->words);
        free(task);
}

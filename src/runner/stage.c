/*
 * Down once, up once: everything the box needs goes in one order, and one report comes back.
 *
 * The number of a run is new for every attempt, so a kill meant for one can never meet the next in the
 * same slot.
 */
#include "runner/stage.h"
#include "job/plan.h"
#include "runner/live.h"
#include "runner/verdict_of.h"
#include "runner/warm.h"
#include "runtime/runtime.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/fdio.h"
#include "util/log.h"

#include <stdio.h>

_Static_assert((int)PLAN_WORDS_BYTES == (int)SPEC_WORDS_BYTES, "a plan that fits must fit an order");

static uint64_t last_run;

static struct stage_result *result_of(struct task *task)
{
        return &task->result.stages[task->stage];
}

static void on_over(void *arg, enum report_end end)
{
        struct task *task = arg;

        if (task->slot && box_kill(task->slot->fd, task->slot->run, end) != 0)
                log_debug("job=%llu: the kill order was not taken", (unsigned long long)task->ticket);
}

int stage_words(const struct task *task, struct plan_words *ret_words, struct err *err)
{
        struct plan_job job = {
                .runtime = task->runtime,
                .main_file = task->main_name,
                .code = task->sources,
                .args = task->args,
                .limits = task->limits,
        };

        return plan_build(&job, task->stage, ret_words, err);
}

static void spec_fill(struct box_spec *spec, const struct task *task, const struct plan_words *words)
{
        const struct limits *limits = &task->limits[task->stage];

        box_spec_init(spec, ++last_run);
        spec->flags = SPEC_HAS_FILES | (task->stage == STAGE_COMPILE ? SPEC_HAS_ARTEFACT : 0);
        spec->n_args = words->n_args;
        spec->n_env = words->n_env;
        spec->words_bytes = (uint32_t)words->words.n;
        spec->processes = (uint32_t)limits->processes;
        spec->open_files = (uint32_t)limits->open_files;
        spec->cpu_share = (uint32_t)limits->cpu_share;
        spec->wall_ns = limits->wall_ns;
        spec->cpu_ns = limits->cpu_ns;
        spec->memory_bytes = limits->memory_bytes;
        spec->file_size_bytes = limits->file_size_bytes;
        spec->disk_bytes = limits->disk_bytes;
        spec->inodes = limits->inodes;
        spec->image = task->runtime->image;
}

static void result_begin(struct stage_result *result)
{
        bytes_clear(&result->output.bytes);
        bytes_clear(&result->output.marks);
        *result = (struct stage_result){ .exit_code = -1, .output = result->output };
        for (int i = 0; i < STREAM_COUNT; i++)
                result->output.totals[i] = 0;
}

static int order_send(struct task *task, struct slot *slot, struct event_base *base,
                      const struct box_spec *spec, const struct plan_words *words, struct err *err)
{
        struct pump_order order = {
                .input = task->input,
                .limits = &task->limits[task->stage],
                .output = &result_of(task)->output,
                .artefact = task->stage == STAGE_COMPILE,
                .merged = task->merged,
                .on_over = on_over,
                .arg = task,
        };
        int fds[BOX_FD_COUNT] = { [BOX_FD_FILES] = task->files }, r;

        live_order(task, &order);
        r = pump_open(&task->pump, base, &order, fds);
        if (r < 0)
                return err_errno(err, r, "cannot make the stage's pipes");
        r = box_run(slot->fd, spec, words->words.p, fds, err);
        for (int i = 0; i < BOX_FD_COUNT; i++)
                if (i != BOX_FD_FILES)
                        close_fd(&fds[i]);
        if (r != 0)
                pump_close(&task->pump);
        /* A keeper that said it is ready and has no room for an order does not read its socket. */
        return r == BOX_GONE || r == -EAGAIN ? STAGE_GONE : r;
}

int stage_start(struct task *task, struct slot *slot, const struct warm_table *warm, struct event_base *base,
                struct err *err)
{
        CLEANUP(plan_words_deinit) struct plan_words words = { 0 };
        struct box_spec spec;
        int r;

        result_begin(result_of(task));
        r = stage_words(task, &words, err);
        if (r == PLAN_TOO_LONG) {
                result_of(task)->ran = true;
                result_of(task)->verdict = VERDICT_EXEC;
                snprintf(result_of(task)->text, sizeof(result_of(task)->text), "%.*s",
                         (int)sizeof(result_of(task)->text) - 1, err->text);
                return STAGE_NEVER;
        }
        if (r < 0)
                return r;
        spec_fill(&spec, task, &words);
        if (task->warm && warm_is(warm, task->warm, &words))
                spec.warm = spec.next = task->warm;
        result_of(task)->timing.queue_ns = clock_now_ns() - task->since_ns;
        r = order_send(task, slot, base, &spec, &words, err);
        if (r != 0)
                return r;
        task->begun = true;
        task->slot = slot;
        slot->task = task;
        slot->run = spec.job;
        slot->image = spec.image;
        live_begin(task);
        return 0;
}

static void engine_fault(struct stage_result *result, const char *text)
{
        result->verdict = VERDICT_ENGINE;
        snprintf(result->text, sizeof(result->text), "%s", text);
}

/* The artefact takes the place of the sources: the run stage gets what the compile stage left. */
static void artefact_keep(struct task *task)
{
        int fd = pump_artefact_take(&task->pump);

        if (fd < 0) {
                engine_fault(result_of(task), "what the compiler made did not leave the box whole");
                return;
        }
        close_fd(&task->files);
        task->files = fd;
}

/* TRUST: the program's start was told from inside its box; it cannot lie before the order or behind the end. */
static void timing_of(struct task *task, const struct box_report *report)
{
        struct timing *timing = &result_of(task)->timing;

        task->since_ns = clock_now_ns();
        timing->prepare_ns = report->prepare_ns;
        timing->spawn_ns = MIN(report->spawn_ns, report->wall_ns);
        timing->program_ns = report->wall_ns - timing->spawn_ns;
        if (task->since_ns > report->start_ns + report->wall_ns)
                timing->collect_ns = task->since_ns - report->start_ns - report->wall_ns;
}

void stage_end(struct task *task, const struct box_report *report)
{
        struct verdict_evidence evidence = { .report = report, .limits = &task->limits[task->stage] };

        task->slot = NULL;
        pump_drain(&task->pump);
        for (int i = 0; i < STREAM_COUNT; i++)
                evidence.seen[i] = task->pump.seen[i];
        evidence.artefact_over = task->pump.artefact_over;
        verdict_of(&evidence, result_of(task));
        if (task->pump.error < 0)
                engine_fault(result_of(task), "the output could not be kept");
        task->input_read = pump_input_read(&task->pump);
        if (task->stage == STAGE_COMPILE && result_of(task)->verdict == VERDICT_OK)
                artefact_keep(task);
        pump_close(&task->pump);
        timing_of(task, report);
}

void stage_abandon(struct task *task)
{
        task->slot = NULL;
        pump_close(&task->pump);
}

void stage_advance(struct task *task)
{
        must(task->stage == STAGE_COMPILE);
        task->stage = STAGE_RUN;
        task->retried = false;
        task->avoid = NULL;
}

/*
 * The order of the questions is the meaning:
 *
 *   1  did the engine fail?                   then nothing else is known
 *   2  did it write too much?                 counted here, so it holds whatever the report says
 *   3  why was it killed?                     the keeper's word, from clocks and the cgroup
 *   4  it ended by itself: was a limit the cause?  A limit that was hit excuses only a program that
 *      failed; one that survived (a fork refused, a disk full) and exited with 0 is ok.  Memory is
 *      different: the kernel killed something of it, so what it said is not the whole answer.
 */
#include "runner/verdict_of.h"
#include "box/box.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

static bool is_over(const struct verdict_evidence *evidence, enum stream stream)
{
        return evidence->seen[stream] > evidence->limits->output_bytes;
}

static bool is_engine_fault(const struct box_report *report)
{
        switch ((enum report_end)report->end) {
        case END_LOST:
                /* Out of memory may take the box's own first process. */
                return report->oom_kills == 0;
        case END_READY:
        case END_SETUP:
        case END_REFUSED:
                return true;
        default:
                return false;
        }
}

static enum verdict verdict_exited(const struct box_report *report)
{
        int status = report->wait_status;
        int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

        if (report->oom_kills > 0)
                return VERDICT_MEMORY;
        if (signal == SIGXFSZ)
                return VERDICT_FILE_SIZE;
        if (signal == SIGXCPU)
                return VERDICT_CPU;
        if (signal == 0 && WEXITSTATUS(status) == 0)
                return VERDICT_OK;
        if (report->fork_failures > 0)
                return VERDICT_PROCESSES;
        if (report->flags & REPORT_DISK_FULL)
                return VERDICT_DISK;
        if (report->flags & REPORT_INODES_FULL)
                return VERDICT_INODES;
        return signal ? VERDICT_SIGNAL : VERDICT_EXIT;
}

static enum verdict decide(const struct verdict_evidence *evidence)
{
        const struct box_report *report = evidence->report;

        if (is_engine_fault(report))
                return VERDICT_ENGINE;
        if (report->end == END_CANCELLED)
                return VERDICT_CANCELLED;
        if (report->end == END_STDERR && is_over(evidence, STREAM_STDERR))
                return VERDICT_STDERR;
        if (is_over(evidence, STREAM_STDOUT))
                return VERDICT_STDOUT;
        if (is_over(evidence, STREAM_STDERR))
                return VERDICT_STDERR;
        switch ((enum report_end)report->end) {
        case END_WALL:
                return VERDICT_WALL;
        case END_CPU:
                return VERDICT_CPU;
        case END_LOST:
                return VERDICT_MEMORY;
        case END_EXEC:
        case END_FILES:
                return VERDICT_EXEC;
        case END_EXITED:
                return evidence->artefact_over ? VERDICT_DISK : verdict_exited(report);
        case END_KILLED:
                return evidence->artefact_over ? VERDICT_DISK : VERDICT_ENGINE;
        default:
                return VERDICT_ENGINE; /* killed for output that is not there */
        }
}

static void say(const struct box_report *report, struct stage_result *stage)
{
        const char *why = strerror(report->error);
        size_t room = sizeof(stage->text);

        if (report->end == END_EXEC)
                snprintf(stage->text, room, "the program cannot be started: %s", why);
        else if (report->end == END_FILES)
                snprintf(stage->text, room, "the files cannot be placed: %s", why);
        else if (stage->verdict != VERDICT_ENGINE)
                stage->text[0] = '\0';
        else if (report->end == END_SETUP)
                snprintf(stage->text, room, "the box could not %s: %s", box_step_name(report->step), why);
        else if (report->end == END_REFUSED)
                snprintf(stage->text, room, "the keeper refused the order: %s", why);
        else if (report->end == END_LOST)
                snprintf(stage->text, room, "the box was lost: killed from outside");
        else
                snprintf(stage->text, room, "the box ended for no reason of ours: %s",
                         box_end_name((enum report_end)report->end));
}

/* Exit code and signal.  A box that was killed says SIGKILL even where its status was not reaped. */
static void status_of(const struct box_report *report, struct stage_result *stage)
{
        int status = report->wait_status;

        stage->exit_code = -1;
        stage->signal = 0;
        switch ((enum report_end)report->end) {
        case END_EXITED:
                if (WIFSIGNALED(status))
                        stage->signal = WTERMSIG(status);
                else
                        stage->exit_code = WEXITSTATUS(status);
                break;
        case END_WALL:
        case END_CPU:
        case END_KILLED:
        case END_STDOUT:
        case END_STDERR:
        case END_CANCELLED:
        case END_LOST:
                stage->signal = SIGKILL;
                break;
        default:
                break;
        }
}

void verdict_of(const struct verdict_evidence *evidence, struct stage_result *stage)
{
        const struct box_report *report = evidence->report;

        stage->ran = true;
        stage->cached = false;
        stage->warm = report->flags & REPORT_WARM;
        stage->verdict = decide(evidence);
        stage->wall_ns = MIN(report->wall_ns, (uint64_t)INT64_MAX);
        stage->cpu_ns = MIN(report->cpu_ns, (uint64_t)INT64_MAX);
        stage->memory_bytes = MIN(report->memory_bytes, (uint64_t)INT64_MAX);
        if (stage->verdict == VERDICT_MEMORY)
                stage->memory_bytes = evidence->limits->memory_bytes;
        status_of(report, stage);
        say(report, stage);
}

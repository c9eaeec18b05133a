/*
 * Run: one order in one box, from the limits to the report.
 *
 * While the program runs the keeper waits for three things: init's word that it ended, an order to kill or signal it, and
 * the next moment at which a limit could be passed.  The counters are read when every process of the box is dead, so
 * they stand still; the report goes out before the box is taken down.
 */
#include "box/keeper.h"
#include "box/steps.h"
#include "util/clock.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

enum { CPU_LOOK_NS = 1000000 }; /* shortest time between two looks at the CPU counter */

struct run {
        uint64_t job;
        uint64_t start_ns;
        uint64_t wall_ns;
        uint64_t cpu_ns;
        bool started;         /* the program itself was reached */
        bool short_of_memory; /* v1: memory ran out at least once; something may have been killed for it */
        struct box_report report;
};

static bool take_start(struct run *run, const struct word_frame *frame)
{
        if (frame->word != WORD_STARTED)
                return false;
        run->started = true;
        if (frame->at_ns > run->start_ns)
                run->report.spawn_ns = frame->at_ns - run->start_ns;
        return true;
}

/* End the run from outside: the whole pid namespace dies with init, then the counters stand still. */
static void end_by(struct run *run, enum report_end end)
{
        struct word_frame frame;

        box_end();
        run->report.end = end;
        run->report.wait_status = SIGKILL;
        while (recv(keeper.box.order, &frame, sizeof(frame), MSG_DONTWAIT) == (ssize_t)sizeof(frame))
                (void)take_start(run, &frame);
}

/* What the program's process said before it became the program; nothing after that can be said on its channel. */
static void take_last_words(struct run *run)
{
        struct word_frame frame;

        while (recv(keeper.box.order, &frame, sizeof(frame), MSG_DONTWAIT) == (ssize_t)sizeof(frame)) {
                if (take_start(run, &frame))
                        continue;
                run->report.end = frame.word == WORD_EXEC    ? END_EXEC
                                  : frame.word == WORD_FILES ? END_FILES
                                                             : END_SETUP;
                run->report.step = word_step(&frame);
                run->report.error = -word_error(&frame);
        }
}

/* Init speaks: the program ended.  Silence at the end of the channel means init was killed from outside. */
static void take_word(struct run *run)
{
        struct word_frame frame;
        ssize_t n = recv(keeper.box.control, &frame, sizeof(frame), MSG_DONTWAIT);

        if (n != (ssize_t)sizeof(frame) || frame.word != WORD_EXITED) {
                end_by(run, END_LOST);
                return;
        }
        run->report.end = END_EXITED;
        run->report.wait_status = frame.wait_status;
        run->report.memory_bytes = frame.max_rss_bytes;
        run->report.flags |= frame.flags & (REPORT_DISK_FULL | REPORT_INODES_FULL);
        if (WIFSIGNALED(frame.wait_status) && WTERMSIG(frame.wait_status) == SIGSYS)
                run->report.flags |= REPORT_FORBIDDEN;
        take_last_words(run);
}

/* An order while a box runs: kill it, signal it, or nonsense. */
static void take_order(struct run *run)
{
        const struct box_spec *spec = &request.spec;
        bool ours;

        if (!request_receive(SLOT_FD_SOCKET)) {
                box_discard();
                _exit(0);
        }
        ours = request.n >= offsetof(struct box_spec, number) + sizeof(spec->number) &&
               spec->magic == SPEC_MAGIC && spec->job == run->job;
        if (spec->order == ORDER_RUN)
                report_end(spec->job, END_REFUSED, STEP_NONE, EBUSY);
        else if (ours && spec->order == ORDER_KILL && spec->number < END_COUNT)
                end_by(run, (enum report_end)spec->number);
        else if (ours && spec->order == ORDER_SIGNAL && spec->number > 0 && spec->number <= 64)
                (void)send(keeper.box.control, &spec->number, sizeof(spec->number), MSG_NOSIGNAL);
        request_close();
}

/* Nanoseconds until the next look; 0: a limit was passed and the run is over. */
static uint64_t check_limits(struct run *run, uint64_t *cpu_look_ns)
{
        uint64_t now = clock_now_ns(), wall = now - run->start_ns, used;

        if (wall >= run->wall_ns) {
                end_by(run, END_WALL);
                return 0;
        }
        if (now >= *cpu_look_ns) {
                if (run->short_of_memory && account_memory_killed(&keeper.account)) {
                        end_by(run, END_EXITED); /* what the counters say of it is the verdict */
                        return 0;
                }
                used = account_cpu_ns(&keeper.account);
                if (used >= run->cpu_ns) {
                        end_by(run, END_CPU);
                        return 0;
                }
                /* on all cores at once the rest is gone no sooner than this */
                *cpu_look_ns = now + MAX((run->cpu_ns - used) / keeper.boot->cpus, (uint64_t)CPU_LOOK_NS);
                if (run->short_of_memory)
                        *cpu_look_ns = now + CPU_LOOK_NS; /* KERNEL: told just before the kill is counted */
        }
        return MIN(run->wall_ns - wall, *cpu_look_ns - now);
}

static void watch(struct run *run)
{
        struct pollfd fds[3] = { { keeper.box.control, POLLIN, 0 },
                                 { SLOT_FD_SOCKET, POLLIN, 0 },
                                 { account_memory_event(&keeper.account), POLLIN, 0 } };
        uint64_t cpu_look_ns = run->start_ns + run->cpu_ns / keeper.boot->cpus;

        while (run->report.end == END_READY) {
                uint64_t left = check_limits(run, &cpu_look_ns);
                struct timespec ts = { (time_t)(left / NSEC_PER_SEC), (long)(left % NSEC_PER_SEC) };

                if (left == 0)
                        return;
                if (ppoll(fds, ARRAY_LEN(fds), &ts, NULL) <= 0)
                        continue;
                if (fds[0].revents)
                        take_word(run);
                else if (fds[1].revents)
                        take_order(run);
                else if (fds[2].revents) {
                        run->short_of_memory = true;
                        fds[2].fd = -1;
                        cpu_look_ns = 0;
                }
        }
}

static void finish(struct run *run)
{
        struct account_usage usage;

        run->report.job = run->job;
        run->report.start_ns = run->start_ns;
        run->report.prepare_ns = keeper.box.ready_ns - keeper.box.began_ns;
        run->report.wall_ns = clock_now_ns() - run->start_ns;
        account_end(&keeper.account, &usage);
        (void)!account_share(&keeper.account, 0);
        run->report.cpu_ns = usage.cpu_ns;
        /* KERNEL: v1 charges in batches of 64 pages, so a tiny program may not move the counter at all */
        run->report.memory_bytes = MAX(usage.memory_bytes, run->report.memory_bytes);
        run->report.oom_kills = usage.oom_kills;
        run->report.fork_failures = usage.fork_failures;
        /* killed before there was a program, and not for its memory: not the program's doing */
        if (run->report.end == END_EXITED && !run->started && usage.oom_kills == 0)
                run->report.end = END_LOST;
        report_send(&run->report);
}

/* An image's own program can make its jobs fail as if we had: then it is started for each of them, and can no more. */
static void end_trust(enum report_end end)
{
        if (box_waits_for_image() && (end == END_SETUP || end == END_LOST))
                box_distrust();
}

/* A zygote's child has done nothing in its box; a parked program may have left files there (a JVM does, in /tmp). */
static bool is_parked_for_another(uint32_t warm)
{
        uint32_t parked = keeper.box.warm;

        return parked > 0 && parked != warm && keeper.boot->warm[parked - 1].by == SLOT_WARM_PARK;
}

/* A box is prepared before its order is known; where the order wants other sizes or another root, it is made again. */
static int fit_box(enum step *ret_step)
{
        const struct box_spec *spec = &request.spec;
        int r;

        if (spec->disk_bytes == keeper.box.disk_bytes && spec->inodes == keeper.box.inodes &&
            spec->image == keeper.image && !is_parked_for_another(spec->warm))
                return 0;
        box_discard();
        *ret_step = STEP_SLOT_IMAGE;
        if (spec->image != keeper.image && (r = roots_enter(&keeper, spec->image)) < 0)
                return r;
        return box_prepare(spec->disk_bytes, spec->inodes, 0, ret_step);
}

/* All of the machine is no bound. */
static uint32_t share_of(const struct box_spec *spec)
{
        return spec->cpu_share < 100 * keeper.boot->cpus ? spec->cpu_share : 0;
}

/* Serve the run order in `request`. */
void run_request(void)
{
        const struct box_spec *spec = &request.spec;
        struct run run = { .job = spec->job, .wall_ns = spec->wall_ns, .cpu_ns = spec->cpu_ns };
        enum step step;
        int r = fit_box(&step);

        keeper.next = spec->next;
        zygotes_charge(&keeper.account);
        if (r == 0)
                r = account_begin(&keeper.account, spec->memory_bytes, spec->processes, &step);
        if (r == 0) {
                step = STEP_LIMIT_CPU;
                r = steps_fault(step);
                r = r ? r : account_share(&keeper.account, share_of(spec));
        }
        if (spec->warm > 0 && spec->warm == keeper.box.warm)
                run.report.flags = REPORT_WARM;
        run.start_ns = clock_now_ns();
        if (r == 0) {
                step = STEP_ORDER_SEND;
                r = steps_fault(step);
                r = r ? r : request_forward(keeper.box.order);
        }
        request_close();
        if (r < 0) {
                end_trust(END_SETUP);
                report_end(run.job, END_SETUP, step, r);
                return;
        }
        watch(&run);
        finish(&run);
        end_trust(run.report.end);
}

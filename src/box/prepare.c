/*
 * Prepare: one box from its cgroup to READY, and away again.
 *
 * The keeper clones init into all namespaces but the user's; init and the process that becomes the program do the rest
 * inside (init.c, program.c) and say READY or the step that failed.  A box is used once.
 */
#include "box/keeper.h"
#include "box/steps.h"
#include "box/warm.h"
#include "util/clock.h"

#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
        PREPARE_MS = 10000, /* a box that is not ready by then is thrown away */
        IMAGE_MS = 3000,    /* so long an image's program may keep a slot from its next job */
};

#define PAUSE_NS (60 * NSEC_PER_SEC)

static uint64_t failed_ns[SLOT_WARM_MAX]; /* by row - 1; 0: never */

void box_end(void)
{
        struct box *box = &keeper.box;

        if (box->pid <= 0)
                return;
        (void)syscall(SYS_pidfd_send_signal, box->pidfd, SIGKILL, NULL, 0);
        while (waitpid(box->pid, NULL, __WALL) < 0 && errno == EINTR)
                ;
        box->pid = 0;
}

void box_discard(void)
{
        struct box *box = &keeper.box;

        box_end();
        close_fd(&box->pidfd);
        close_fd(&box->control);
        close_fd(&box->order);
        account_discard(&keeper.account);
}

static int clone_init(int group, const struct box_plan *plan)
{
        struct box *box = &keeper.box;
        struct clone_args args = {
                .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
                         CLONE_PIDFD,
                .pidfd = (uint64_t)(uintptr_t)&box->pidfd,
                .exit_signal = SIGCHLD,
        };
        long pid;

        if (group >= 0) {
                args.flags |= CLONE_INTO_CGROUP;
                args.cgroup = (uint64_t)group;
        }
        pid = syscall(SYS_clone3, &args, sizeof(args));
        if (pid == 0)
                init_main(plan);
        if (pid < 0)
                return -errno;
        box->pid = (pid_t)pid;
        return 0;
}

static bool take_frame(int channel, struct word_frame *frame)
{
        return recv(channel, frame, sizeof(*frame), MSG_DONTWAIT) == (ssize_t)sizeof(*frame);
}

static const struct slot_warm *row_of(uint32_t warm)
{
        return &keeper.boot->warm[warm - 1];
}

bool box_waits_for_image(void)
{
        return keeper.box.warm > 0 && row_of(keeper.box.warm)->image > 0;
}

void row_rest(uint32_t row)
{
        failed_ns[row - 1] = clock_now_ns();
}

void box_distrust(void)
{
        row_rest(keeper.box.warm);
}

/*
 * Why there is no READY.  The one that failed has said so before it ended; the other only ended.  All are dead before they are
 * heard, since an image's program could go on talking.
 */
static int take_failure(enum step *ret_step)
{
        const int channels[2] = { keeper.box.control, keeper.box.order };
        struct word_frame frame;

        box_end();
        for (int i = 0; i < 2; i++)
                while (take_frame(channels[i], &frame))
                        if (frame.word == WORD_FAILED) {
                                *ret_step = word_step(&frame);
                                return word_error(&frame);
                        }
        return -ECHILD; /* killed without a word */
}

/* 0: READY.  A failure's words are looked for on both channels. */
static int take_ready(int channel, enum step *ret_step)
{
        struct word_frame frame;

        if (!take_frame(channel, &frame))
                return take_failure(ret_step);
        if (frame.word == WORD_READY) {
                keeper.box.program = MAX(keeper.box.program, frame.pid);
                return 0;
        }
        if (frame.word != WORD_FAILED)
                return take_failure(ret_step);
        *ret_step = word_step(&frame);
        return word_error(&frame);
}

/*
 * One word of both: the program's process must have done with the set-up, and init with giving up its own privileges.  The
 * program's comes last as a rule, so that the other is there by then; when init dies, so does the program.
 */
static int await_ready(enum step *ret_step)
{
        const int channels[2] = { keeper.box.order, keeper.box.control };

        *ret_step = STEP_BOX_CLONE;
        for (int i = 0; i < 2; i++) {
                struct pollfd fd = { channels[i], POLLIN, 0 };
                int ready, r;

                do
                        ready = poll(&fd, 1, box_waits_for_image() ? IMAGE_MS : PREPARE_MS);
                while (ready < 0 && errno == EINTR);
                r = ready > 0 ? take_ready(channels[i], ret_step) : -ETIMEDOUT;
                if (r < 0)
                        return r;
        }
        keeper.box.ready_ns = clock_now_ns();
        return 0;
}

static int make_channels(int control[2], int order[2])
{
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
                return -errno;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, order) < 0) {
                int r = -errno;

                close(control[0]);
                close(control[1]);
                return r;
        }
        return 0;
}

/* The namespaces that init opens go on to a zygote, which forks its child into them. */
static int fork_zygote(uint32_t warm, int order, int group, enum step *ret_step)
{
        int fds[WARM_BOX_COUNT] = { order }, r;
        struct pollfd fd = { keeper.box.control, POLLIN, 0 };
        struct word_frame frame;

        *ret_step = STEP_INIT_NAMESPACES;
        if (poll(&fd, 1, PREPARE_MS) <= 0)
                return -ETIMEDOUT;
        r = fds_recv(keeper.box.control, &frame, fds + WARM_BOX_PID, WARM_BOX_NAMESPACES);
        if (r != WARM_BOX_NAMESPACES) {
                *ret_step = r == 0 && frame.word == WORD_FAILED ? word_step(&frame) : STEP_BOX_CLONE;
                return r == 0 && frame.word == WORD_FAILED ? word_error(&frame) : -ECHILD;
        }
        fds[WARM_BOX_GROUP] = group;
        r = zygotes_fork(warm, fds, group >= 0 ? WARM_BOX_COUNT : WARM_BOX_GROUP, ret_step);
        for (int i = WARM_BOX_PID; i <= WARM_BOX_CGROUP; i++)
                close(fds[i]);
        return r;
}

/* A zygote's child is nobody's of the box until its init knows it. */
static int adopt(const struct box *box)
{
        int32_t pid = -box->program;

        return send(box->control, &pid, sizeof(pid), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* What a program may have before its order: a zygote's child does nothing until then. */
static int bound(const struct box_plan *plan)
{
        const struct slot_warm *row = row_of(plan->warm);

        zygotes_charge(&keeper.account);
        if (plan->zygote)
                return account_relax(&keeper.account);
        return account_confine(&keeper.account, row->memory_bytes, row->processes);
}

static int make_box(const struct box_plan *plan, enum step *ret_step)
{
        int group, r;

        *ret_step = STEP_BOX_CGROUP;
        r = steps_fault(STEP_BOX_CGROUP);
        r = r ? r : account_prepare(&keeper.account, &group);
        if (r == 0 && plan->warm > 0)
                r = bound(plan);
        if (r < 0)
                return r;
        *ret_step = STEP_BOX_CLONE;
        r = steps_fault(STEP_BOX_CLONE);
        r = r ? r : clone_init(group, plan);
        if (r == 0 && plan->zygote)
                r = fork_zygote(plan->warm, plan->order, group, ret_step);
        return r;
}

static int prepare(struct box_plan plan, enum step *ret_step)
{
        struct box *box = &keeper.box;
        int control[2], order[2], r;

        *box = (struct box){ .began_ns = clock_now_ns(),
                             .pidfd = -1,
                             .control = -1,
                             .order = -1,
                             .disk_bytes = plan.disk_bytes,
                             .inodes = plan.inodes,
                             .warm = plan.warm };
        *ret_step = STEP_BOX_CHANNEL;
        r = steps_fault(STEP_BOX_CHANNEL);
        r = r ? r : make_channels(control, order);
        if (r < 0)
                return r;
        box->control = control[0];
        box->order = order[0];
        plan.control = control[1];
        plan.order = order[1];
        r = make_box(&plan, ret_step);
        close(control[1]);
        close(order[1]);
        r = r ? r : await_ready(ret_step);
        return r == 0 && plan.zygote ? adopt(box) : r;
}

static bool rests(uint32_t row)
{
        return failed_ns[row - 1] > 0 && clock_now_ns() - failed_ns[row - 1] < PAUSE_NS;
}

/* An image's program is parked in that image's root, and never is a zygote. */
static bool may_wait(uint32_t warm)
{
        return warm > 0 && warm <= keeper.boot->n_warm && row_of(warm)->image == keeper.image &&
               (keeper.image == 0 || row_of(warm)->by == SLOT_WARM_PARK) && !rests(warm);
}

/* It could not be warm, so it is an ordinary one. */
static void end_warm(struct box_plan *plan, enum step step, int error)
{
        bool silent = error == -ECHILD && step == STEP_BOX_CLONE;

        if (!plan->zygote)
                box_distrust();
        box_discard();
        report_end(0, END_SETUP, silent && !plan->zygote ? STEP_WARM_EXEC : step, error);
        plan->warm = 0;
        plan->zygote = false;
}

int box_prepare(uint64_t disk_bytes, uint64_t inodes, uint32_t warm, enum step *ret_step)
{
        struct box_plan plan = { .boot = keeper.boot,
                                 .disk_bytes = disk_bytes,
                                 .inodes = inodes,
                                 .slot_uid = keeper.boot->slot_uid,
                                 .init_uid = keeper.boot->init_uid,
                                 .proc = keeper.proc };
        int r;

        if (may_wait(warm)) {
                plan.warm = warm;
                plan.zygote = row_of(warm)->by == SLOT_WARM_FORK;
                r = prepare(plan, ret_step);
                if (r == 0)
                        return 0;
                end_warm(&plan, *ret_step, r);
        }
        return prepare(plan, ret_step);
}

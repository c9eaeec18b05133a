/*
 * Init: pid 1 of a box.
 *
 * Mounts what must be private (/box, /tmp, /proc), clones the process that becomes the program into the box's user
 * namespace, and gives up everything but CAP_KILL, which the pid namespace confines to the box.  It runs under a
 * uid of its own and is not dumpable, so the program can neither trace, signal nor limit it.
 *
 * When the program has ended it kills and reaps whatever the program left, and only then says so: by the time the
 * keeper hears it, nobody can write to the output any more.
 */
#include "box/keeper.h"
#include "box/mounts.h"
#include "box/steps.h"
#include "box/warm.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

NORETURN static void fail(const struct box_plan *plan, enum step step, int error)
{
        word_send(plan->control, WORD_FAILED, step, error);
        _exit(1);
}

static int take_privileges(const void *context)
{
        const struct box_plan *plan = context;
        int r = privileges_take_id(plan->init_uid);

        r = r ? r : privileges_keep(UINT64_C(1) << CAP_KILL);
        if (r < 0)
                return r;
        /* KERNEL: changed credentials clear both; the keeper's death must end the box */
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
                return -errno;
        return 0;
}

/* A zygote's child has to be let in by somebody who is inside: here are the doors. */
static int show_namespaces(const void *context)
{
        static const char *const names[WARM_BOX_NAMESPACES] = { "pid", "mnt", "ipc", "uts", "cgroup" };
        const struct box_plan *plan = context;
        int fds[WARM_BOX_NAMESPACES], n = 0, r = 0;
        char path[32];

        for (; plan->zygote && r == 0 && n < WARM_BOX_NAMESPACES; n++) {
                snprintf(path, sizeof(path), "self/ns/%s", names[n]);
                fds[n] = openat(plan->proc, path, O_RDONLY | O_CLOEXEC);
                r = fds[n] < 0 ? -errno : 0;
        }
        if (n > 0 && r == 0)
                r = fds_send(plan->control, fds, n);
        return r; /* open files are closed soon: keep_only() */
}

/* The program's process: in a user namespace that owns none of the other namespaces. */
static pid_t clone_program(const struct box_plan *plan)
{
        struct clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
        pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

        if (pid == 0)
                program_main(plan);
        return pid < 0 ? -errno : pid;
}

static void on_child(int signal)
{
        (void)signal; /* only to end ppoll */
}

/* How the program ended, as its parent learns it. */
struct end {
        int status;
        struct rusage usage;
};

static uint32_t full_flags(const char *path)
{
        struct statfs st;

        if (statfs(path, &st) < 0)
                return 0;
        return (st.f_bavail == 0 ? (uint32_t)REPORT_DISK_FULL : 0) |
               (st.f_ffree == 0 ? (uint32_t)REPORT_INODES_FULL : 0);
}

static void report_exit(const struct box_plan *plan, const struct end *end)
{
        struct word_frame frame = { .word = WORD_EXITED,
                                    .wait_status = end->status,
                                    .max_rss_bytes = (uint64_t)end->usage.ru_maxrss * KIB };

        /* everything but us; forks in flight see the pending signal and give up */
        if (kill(-1, SIGKILL) == 0)
                while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
                        ;
        frame.flags = full_flags("/box") | full_flags("/tmp");
        (void)send(plan->control, &frame, sizeof(frame), MSG_NOSIGNAL);
}

/*
 * Deliver a signal the keeper asks for; a keeper that hung up ends the box.  A negative number is the pid of a zygote's
 * child, which its parent left to us: it is the program.
 */
static void take_word(const struct box_plan *plan, pid_t *program)
{
        int32_t number;
        ssize_t n = recv(plan->control, &number, sizeof(number), MSG_DONTWAIT);

        if (n == 0)
                _exit(1);
        if (n == (ssize_t)sizeof(number) && number < 0 && *program == 0)
                *program = -number;
        else if (n == (ssize_t)sizeof(number) && number > 0 && *program > 0)
                (void)kill(*program, number);
}

/* Reap until the program itself has ended; orphans come here too. */
static bool reap(pid_t program, struct end *ret_end)
{
        pid_t pid;

        while ((pid = wait4(-1, &ret_end->status, WNOHANG | __WALL, &ret_end->usage)) > 0)
                if (pid == program)
                        return true;
        return false;
}

NORETURN static void serve(const struct box_plan *plan, pid_t program)
{
        struct pollfd control = { plan->control, POLLIN, 0 };
        sigset_t none;
        struct end end;

        sigemptyset(&none);
        for (;;) {
                if (program > 0 && reap(program, &end)) {
                        report_exit(plan, &end);
                        program = -1;
                }
                if (ppoll(&control, 1, NULL, &none) > 0)
                        take_word(plan, &program);
        }
}

static int mount_box(const void *context)
{
        const struct box_plan *plan = context;
        uint32_t id = plan->slot_uid;

        return mount_work_tmpfs("/box", plan->disk_bytes, plan->inodes, 0755, id, id);
}

static int mount_tmp(const void *context)
{
        const struct box_plan *plan = context;
        uint32_t id = plan->slot_uid;

        return mount_work_tmpfs("/tmp", plan->disk_bytes, plan->inodes, 01777, id, id);
}

static int mount_proc(const void *context)
{
        (void)context;
        return mount_box_proc("/proc/pid");
}

static int take_slot_id(const void *context)
{
        const struct box_plan *plan = context;
        int r = privileges_take_id(plan->slot_uid);

        /* as below */
        return r == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? -errno : r;
}

/* SIGCHLD is blocked except inside ppoll, so an exit between two looks is not missed. */
static void set_signals(void)
{
        struct sigaction action = { .sa_handler = on_child };
        sigset_t child;

        sigaction(SIGCHLD, &action, NULL);
        sigemptyset(&child);
        sigaddset(&child, SIGCHLD);
        sigprocmask(SIG_BLOCK, &child, NULL);
}

/* Keep nothing but the channel to the keeper, as descriptor 3. */
static void keep_only(int channel)
{
        if (channel != 3)
                (void)dup2(channel, 3);
        (void)close_range(4, ~0u, 0);
        (void)close_range(0, 2, 0);
}

static void run_steps(const struct step_row *rows, size_t n, const struct box_plan *plan)
{
        enum step step;
        int r = steps_run(rows, n, plan, &step);

        if (r < 0)
                fail(plan, step, r);
}

NORETURN void init_main(const struct box_plan *plan)
{
        static const struct step_row before[] = {
                { STEP_INIT_MOUNT_BOX, mount_box },   { STEP_INIT_MOUNT_TMP, mount_tmp },
                { STEP_INIT_MOUNT_PROC, mount_proc }, { STEP_INIT_NAMESPACES, show_namespaces },
                { STEP_INIT_IDS, take_slot_id },
        };
        static const struct step_row after[] = { { STEP_INIT_PRIVILEGES, take_privileges } };
        pid_t program = 0;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        run_steps(before, ARRAY_LEN(before), plan);
        set_signals();
        program = steps_fault(STEP_INIT_CLONE);
        if (program == 0 && !plan->zygote)
                program = clone_program(plan);
        if (program < 0)
                fail(plan, STEP_INIT_CLONE, program);
        run_steps(after, ARRAY_LEN(after), plan);
        (void)prctl(PR_SET_NAME, "box-init", 0, 0, 0);
        keep_only(plan->control);
        word_send(3, WORD_READY, STEP_NONE, 0);
        serve(&(struct box_plan){ .boot = plan->boot, .control = 3 }, program);
}

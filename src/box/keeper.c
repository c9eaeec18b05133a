/*
 * Keeper: one slot.
 *
 * Builds the slot's root, drops all but the capabilities that making boxes takes, loads the filter, and then goes
 * round: prepare a box, say READY, take one order, watch it, report, throw the box away.  It parses nothing but
 * struct box_spec, whose every number is checked against spec.def, and opens no path after start.
 *
 * When the socket ends (the runner is gone) it kills its box and leaves; when it dies itself, the box dies with it by
 * PR_SET_PDEATHSIG.  Failures before READY are reported as END_SETUP with job 0 and tried again.
 */
#include "box/keeper.h"
#include "box/mounts.h"
#include "box/root.h"
#include "util/clock.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum {
        PREPARE_MS = 10000,    /* a box that is not ready by then is thrown away */
        RETRY_MS = 1000,       /* between failed preparations */
        CPU_LOOK_NS = 1000000, /* shortest time between two looks at the CPU counter */
};

/* What making boxes takes: namespaces and mounts, the slot's ids, bounding sets, ending init. */
static const uint64_t keeper_capabilities = UINT64_C(1) << CAP_SYS_ADMIN | UINT64_C(1) << CAP_SETUID |
                                            UINT64_C(1) << CAP_SETGID | UINT64_C(1) << CAP_SETPCAP |
                                            UINT64_C(1) << CAP_KILL;

struct box {
        pid_t pid; /* of init, 0: none */
        int pidfd;
        int control;
        int order;
        uint64_t disk_bytes;
        uint64_t inodes;
};

static struct keeper {
        const struct slot_boot *boot;
        struct account account;
        int proc;
        struct box box;
} keeper;

/* One order as received; static for its size. */
static struct {
        struct box_spec spec;
        char words[SPEC_WORDS_BYTES];
        int fds[BOX_FD_COUNT];
        int n_fds;
        size_t n; /* bytes of spec and words */
} request;

NORETURN static void die(enum step step, int error)
{
        struct box_report report = {
                .magic = REPORT_MAGIC, .end = END_SETUP, .step = step, .error = error < 0 ? -error : error
        };

        (void)send(SLOT_FD_SOCKET, &report, sizeof(report), MSG_NOSIGNAL);
        _exit(1);
}

/* ---- the slot, once ---- */

static void map_boot(void)
{
        const struct slot_boot *boot = mmap(NULL, sizeof(*boot), PROT_READ, MAP_PRIVATE, SLOT_FD_BOOT, 0);

        if (boot == MAP_FAILED)
                die(STEP_BOOT, errno);
        if (boot->magic != SLOT_MAGIC)
                die(STEP_BOOT, EBADMSG);
        keeper.boot = boot;
        account_init(&keeper.account, boot);
}

static int raise_loopback(void)
{
        CLEANUP(close_fd) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq request_up = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

        if (fd < 0)
                return -errno;
        return ioctl(fd, SIOCSIFFLAGS, &request_up) < 0 ? -errno : 0;
}

static void drop_privileges(void)
{
        int r = setgroups(0, NULL) < 0 ? -errno : 0;

        r = r ? r : privileges_lock_securebits();
        r = r ? r : privileges_keep(keeper_capabilities);
        if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                r = -errno;
        if (r == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                r = -errno;
        if (r < 0)
                die(STEP_SLOT_PRIVILEGES, r);
}

static void load_filters(void)
{
        for (int i = 0; i < SLOT_FILTERS; i++) {
                int r = filter_load(keeper.boot->filter[i], keeper.boot->n_filter[i]);

                if (r < 0)
                        die(STEP_SLOT_FILTER, r);
        }
}

static void build_slot(void)
{
        enum step step;
        int r;

        if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC) < 0)
                die(STEP_SLOT_NAMESPACES, errno);
        if (sethostname("box", 3) < 0 || setdomainname("", 0) < 0)
                die(STEP_SLOT_NAMESPACES, errno);
        r = raise_loopback();
        if (r < 0)
                die(STEP_SLOT_LOOPBACK, r);
        r = root_build(keeper.boot, &step);
        if (r < 0)
                die(step, r);
        keeper.proc = mount_detached_proc();
        if (keeper.proc < 0)
                die(STEP_SLOT_ROOT, keeper.proc);
        drop_privileges();
        load_filters();
}

/* ---- one box ---- */

static void discard_box(void)
{
        struct box *box = &keeper.box;

        if (box->pid > 0) {
                (void)syscall(SYS_pidfd_send_signal, box->pidfd, SIGKILL, NULL, 0);
                while (waitpid(box->pid, NULL, __WALL) < 0 && errno == EINTR)
                        ;
        }
        close_fd(&box->pidfd);
        close_fd(&box->control);
        close_fd(&box->order);
        box->pid = 0;
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

/* Wait for the box's READY; a failure comes from init or from the program's process. */
static int await_ready(enum step *ret_step)
{
        struct pollfd fds[2] = { { keeper.box.order, POLLIN, 0 }, { keeper.box.control, POLLIN, 0 } };
        struct word_frame frame;
        ssize_t n;
        int ready;

        do
                ready = poll(fds, 2, PREPARE_MS);
        while (ready < 0 && errno == EINTR);
        *ret_step = STEP_BOX_CLONE;
        if (ready <= 0)
                return -ETIMEDOUT;
        n = recv(fds[0].revents ? fds[0].fd : fds[1].fd, &frame, sizeof(frame), MSG_DONTWAIT);
        if (n != (ssize_t)sizeof(frame))
                return -ECHILD;
        if (frame.word == WORD_READY)
                return 0;
        *ret_step = (enum step)frame.step;
        return frame.error ? -frame.error : -EPROTO;
}

static int prepare_box(uint64_t disk_bytes, uint64_t inodes, enum step *ret_step)
{
        struct box *box = &keeper.box;
        int control[2], order[2], group, r;

        *box = (struct box){
                .pidfd = -1, .control = -1, .order = -1, .disk_bytes = disk_bytes, .inodes = inodes
        };
        *ret_step = STEP_BOX_CGROUP;
        r = account_prepare(&keeper.account, &group);
        if (r < 0)
                return r;
        *ret_step = STEP_BOX_CHANNEL;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
                return -errno;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, order) < 0) {
                r = -errno;
                close(control[0]);
                close(control[1]);
                return r;
        }
        box->control = control[0];
        box->order = order[0];
        *ret_step = STEP_BOX_CLONE;
        r = clone_init(group, &(struct box_plan){ keeper.boot, disk_bytes, inodes, control[1], order[1],
                                                  keeper.proc });
        close(control[1]);
        close(order[1]);
        return r ? r : await_ready(ret_step);
}

/* ---- reports ---- */

static void send_report(struct box_report *report)
{
        report->magic = REPORT_MAGIC;
        if (send(SLOT_FD_SOCKET, report, sizeof(*report), MSG_NOSIGNAL) < 0) {
                discard_box();
                _exit(0); /* nobody to work for */
        }
}

static void send_end(uint64_t job, enum report_end end, enum step step, int error)
{
        struct box_report report = {
                .job = job, .end = end, .step = step, .error = error < 0 ? -error : error
        };

        send_report(&report);
}

/* ---- orders ---- */

static void close_request(void)
{
        for (int i = 0; i < request.n_fds; i++)
                close_fd(&request.fds[i]);
        request.n_fds = 0;
}

/* Take one message.  False: the runner hung up. */
static bool receive(void)
{
        struct iovec iov[2] = { { &request.spec, sizeof(request.spec) },
                                { request.words, sizeof(request.words) } };
        union {
                char bytes[CMSG_SPACE(sizeof(request.fds))];
                struct cmsghdr align;
        } control;
        struct msghdr msg = {
                .msg_iov = iov, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof(control)
        };
        struct cmsghdr *cmsg;
        ssize_t n;

        do
                n = recvmsg(SLOT_FD_SOCKET, &msg, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
                return false;
        request.n = (size_t)n;
        request.n_fds = 0;
        for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
                if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
                        continue;
                request.n_fds = (int)((cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int));
                memcpy(request.fds, CMSG_DATA(cmsg), (size_t)request.n_fds * sizeof(int));
        }
        if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
                request.spec.magic = 0; /* refused below */
        return true;
}

static bool numbers_ok(const struct box_spec *spec)
{
        bool ok = true;

#define SPEC_U32(field, least, most) ok = ok && spec->field <= (most) && spec->field + 1 > (least);
#define SPEC_U64(field, least, most) SPEC_U32(field, least, most)
#include "box/spec.def"
#undef SPEC_U32
#undef SPEC_U64
        return ok;
}

/* A run order whose every number, length and descriptor is as spec.h says. */
static bool run_order_ok(void)
{
        const struct box_spec *spec = &request.spec;
        int want = BOX_FD_FILES;

        if (request.n < sizeof(*spec) || spec->magic != SPEC_MAGIC || spec->order != ORDER_RUN ||
            !numbers_ok(spec))
                return false;
        if (request.n - sizeof(*spec) != spec->words_bytes)
                return false;
        if (spec->flags & SPEC_HAS_FILES)
                want++;
        if (spec->flags & SPEC_HAS_ARTEFACT)
                want++;
        return request.n_fds == want;
}

/* Descriptors travel packed; put each where enum box_fd says, so the box finds FILES and ARTEFACT by name. */
static int forward_order(void)
{
        struct iovec iov[2] = { { &request.spec, sizeof(request.spec) },
                                { request.words, request.n - sizeof(request.spec) } };
        int fds[BOX_FD_COUNT], n = request.n_fds;
        union {
                char bytes[CMSG_SPACE(sizeof(fds))];
                struct cmsghdr align;
        } control = { 0 };
        struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2, .msg_control = &control };
        struct cmsghdr *cmsg;

        memcpy(fds, request.fds, sizeof(fds));
        if ((request.spec.flags & SPEC_FLAGS_ALL) == SPEC_HAS_ARTEFACT) {
                fds[BOX_FD_ARTEFACT] = fds[BOX_FD_FILES]; /* a place holder keeps the numbering */
                n = BOX_FD_COUNT;
        }
        msg.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
        memcpy(CMSG_DATA(cmsg), fds, (size_t)n * sizeof(int));
        return sendmsg(keeper.box.order, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* ---- a run ---- */

struct run {
        uint64_t job;
        uint64_t start_ns;
        uint64_t wall_ns;
        uint64_t cpu_ns;
        struct box_report report;
};

static void kill_box(void)
{
        (void)syscall(SYS_pidfd_send_signal, keeper.box.pidfd, SIGKILL, NULL, 0);
        while (waitpid(keeper.box.pid, NULL, __WALL) < 0 && errno == EINTR)
                ;
        keeper.box.pid = 0;
}

/* End the run from outside: the whole pid namespace dies with init, then the counters stand still. */
static void end_by(struct run *run, enum report_end end)
{
        kill_box();
        run->report.end = end;
        run->report.wait_status = SIGKILL;
}

/* What the program's process said before it could become the program. */
static void take_last_word(struct run *run)
{
        struct word_frame frame;

        if (recv(keeper.box.order, &frame, sizeof(frame), MSG_DONTWAIT) != (ssize_t)sizeof(frame))
                return;
        run->report.end = frame.word == WORD_EXEC    ? END_EXEC
                          : frame.word == WORD_FILES ? END_FILES
                                                     : END_SETUP;
        run->report.step = frame.step;
        run->report.error = frame.error;
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
        run->report.flags = frame.flags & (REPORT_DISK_FULL | REPORT_INODES_FULL);
        if (WIFSIGNALED(frame.wait_status) && WTERMSIG(frame.wait_status) == SIGSYS)
                run->report.flags |= REPORT_FORBIDDEN;
        take_last_word(run);
}

/* An order while a box runs: kill it, signal it, or nonsense. */
static void take_order(struct run *run)
{
        const struct box_spec *spec = &request.spec;
        bool ours;

        if (!receive()) {
                discard_box();
                _exit(0);
        }
        ours = request.n >= offsetof(struct box_spec, number) + sizeof(spec->number) &&
               spec->magic == SPEC_MAGIC && spec->job == run->job;
        if (spec->order == ORDER_RUN)
                send_end(spec->job, END_REFUSED, STEP_NONE, EBUSY);
        else if (ours && spec->order == ORDER_KILL && spec->number < END_COUNT)
                end_by(run, (enum report_end)spec->number);
        else if (ours && spec->order == ORDER_SIGNAL && spec->number > 0 && spec->number <= 64)
                (void)send(keeper.box.control, &spec->number, sizeof(spec->number), MSG_NOSIGNAL);
        close_request();
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
                used = account_cpu_ns(&keeper.account);
                if (used >= run->cpu_ns) {
                        end_by(run, END_CPU);
                        return 0;
                }
                /* on all cores at once the rest is gone no sooner than this */
                *cpu_look_ns = now + MAX((run->cpu_ns - used) / keeper.boot->cpus, (uint64_t)CPU_LOOK_NS);
        }
        return MIN(run->wall_ns - wall, *cpu_look_ns - now);
}

static void watch(struct run *run)
{
        struct pollfd fds[2] = { { keeper.box.control, POLLIN, 0 }, { SLOT_FD_SOCKET, POLLIN, 0 } };
        uint64_t cpu_look_ns = run->start_ns + run->cpu_ns / keeper.boot->cpus;

        while (run->report.end == END_READY) {
                uint64_t left = check_limits(run, &cpu_look_ns);
                struct timespec ts = { (time_t)(left / NSEC_PER_SEC), (long)(left % NSEC_PER_SEC) };

                if (left == 0)
                        return;
                if (ppoll(fds, 2, &ts, NULL) <= 0)
                        continue;
                if (fds[0].revents)
                        take_word(run);
                else if (fds[1].revents)
                        take_order(run);
        }
}

static void finish(struct run *run)
{
        struct account_usage usage;

        run->report.job = run->job;
        run->report.start_ns = run->start_ns;
        run->report.wall_ns = clock_now_ns() - run->start_ns;
        account_end(&keeper.account, &usage);
        run->report.cpu_ns = usage.cpu_ns;
        /* KERNEL: v1 charges in batches of 64 pages, so a tiny program may not move the counter at all */
        run->report.memory_bytes = MAX(usage.memory_bytes, run->report.memory_bytes);
        run->report.oom_kills = usage.oom_kills;
        run->report.fork_failures = usage.fork_failures;
        send_report(&run->report);
}

/* A box is prepared before its order is known; where the order wants other sizes, it is made again. */
static int fit_box(enum step *ret_step)
{
        const struct box_spec *spec = &request.spec;

        if (spec->disk_bytes == keeper.box.disk_bytes && spec->inodes == keeper.box.inodes)
                return 0;
        discard_box();
        return prepare_box(spec->disk_bytes, spec->inodes, ret_step);
}

/* Serve the run order in `request`. */
static void run_box(void)
{
        const struct box_spec *spec = &request.spec;
        struct run run = { .job = spec->job, .wall_ns = spec->wall_ns, .cpu_ns = spec->cpu_ns };
        enum step step;
        int r = fit_box(&step);

        if (r == 0)
                r = account_begin(&keeper.account, spec->memory_bytes, spec->processes, &step);
        run.start_ns = clock_now_ns();
        if (r == 0) {
                step = STEP_ORDER_SEND;
                r = forward_order();
        }
        close_request();
        if (r < 0) {
                send_end(run.job, END_SETUP, step, r);
                return;
        }
        watch(&run);
        finish(&run);
}

/* Wait for an order with a prepared box in hand.  Returns when the box was used, or has died waiting. */
static void serve_box(void)
{
        struct pollfd fds[2] = { { SLOT_FD_SOCKET, POLLIN, 0 }, { keeper.box.pidfd, POLLIN, 0 } };

        for (;;) {
                if (poll(fds, 2, -1) < 0)
                        continue;
                if (fds[0].revents) {
                        if (!receive()) {
                                discard_box();
                                _exit(0);
                        }
                        if (run_order_ok()) {
                                run_box();
                                return;
                        }
                        if (request.n >= sizeof(request.spec) && request.spec.order == ORDER_RUN)
                                send_end(request.spec.job, END_REFUSED, STEP_NONE, EINVAL);
                        close_request(); /* a kill for a job that has ended already */
                } else if (fds[1].revents) {
                        return;
                }
        }
}

int main(void)
{
        enum step step;
        int r;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        signal(SIGPIPE, SIG_IGN);
        signal(SIGINT, SIG_IGN); /* the terminal's: the warden decides when a slot ends */
        signal(SIGTERM, SIG_IGN);
        map_boot();
        build_slot();
        for (;;) {
                r = prepare_box(keeper.boot->disk_bytes, keeper.boot->inodes, &step);
                if (r == 0) {
                        send_end(0, END_READY, STEP_NONE, 0);
                        serve_box();
                        discard_box();
                        continue;
                }
                discard_box();
                send_end(0, END_SETUP, step, r);
                poll(NULL, 0, RETRY_MS);
        }
}

/*
 * The warm library (warm.h), preloaded into interpreters.
 *
 * It stands before the few functions of libc by which an interpreter first touches the file it is to run.  Until that file
 * is touched it does nothing; from then on it is out of the way for good.
 *
 * In a zygote the process that touched the door stays there and serves: for each box a helper, made as vfork(2) makes
 * it, enters the box's pid namespace and its cgroup and forks.  The child is a full copy of the interpreter, made by libc's own
 * fork, so that libc knows where it is; when the helper has ended its parent is the box's init.  The child goes
 * through the steps of program.c and becomes the program.
 */
#include "box/warm.h"
#include "box/keeper.h"
#include "box/steps.h"
#include "box/warm_voice.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;

enum { REHEARSAL_SECONDS = 3 };

static struct {
        bool waiting; /* the door was not touched yet */
        bool forking; /* it was, and the fork that comes is for us */
        bool rehearsing;
        struct warm_note note;
        const struct slot_boot *boot; /* a zygote's, before it has become a program */
} state;

/* Take a word out of the environment, and out of what /proc/self/environ shows. */
static char *take_out(const char *name)
{
        size_t n = strlen(name);

        for (char **word = environ; *word; word++)
                if (strncmp(*word, name, n) == 0) {
                        char *found = *word;

                        for (; *word; word++)
                                word[0] = word[1];
                        return found;
                }
        return NULL;
}

static bool is_zygote(void)
{
        return state.note.warm.by == SLOT_WARM_FORK;
}

static bool take_note(void)
{
        bool whole = read(WARM_FD_NOTE, &state.note, sizeof(state.note)) == (ssize_t)sizeof(state.note);

        close(WARM_FD_NOTE);
        return whole && state.note.magic == SLOT_MAGIC;
}

static bool map_boot(void)
{
        const void *p = mmap(NULL, sizeof(*state.boot), PROT_READ, MAP_PRIVATE, WARM_FD_BOOT, 0);

        close(WARM_FD_BOOT);
        if (p == MAP_FAILED)
                return false;
        state.boot = p;
        return state.boot->magic == SLOT_MAGIC;
}

/* A zygote has powers, which nobody of its user may borrow; and it is the keeper's. */
static bool wake_zygote(void)
{
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        /* KERNEL: an exec that raises powers clears it */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        return map_boot();
}

__attribute__((constructor)) static void wake(void)
{
        char *mark = take_out(WARM_ENV), *preload = take_out("LD_PRELOAD=");

        if (!mark || !preload)
                return;
        memset(mark, 0, strlen(mark));
        memset(preload, 0, strlen(preload));
        if (!take_note() || (is_zygote() && !wake_zygote()))
                _exit(127);
        steps_fault_open(&state.note.fault);
        (void)fcntl(WARM_FD_CHANNEL, F_SETFD, FD_CLOEXEC);
        (void)fcntl(WARM_FD_PROC, F_SETFD, FD_CLOEXEC); /* not there where a parked program leaves nothing */
        if (state.note.warm.collects)
                obey_collector(WARM_FD_PROC);
        state.waiting = true;
}

/*
 * What the kernel knows of a thread's rseq area is lost on the way through the helper, which shares our memory.  Only glibc
 * has one, since 2.35.
 */
#pragma weak __rseq_size
#pragma weak __rseq_offset

static void register_rseq(void)
{
        if (&__rseq_size && __rseq_size > 0)
                (void)syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, 32, 0, RSEQ_SIG);
}

/* The box a child is made for: on the zygote's stack, and so in the child's copy of it. */
struct birth {
        int fds[WARM_BOX_COUNT];
        int n_fds;
        struct box_plan plan;
};

static int enter_namespaces(const void *context)
{
        const struct birth *birth =
                (const struct birth *)((const char *)context - offsetof(struct birth, plan));

        for (int i = WARM_BOX_MNT; i <= WARM_BOX_CGROUP; i++)
                if (setns(birth->fds[i], 0) < 0)
                        return -errno;
        return 0;
}

static int take_slot_id(const void *context)
{
        const struct box_plan *plan = context;

        return privileges_take_id(plan->slot_uid);
}

static int make_user_namespace(const void *plan)
{
        (void)plan;
        return unshare(CLONE_NEWUSER) < 0 ? -errno : 0;
}

static void forget_boot(void)
{
        (void)munmap((void *)(uintptr_t)state.boot, sizeof(*state.boot));
        state.boot = NULL;
}

/* From a copy of a zygote to what a program's process is, and on to its order. */
static void be_born(struct birth *birth)
{
        static const struct step_row rows[] = {
                { STEP_WARM_ENTER, enter_namespaces },
                { STEP_WARM_IDS, take_slot_id },
                { STEP_WARM_USER, make_user_namespace },
        };
        int channel = birth->fds[WARM_BOX_ORDER];
        enum step step;
        int r;

        pages_copy_learned();
        close(WARM_FD_CHANNEL);
        birth->plan = (struct box_plan){ .boot = state.boot,
                                         .slot_uid = state.boot->slot_uid,
                                         .proc = WARM_FD_PROC };
        r = steps_run(rows, ARRAY_LEN(rows), &birth->plan, &step);
        r = r ? r : program_enter(&birth->plan, &step);
        if (r < 0)
                program_fail(channel, WORD_FAILED, step, r);
        close(WARM_FD_PROC);
        for (int i = 0; i < birth->n_fds; i++)
                if (i != WARM_BOX_ORDER)
                        close(birth->fds[i]);
        forget_boot();
        register_rseq();
        program_reset_session();
        voice_in_child();
        if (fcntl(channel, F_DUPFD_CLOEXEC, WARM_FD_CHANNEL) == WARM_FD_CHANNEL)
                close(channel);
        word_send(WARM_FD_CHANNEL, WORD_READY, STEP_NONE, 0);
        pages_copy_until_asked(WARM_FD_CHANNEL);
        obey_warm(WARM_FD_CHANNEL, state.note.row);
}

/*
 * As vfork(2), but into a cgroup.  Inline, without a call to return from: parent and helper share the stack, and the
 * helper never leaves the function that made it.
 */
static inline long make_helper(int group)
{
        struct clone_args args = { .flags = CLONE_VM | CLONE_VFORK };
        long pid;

        if (group >= 0) {
                args.flags |= CLONE_INTO_CGROUP;
                args.cgroup = (uint64_t)group;
        }
#ifdef __x86_64__
        __asm__ volatile("syscall"
                         : "=a"(pid)
                         : "a"(SYS_clone3), "D"(&args), "S"(sizeof(args))
                         : "rcx", "r11", "memory");
#else
        register long x0 __asm__("x0") = (long)&args;
        register long x1 __asm__("x1") = sizeof(args);
        register long x8 __asm__("x8") = SYS_clone3;

        __asm__ volatile("svc 0" : "+r"(x0) : "r"(x1), "r"(x8) : "memory");
        pid = x0;
#endif
        return pid;
}

/* In the child: true.  In the zygote, once the helper has ended: false. */
static __attribute__((noinline)) bool divide(int group)
{
        long helper = make_helper(group);

        if (helper == 0) {
                pid_t child = fork();

                if (child == 0)
                        return true;
                (void)!steps_fault(STEP_WARM_LEAVE);
                syscall(SYS_exit, child < 0);
                __builtin_unreachable();
        }
        if (helper > 0)
                (void)waitpid((pid_t)helper, NULL, __WALL);
        return false;
}

/*
 * As divide(), in the box's pid namespace and without signals: a program can end before its helper has, which
 * would hear of it by the interpreter's own handler (bash reaps whatever has ended) and leave nothing to the box's init.
 */
static bool multiply(const struct birth *birth)
{
        sigset_t all, old;
        bool is_child;

        if (setns(birth->fds[WARM_BOX_PID], CLONE_NEWPID) < 0)
                return false;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, &old);
        is_child = divide(birth->n_fds > WARM_BOX_GROUP ? birth->fds[WARM_BOX_GROUP] : -1);
        sigprocmask(SIG_SETMASK, &old, NULL);
        return is_child;
}

static void begin_rehearsal(void)
{
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        (void)alarm(REHEARSAL_SECONDS);
        voice_in_child();
        if (!pages_in_rehearsal(WARM_FD_PROC))
                _exit(1);
        state.rehearsing = true;
}

/*
 * The rehearsal: true in a child that is to run an empty program to its end, with what the zygote holds and in its place.  It
 * is ours whole: no stranger has said anything yet.  One that opens its file early (warm_open()) has none.
 */
static bool rehearse(void)
{
        sigset_t all, old;
        int status = 0;
        pid_t child;
        bool well;

        if (state.note.warm.at_read || !pages_rehearse())
                return false;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, &old);
        voice_before_fork();
        child = fork();
        well = child > 0 && waitpid(child, &status, 0) == child && status == 0;
        sigprocmask(SIG_SETMASK, &old, NULL);
        if (child == 0) {
                begin_rehearsal();
                return true;
        }
        voice_in_parent();
        pages_rehearsed(well);
        if (!well)
                python_stay();
        return false;
}

/* A zygote's life; comes back as a child that has its order. */
static void serve(void)
{
        struct word_frame frame;
        struct birth birth;

        pages_look(WARM_FD_PROC);
        if (rehearse())
                return;
        word_send(WARM_FD_CHANNEL, WORD_READY, STEP_NONE, 0);
        for (;;) {
                birth.n_fds = fds_recv(WARM_FD_CHANNEL, &frame, birth.fds, WARM_BOX_COUNT);
                if (birth.n_fds < 0)
                        _exit(0); /* the keeper is gone */
                if (birth.n_fds >= WARM_BOX_GROUP) {
                        voice_before_fork();
                        if (multiply(&birth)) {
                                be_born(&birth);
                                return;
                        }
                        voice_in_parent();
                }
                for (int i = 0; i < birth.n_fds; i++)
                        close(birth.fds[i]);
        }
}

bool warm_fork(void)
{
        if (!state.forking)
                return false;
        state.forking = false;
        serve();
        return true;
}

static void open_door(void)
{
        state.waiting = false;
        if (is_zygote()) {
                voice_open(state.note.warm.prelude);
                state.forking = true;
                if (!voice_forks())
                        (void)warm_fork();
        } else {
                v8_open(state.note.warm.prelude);
                word_send(WARM_FD_CHANNEL, WORD_READY, STEP_NONE, 0);
                obey_warm(WARM_FD_CHANNEL, state.note.row);
        }
}

static bool is_door(const char *path)
{
        const char *door = state.note.warm.door;
        size_t n, m;

        if (!(state.waiting || state.rehearsing) || !path)
                return false;
        n = strlen(path);
        m = strlen(door);
        return n >= m && streq(path + n - m, door) && (n == m || path[n - m - 1] == '/');
}

const char *warm_touch(const char *path)
{
        int saved = errno;

        if (!is_door(path))
                return path;
        if (state.waiting)
                open_door();
        errno = saved;
        return state.rehearsing ? "/dev/null" : path;
}

/*
 * Some open their file early, look at its first byte, and load the rest of themselves before they read on (Ruby its
 * gems).  Such a one is given an empty file and one space, which it puts back into its buffer.  Where it looks for the end
 * of the first line there, the real file takes the place of the empty one, and its first byte that of the space.
 */
static struct {
        int fd;      /* 0: not opened */
        char *first; /* where the newline is; NULL: not read */
} early;

int warm_open(const char *path)
{
        if (!is_door(path) || !state.note.warm.at_read || early.fd > 0)
                return -1;
        early.fd = memfd_create("early", MFD_CLOEXEC);
        return early.fd;
}

/* Programs whose first line speaks to the interpreter, and empty ones, are executed as cold ones are. */
static void give_real_file(void)
{
        char head[2] = "";
        int fd;

        open_door();
        fd = open(state.note.warm.door, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || pread(fd, head, 2, 0) < 1 || memcmp(head, "#!", 2) == 0)
                obey_again();
        *early.first = head[0];
        (void)lseek(fd, 1, SEEK_SET);
        (void)dup3(fd, early.fd, O_CLOEXEC);
        close(fd);
        early.fd = 0;
        early.first = NULL;
}

bool warm_read(int fd, char *p)
{
        if (fd != early.fd || fd <= 0)
                return false;
        if (early.first)
                _exit(127); /* it reads on without a look at what it has: not as we know them */
        early.first = p;
        *p = ' ';
        return true;
}

void warm_look(const void *p, size_t n)
{
        if (early.first && p == early.first && n == 1)
                give_real_file();
}

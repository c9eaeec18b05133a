/*
 * Program: the process that becomes the user's program.
 *
 * Before the order it enters the box for good: maps its one user, forbids nested namespaces, gives up every capability,
 * takes the set-up calls away by a last filter and says READY.  All of that happens before any byte of a stranger
 * arrives.  On the order it takes the words apart, places the files, connects the streams and executes.
 * From READY on it is as powerless as the program it becomes, so a lie in the words or the pack hurts only itself.
 */
#include "box/keeper.h"
#include "util/pack.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
        ARGS_MAX = 16384,
        ENV_MAX = 4096,
        FILE_MODE = 0644,
        PROGRAM_MODE = 0755,
        FOLDER_MODE = 0755,
        STACK_BYTES = 64 * 1024 * 1024, /* deep recursion is common in judged programs */
        SIGNALS_PENDING = 1024,
        LOCKED_BYTES = 65536,
};

/* One order, as it came in.  Static: nothing is allocated in a box. */
static struct {
        struct box_spec spec;
        char words[SPEC_WORDS_BYTES];
        char *args[ARGS_MAX + 1];
        char *env[ENV_MAX + 1];
        int fds[BOX_FD_COUNT];
} order;

NORETURN static void fail(const struct box_plan *plan, enum word word, enum step step, int error)
{
        word_send(plan->order, word, step, error);
        _exit(127);
}

static int write_proc(const struct box_plan *plan, const char *name, const char *text)
{
        CLEANUP(close_fd) int fd = openat(plan->proc, name, O_WRONLY | O_CLOEXEC);
        size_t n = strlen(text);

        if (fd < 0)
                return -errno;
        return write(fd, text, n) == (ssize_t)n ? 0 : -errno;
}

/* One user and one group.  Our outer ids are the slot's already, so the maps need no privilege outside. */
static int map_user(const struct box_plan *plan)
{
        char map[64];
        int r = write_proc(plan, "self/setgroups", "deny");

        if (r < 0)
                return r;
        snprintf(map, sizeof(map), "%d %u 1\n", BOX_UID, plan->boot->slot_uid);
        r = write_proc(plan, "self/uid_map", map);
        if (r < 0)
                return r;
        snprintf(map, sizeof(map), "%d %u 1\n", BOX_GID, plan->boot->slot_uid);
        return write_proc(plan, "self/gid_map", map);
}

/* Ends what map_user() made possible: clone3 and the mount calls answer as an old kernel would. */
static int load_last_filter(void)
{
        static const struct sock_filter filter[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), /* seccomp_data.nr */
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 3, 0),
                BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_move_mount, 0, 1),
                BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SYS_fsmount, 0, 2),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        };

        return filter_load(filter, ARRAY_LEN(filter));
}

static int enter_folder(void)
{
        umask(022);
        if (mkdir(BOX_FOLDER, FOLDER_MODE) < 0 || chdir(BOX_FOLDER) < 0)
                return -errno;
        return 0;
}

/* A session of its own, and every signal as exec expects it. */
static void reset_signals(void)
{
        static const int ours[] = { SIGCHLD, SIGPIPE, SIGINT, SIGTERM };
        sigset_t none;

        (void)setsid();
        for (size_t i = 0; i < ARRAY_LEN(ours); i++)
                signal(ours[i], SIG_DFL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
}

static void prepare(const struct box_plan *plan)
{
        int r;

        /* KERNEL: /proc/self belongs to root while we are not dumpable; the ids changed, so we are not */
        (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
        r = map_user(plan);
        if (r < 0)
                fail(plan, WORD_FAILED, STEP_PROGRAM_MAPS, r);
        r = write_proc(plan, "sys/user/max_user_namespaces", "0");
        if (r < 0)
                fail(plan, WORD_FAILED, STEP_PROGRAM_NAMESPACES, r);
        r = write_proc(plan, "self/oom_score_adj", "1000");
        if (r < 0)
                fail(plan, WORD_FAILED, STEP_PROGRAM_OOM, r);
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        r = privileges_drop_all();
        if (r < 0)
                fail(plan, WORD_FAILED, STEP_PROGRAM_PRIVILEGES, r);
        r = enter_folder();
        if (r < 0)
                fail(plan, WORD_FAILED, STEP_PROGRAM_FOLDER, r);
        reset_signals();
        r = load_last_filter();
        if (r < 0)
                fail(plan, WORD_FAILED, STEP_PROGRAM_FILTER, r);
}

/* Keep nothing but the channel to the keeper, as descriptor 3; it also holds 0 to 2, so that no descriptor of the
 * order arrives there. */
static void close_others(struct box_plan *plan)
{
        if (plan->order != 3)
                (void)dup2(plan->order, 3);
        plan->order = 3;
        (void)fcntl(3, F_SETFD, FD_CLOEXEC);
        (void)close_range(4, ~0u, 0);
        for (int i = 0; i <= STDERR_FILENO; i++)
                (void)dup2(3, i);
}

/* The spec, its words and its descriptors in one message; the keeper has checked the numbers. */
static int receive(const struct box_plan *plan)
{
        struct iovec iov[2] = { { &order.spec, sizeof(order.spec) }, { order.words, sizeof(order.words) } };
        union {
                char bytes[CMSG_SPACE(sizeof(order.fds))];
                struct cmsghdr align;
        } control;
        struct msghdr msg = {
                .msg_iov = iov, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof(control)
        };
        struct cmsghdr *cmsg;
        ssize_t n;

        do
                n = recvmsg(plan->order, &msg, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
                _exit(0); /* the keeper threw this box away unused */
        memset(order.fds, -1, sizeof(order.fds));
        cmsg = CMSG_FIRSTHDR(&msg);
        if (!cmsg || (size_t)n < sizeof(order.spec) ||
            (size_t)n - sizeof(order.spec) != order.spec.words_bytes)
                return -EBADMSG;
        memcpy(order.fds, CMSG_DATA(cmsg), MIN(cmsg->cmsg_len - CMSG_LEN(0), sizeof(order.fds)));
        return 0;
}

static int limit(int resource, uint64_t soft, bool both)
{
        struct rlimit old, now;

        if (getrlimit(resource, &old) < 0)
                return -errno;
        now.rlim_cur = MIN(soft, old.rlim_max);
        now.rlim_max = both ? now.rlim_cur : old.rlim_max;
        return syscall(SYS_prlimit64, 0, resource, &now, NULL) < 0 ? -errno : 0;
}

/* Only ever lowered.  RLIMIT_CORE is 1, not 0: KERNEL: a piped core_pattern is run at 0 too, but not at 1. */
static int set_limits(void)
{
        int r = limit(RLIMIT_NOFILE, order.spec.open_files, true);

        r = r ? r : limit(RLIMIT_FSIZE, order.spec.file_size_bytes, true);
        r = r ? r : limit(RLIMIT_CORE, 1, true);
        r = r ? r : limit(RLIMIT_MEMLOCK, LOCKED_BYTES, true);
        r = r ? r : limit(RLIMIT_SIGPENDING, SIGNALS_PENDING, true);
        return r ? r : limit(RLIMIT_STACK, MIN(order.spec.memory_bytes, (uint64_t)STACK_BYTES), false);
}

/* NUL-terminated words: first the arguments, then the environment. */
static int take_words(void)
{
        char *p = order.words, *end = p + order.spec.words_bytes;

        for (uint32_t i = 0; i < order.spec.n_args + order.spec.n_env; i++) {
                char *nul = memchr(p, '\0', (size_t)(end - p));

                if (!nul)
                        return -EBADMSG;
                if (i < order.spec.n_args)
                        order.args[i] = p;
                else
                        order.env[i - order.spec.n_args] = p;
                p = nul + 1;
        }
        return p == end ? 0 : -EBADMSG;
}

/* Make the folders a name goes through. */
static int make_folders(char *name)
{
        for (char *p = strchr(name, '/'); p; p = strchr(p + 1, '/')) {
                *p = '\0';
                if (mkdir(name, FOLDER_MODE) < 0 && errno != EEXIST)
                        return -errno;
                *p = '/';
        }
        return 0;
}

static int place_file(const struct pack_item *item)
{
        char name[PACK_NAME_MAX + 1];
        size_t done = 0;
        int r;

        memcpy(name, item->name, item->name_len);
        name[item->name_len] = '\0';
        r = make_folders(name);
        if (r < 0)
                return r;
        if (item->flags & PACK_DIRECTORY)
                return mkdir(name, FOLDER_MODE) < 0 && errno != EEXIST ? -errno : 0;
        CLEANUP(close_fd)
        int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                      item->flags & PACK_EXECUTABLE ? PROGRAM_MODE : FILE_MODE);
        if (fd < 0)
                return -errno;
        while (done < item->size) {
                ssize_t n = write(fd, item->content + done, item->size - done);

                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                done += (size_t)n;
        }
        return 0;
}

static int place_files(int fd)
{
        struct pack_reader reader;
        struct pack_item item;
        struct stat st;
        void *p;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || !(fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK))
                return -EBADMSG; /* could shrink under the mapping */
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
                return -errno;
        r = pack_reader_init(&reader, p, (size_t)st.st_size);
        while (r == 0 && (r = pack_reader_next(&reader, &item)) == 1)
                r = place_file(&item);
        munmap(p, (size_t)st.st_size);
        return r;
}

/* Descriptors arrive above 3, so none of the three targets is in the way. */
static int connect_streams(void)
{
        for (int i = 0; i <= STDERR_FILENO; i++)
                if (dup2(order.fds[i], i) < 0)
                        return -errno;
        return 0;
}

static void execute(void)
{
        static const char *const folders[] = { "/usr/local/bin", "/usr/bin", "/bin" };
        char path[PACK_NAME_MAX];

        if (strchr(order.args[0], '/')) {
                execve(order.args[0], order.args, order.env);
                return;
        }
        for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
                if ((size_t)snprintf(path, sizeof(path), "%s/%s", folders[i], order.args[0]) >=
                    sizeof(path)) {
                        errno = ENAMETOOLONG;
                        return;
                }
                execve(path, order.args, order.env);
                if (errno != ENOENT)
                        return;
        }
}

/* End as the program ended, so that init sees what it would have seen. */
NORETURN static void end_like(int status)
{
        if (WIFSIGNALED(status)) {
                kill(getpid(), WTERMSIG(status));
                _exit(128 + WTERMSIG(status));
        }
        _exit(WEXITSTATUS(status));
}

/* After a compile stage somebody with the box's own rights must pack the folder: that is us, our child is the program. */
static void fork_collector(const struct box_plan *plan)
{
        int artefact = order.fds[BOX_FD_ARTEFACT], status, r = 0;
        pid_t pid = fork();

        if (pid < 0)
                fail(plan, WORD_FAILED, STEP_PROGRAM_COLLECTOR, errno);
        if (pid == 0) {
                close(artefact);
                return;
        }
        (void)close_range(0, 2, 0);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        (void)kill(-1, SIGKILL); /* nothing may write while we read; init is not ours to reach */
        if (status == 0)
                r = collect(artefact);
        if (r < 0)
                fail(plan, WORD_FILES, STEP_PROGRAM_COLLECTOR, r);
        end_like(status);
}

NORETURN static void obey(const struct box_plan *plan)
{
        int r = receive(plan);

        if (r == 0)
                r = take_words();
        if (r < 0)
                fail(plan, WORD_FAILED, STEP_PROGRAM_WORDS, r);
        if (order.spec.flags & SPEC_HAS_FILES) {
                r = place_files(order.fds[BOX_FD_FILES]);
                if (r < 0)
                        fail(plan, WORD_FILES, STEP_PROGRAM_FILES, r);
        }
        r = connect_streams();
        if (r < 0)
                fail(plan, WORD_FAILED, STEP_PROGRAM_STREAMS, r);
        if (order.spec.flags & SPEC_HAS_ARTEFACT)
                fork_collector(plan);
        r = set_limits();
        if (r < 0)
                fail(plan, WORD_FAILED, STEP_PROGRAM_LIMITS, r);
        execute();
        fail(plan, WORD_EXEC, STEP_PROGRAM_EXEC, errno);
}

NORETURN void program_main(const struct box_plan *given)
{
        struct box_plan plan = *given;

        prepare(&plan);
        close_others(&plan);
        word_send(plan.order, WORD_READY, STEP_NONE, 0);
        obey(&plan);
}

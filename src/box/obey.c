/*
 * Obey: the order, inside the box.
 *
 * Takes the words apart, places the files, connects the streams and executes, all with the powers of the program it
 * becomes: a lie in the words or the pack hurts only itself.  Each act is a step, so each can be named when it fails.
 */
#include "box/keeper.h"
#include "box/steps.h"
#include "util/pack.h"

#include <fcntl.h>
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

/* The words of the order, taken apart.  Static: nothing is allocated in a box. */
static struct {
        char *args[ARGS_MAX + 1];
        char *env[ENV_MAX + 1];
} words;

/* The keeper has checked the numbers; what it does not look at is looked at here. */
static int receive(int channel)
{
        if (!request_receive(channel))
                _exit(0); /* the keeper threw this box away unused */
        if (request.n < sizeof(request.spec) || request.spec.magic != SPEC_MAGIC ||
            request.n - sizeof(request.spec) != request.spec.words_bytes)
                return -EBADMSG;
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

/* Only ever lowered.  RLIMIT_CORE is the keeper's (slot.c): the filter lets nobody change it. */
static int set_limits(void)
{
        int r = limit(RLIMIT_NOFILE, request.spec.open_files, true);

        r = r ? r : limit(RLIMIT_FSIZE, request.spec.file_size_bytes, true);
        r = r ? r : limit(RLIMIT_MEMLOCK, LOCKED_BYTES, true);
        r = r ? r : limit(RLIMIT_SIGPENDING, SIGNALS_PENDING, true);
        return r ? r : limit(RLIMIT_STACK, MIN(request.spec.memory_bytes, (uint64_t)STACK_BYTES), false);
}

char *words_take(char *p, const char *end, uint32_t n, char *ret_words[])
{
        for (uint32_t i = 0; i < n; i++) {
                char *nul = p < end ? memchr(p, '\0', (size_t)(end - p)) : NULL;

                if (!nul)
                        return NULL;
                ret_words[i] = p;
                p = nul + 1;
        }
        return p;
}

/* First the arguments, then the environment. */
static int take_words(void)
{
        char *p = request.words, *end = p + request.spec.words_bytes;

        p = words_take(p, end, request.spec.n_args, words.args);
        p = p ? words_take(p, end, request.spec.n_env, words.env) : NULL;
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
                if (dup2(request.fds[i], i) < 0)
                        return -errno;
        return 0;
}

static void execute(void)
{
        static const char *const folders[] = { "/usr/local/bin", "/usr/bin", "/bin" };
        char path[PACK_NAME_MAX];

        if (strchr(words.args[0], '/')) {
                execve(words.args[0], words.args, words.env);
                return;
        }
        for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
                if ((size_t)snprintf(path, sizeof(path), "%s/%s", folders[i], words.args[0]) >=
                    sizeof(path)) {
                        errno = ENAMETOOLONG;
                        return;
                }
                execve(path, words.args, words.env);
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

NORETURN void collect_after(pid_t program, int artefact, int channel)
{
        int status, r = 0;

        while (waitpid(program, &status, 0) < 0 && errno == EINTR)
                ;
        (void)kill(-1, SIGKILL); /* nothing may write while we read; init is not ours to reach */
        if (status == 0 && artefact >= 0)
                r = collect(artefact);
        if (r < 0)
                program_fail(channel, WORD_FILES, STEP_PROGRAM_COLLECTOR, r);
        end_like(status);
}

/* After a compile stage somebody with the box's own rights must pack the folder: that is us, our child is the program. */
static int fork_collector(int channel)
{
        int artefact = request.fds[BOX_FD_ARTEFACT];
        pid_t pid = fork();

        if (pid < 0)
                return -errno;
        if (pid == 0) {
                close(artefact);
                return 0;
        }
        (void)close_range(0, 2, 0);
        collect_after(pid, artefact, channel);
}

/* Where a collector waits already (park.c), it is told what to pack into. */
static int collector = -1;

void obey_collector(int fd)
{
        collector = fd;
}

static int tell_collector(void)
{
        int r = request.spec.flags & SPEC_HAS_ARTEFACT ? fds_send(collector, &request.fds[BOX_FD_ARTEFACT], 1)
                                                       : 0;

        close(collector);
        return r;
}

static int words_step(const void *channel)
{
        (void)channel;
        return take_words();
}

static int files_step(const void *channel)
{
        (void)channel;
        return request.spec.flags & SPEC_HAS_FILES ? place_files(request.fds[BOX_FD_FILES]) : 0;
}

static int streams_step(const void *channel)
{
        (void)channel;
        return connect_streams();
}

static int collector_step(const void *channel)
{
        if (collector >= 0)
                return tell_collector();
        return request.spec.flags & SPEC_HAS_ARTEFACT ? fork_collector(*(const int *)channel) : 0;
}

static int limits_step(const void *channel)
{
        (void)channel;
        return set_limits();
}

/* All that comes before the program, which is not there yet. */
static void get_ready(int channel)
{
        static const struct step_row rows[] = {
                { STEP_PROGRAM_WORDS, words_step },     { STEP_PROGRAM_FILES, files_step },
                { STEP_PROGRAM_STREAMS, streams_step }, { STEP_PROGRAM_COLLECTOR, collector_step },
                { STEP_PROGRAM_LIMITS, limits_step },
        };
        enum step step = STEP_PROGRAM_WORDS;
        int r = receive(channel);

        r = r ? r : steps_run(rows, ARRAY_LEN(rows), &channel, &step);
        if (r < 0)
                program_fail(channel, step == STEP_PROGRAM_FILES ? WORD_FILES : WORD_FAILED, step, r);
}

NORETURN static void become(int channel)
{
        int r = steps_fault(STEP_PROGRAM_EXEC);

        if (r == 0) {
                word_send(channel, WORD_STARTED, STEP_PROGRAM_EXEC, 0);
                execute();
                r = -errno;
        }
        program_fail(channel, WORD_EXEC, STEP_PROGRAM_EXEC, r);
}

NORETURN void obey(int channel)
{
        get_ready(channel);
        become(channel);
}

/* What an interpreter changed of what exec keeps. */
static void reset_ignored(void)
{
        struct sigaction action;

        for (int i = 1; i < NSIG; i++)
                if (sigaction(i, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
                        signal(i, SIG_DFL);
        program_reset_signals();
        (void)close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
}

NORETURN void obey_again(void)
{
        reset_ignored();
        execute();
        _exit(127);
}

void obey_warm(int channel, uint32_t warm)
{
        int flags[STDERR_FILENO + 1];

        /* what an interpreter has set at its start (Node: that its children inherit none of them) */
        for (int i = 0; i <= STDERR_FILENO; i++)
                flags[i] = fcntl(i, F_GETFD);
        get_ready(channel);
        if (request.spec.warm != warm) {
                reset_ignored();
                become(channel);
        }
        for (int i = 0; i <= STDERR_FILENO; i++)
                (void)fcntl(i, F_SETFD, flags[i]);
        word_send(channel, WORD_STARTED, STEP_PROGRAM_EXEC, 0);
        request_close();
        close(channel);
        /* KERNEL: exec would have done so; without it /proc/self belongs to nobody the box knows */
        (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

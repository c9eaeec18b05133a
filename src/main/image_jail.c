/*
 * Two forks: the first makes the namespaces, the second is pid 1 of them, so that its end is the end of all it started.
 * The caller reads what they write and looks at the folder's size twice a second, with a walk that follows no link.
 */
#include "main/image_jail.h"
#include "util/bytes.h"
#include "util/clock.h"
#include "util/err.h"

#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { LOOK_MS = 500, WORDS = 4096, OPEN_FOLDERS = 32, EXIT_JAIL = 126, TASKS = 1024 };

/* ---- inside ---- */

static int close_files(const struct image_jail *jail)
{
        struct mount_attr closed = { .attr_set = MOUNT_ATTR_RDONLY };
        struct mount_attr open_again = { .attr_clr = MOUNT_ATTR_RDONLY,
                                         .attr_set =
                                                 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };

        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount(jail->folder, "/tmp", NULL, MS_BIND, NULL) < 0 ||
            mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &closed, sizeof(closed)) < 0 ||
            mount_setattr(AT_FDCWD, "/tmp", 0, &open_again, sizeof(open_again)) < 0)
                return -errno;
        /* the old one is of another pid namespace; where a container does not allow a new one, it has to do */
        (void)mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
        return chdir("/tmp") < 0 ? -errno : 0;
}

static int lose_powers(const struct image_jail *jail)
{
        const struct rlimit size = { jail->bytes, jail->bytes }, no_core = { 0, 0 }, tasks = { TASKS, TASKS };

        if (setrlimit(RLIMIT_FSIZE, &size) < 0 || setrlimit(RLIMIT_CORE, &no_core) < 0 ||
            setrlimit(RLIMIT_NPROC, &tasks) < 0 || setgroups(0, NULL) < 0 ||
            setresgid(jail->uid, jail->uid, jail->uid) < 0 ||
            setresuid(jail->uid, jail->uid, jail->uid) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                return -errno;
        return 0;
}

/* What a registry behind a proxy or with a certificate of its own takes, and nothing else of the caller's. */
static void set_environment(void)
{
        static const char *const kept[] = { "HTTP_PROXY",  "HTTPS_PROXY", "NO_PROXY",      "http_proxy",
                                            "https_proxy", "no_proxy",    "SSL_CERT_FILE", "SSL_CERT_DIR" };
        char *values[ARRAY_LEN(kept)];

        for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
                const char *value = getenv(kept[i]);

                values[i] = value ? strdup(value) : NULL;
        }
        clearenv();
        for (size_t i = 0; i < ARRAY_LEN(kept); i++)
                if (values[i])
                        setenv(kept[i], values[i], 1);
        setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
        setenv("HOME", "/tmp", 1);
        setenv("TMPDIR", "/tmp", 1);
        setenv("XDG_RUNTIME_DIR", "/tmp", 1);
}

NORETURN static void give_up(const char *what, int error)
{
        dprintf(STDERR_FILENO, "%s: %s\n", what, strerror(error));
        _exit(EXIT_JAIL);
}

NORETURN static void execute(const char *const *argv)
{
        static const char *const folders[] = { "/usr/local/bin", "/usr/bin", "/bin" };
        char path[PATH_MAX];

        for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
                snprintf(path, sizeof(path), "%s/%s", folders[i], argv[0]);
                execve(path, (char *const *)(uintptr_t)argv, environ);
                if (errno != ENOENT)
                        give_up(argv[0], errno);
        }
        dprintf(STDERR_FILENO, "%s is not installed: apt-get install -y skopeo umoci\n", argv[0]);
        _exit(EXIT_JAIL);
}

NORETURN static void second(const struct image_jail *jail)
{
        int r = close_files(jail);

        r = r ? r : lose_powers(jail);
        if (r < 0)
                give_up("no jail for it can be made", -r);
        set_environment();
        if (jail->call)
                _exit(jail->call());
        execute(jail->argv);
}

NORETURN static void first(const struct image_jail *jail, int output)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC), status;
        pid_t pid;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)setpgid(0, 0);
        if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(output, 2) < 0 ||
            close_range(3, ~0u, 0) < 0 ||
            unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
                    (jail->network ? 0 : CLONE_NEWNET)) < 0)
                give_up("no jail for it can be made", errno);
        pid = fork();
        if (pid == 0)
                second(jail);
        if (pid < 0 || waitpid(pid, &status, 0) < 0)
                give_up("no jail for it can be made", errno);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_JAIL);
}

/* ---- outside ---- */

static uint64_t seen_bytes, seen_files;

static int see(const char *path, const struct stat *st, int kind, struct FTW *where)
{
        (void)path;
        (void)kind;
        (void)where;
        seen_bytes += (uint64_t)st->st_blocks * 512;
        seen_files++;
        return 0;
}

static bool is_too_large(const struct image_jail *jail)
{
        seen_bytes = seen_files = 0;
        (void)nftw(jail->folder, see, OPEN_FOLDERS, FTW_PHYS | FTW_MOUNT);
        return seen_bytes > jail->bytes || seen_files > jail->files;
}

/* Keep the end of what is written. */
static void keep_words(struct bytes *words, const char *p, size_t n)
{
        if (words->n + n > WORDS)
                bytes_take(words, MIN(words->n, words->n + n - WORDS));
        if (n <= WORDS)
                (void)!bytes_add(words, p, n);
}

enum ending { ENDED, TOO_LARGE, TOO_SLOW };

struct growth {
        uint64_t bytes, files, changed_ns;
};

/* Has it to be ended? */
static enum ending look(const struct image_jail *jail, struct growth *growth)
{
        uint64_t now = clock_now_ns();

        if (is_too_large(jail))
                return TOO_LARGE;
        if (seen_bytes != growth->bytes || seen_files != growth->files)
                *growth = (struct growth){ seen_bytes, seen_files, now };
        return jail->patience_ns && now - growth->changed_ns > jail->patience_ns ? TOO_SLOW : ENDED;
}

/* Until nobody holds the pipe any more, or it has to be ended. */
static enum ending watch(const struct image_jail *jail, int fd, struct bytes *words)
{
        struct pollfd poll_fd = { fd, POLLIN, 0 };
        struct growth growth = { .changed_ns = clock_now_ns() };
        uint64_t look_ns = clock_now_ns();
        enum ending ending = ENDED;
        char piece[WORDS];

        while (ending == ENDED) {
                ssize_t n = 1;

                if (poll(&poll_fd, 1, LOOK_MS) > 0) {
                        n = read(fd, piece, sizeof(piece));
                        if (n > 0)
                                keep_words(words, piece, (size_t)n);
                }
                if (n == 0)
                        return is_too_large(jail) ? TOO_LARGE : ENDED;
                if (clock_now_ns() - look_ns < (uint64_t)LOOK_MS * NSEC_PER_MSEC)
                        continue;
                ending = look(jail, &growth);
                look_ns = clock_now_ns();
        }
        return ending;
}

/* The last line that says something, in one line fit for a terminal. */
static void last_words(const struct bytes *words, char *text, size_t room)
{
        struct view all = bytes_view(words);
        size_t from, n = 0;

        while (all.n > 0 && all.p[all.n - 1] == '\n')
                all.n--;
        for (from = all.n; from > 0 && all.p[from - 1] != '\n'; from--)
                ;
        for (; from < all.n && n + 1 < room; from++)
                text[n++] = all.p[from] >= ' ' && all.p[from] < 0x7f ? all.p[from] : '?';
        text[n] = '\0';
}

static int finish(const struct image_jail *jail, pid_t pid, enum ending ending, const struct bytes *words,
                  struct err *err)
{
        char text[300];
        int status = 0;

        if (ending != ENDED)
                (void)kill(
                        pid,
                        SIGKILL); /* what it started is told by PR_SET_PDEATHSIG, and dies with its pid 1 */
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (ending == TOO_SLOW)
                return err_set(err, -ETIMEDOUT, "cannot %s: nothing came for %llu s", jail->does,
                               (unsigned long long)(jail->patience_ns / NSEC_PER_SEC));
        if (ending == TOO_LARGE)
                return err_set(err, -EFBIG,
                               "cannot %s: it takes more than image_size_limit, %llu bytes, or %llu files",
                               jail->does, (unsigned long long)jail->bytes, (unsigned long long)jail->files);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        last_words(words, text, sizeof(text));
        return err_set(err, -EIO, "cannot %s: %s", jail->does, text[0] ? text : "it ended without a word");
}

int image_jail_run(const struct image_jail *jail, struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes words = BYTES_INIT(2 * WORDS);
        CLEANUP(close_fd) int output = -1;
        enum ending ending;
        int fds[2];
        pid_t pid;

        fflush(NULL);
        if (pipe2(fds, O_CLOEXEC) < 0)
                return err_errno(err, -errno, "cannot %s", jail->does);
        pid = fork();
        if (pid == 0)
                first(jail, fds[1]);
        close(fds[1]);
        output = fds[0];
        if (pid < 0)
                return err_errno(err, -errno, "cannot %s", jail->does);
        ending = watch(jail, output, &words);
        return finish(jail, pid, ending, &words, err);
}

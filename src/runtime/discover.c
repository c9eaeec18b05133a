/*
 * Asking programs for their versions: fork, exec, read what they say, a few at a time.
 *
 * They are the operator's own toolchains, but they are started as nobody in particular all the same, in a process
 * group of their own that is killed as a whole, so that a wrapper which hangs costs ten seconds and no more.
 * Happens once, at start, before the roles divide; nothing else is running then.
 */
#include "runtime/discover.h"
#include "config/config.h"
#include "util/bytes.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"

#include <ctype.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { ASK_AT_ONCE_MAX = 16, EXIT_NO_EXEC = 127 };

struct asking {
        struct discover_question *question; /* NULL: free */
        pid_t pid;
        int fd;
        uint64_t deadline_ns;
        struct bytes output;
};

static const char *skip_past(const char *text, const char *word)
{
        const char *found = word ? strstr(text, word) : text;

        return found && word ? found + strlen(word) : found;
}

/* Up to three numbers at @p; returns how many and where they end. */
static int read_numbers(const char *p, unsigned numbers[3], const char **ret_end)
{
        int n = 0;

        while (n < 3 && isdigit((unsigned char)*p)) {
                unsigned value = 0;

                for (; isdigit((unsigned char)*p); p++)
                        value = MIN(value * 10 + (unsigned)(*p - '0'), 99999999U);
                numbers[n++] = value;
                *ret_end = p;
                if (*p != '.')
                        break;
                p++;
        }
        return n;
}

bool discover_read_version(const char *text, const char *after, char ret_version[DISCOVER_VERSION_MAX])
{
        const char *start = skip_past(text, after);

        for (int least = 2; start && least >= 1; least--)
                for (const char *p = start; *p;) {
                        unsigned v[3] = { 0 };
                        const char *end = p + 1;

                        if (isdigit((unsigned char)*p) && read_numbers(p, v, &end) >= least) {
                                snprintf(ret_version, DISCOVER_VERSION_MAX, "%u.%u.%u", v[0], v[1], v[2]);
                                return true;
                        }
                        p = end;
                }
        return false;
}

static void drop_privileges(const struct config *config)
{
        uid_t id = (uid_t)config->uid_base + 1;

        if (geteuid() != 0)
                return;
        if (setgroups(0, NULL) < 0 || setresgid(id, id, id) < 0 || setresuid(id, id, id) < 0)
                _exit(EXIT_NO_EXEC);
}

NORETURN static void run_program(const struct config *config, char *const *argv, int output)
{
        char *const environment[] = { "PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent",
                                      "LANG=C.UTF-8", NULL };
        const struct rlimit no_core = { 0, 0 };
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

        if (null < 0 || setpgid(0, 0) < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
                _exit(EXIT_NO_EXEC);
        drop_privileges(config);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
            chdir("/") < 0)
                _exit(EXIT_NO_EXEC);
        (void)setrlimit(RLIMIT_CORE, &no_core);
        execve(argv[0], argv, environment);
        _exit(EXIT_NO_EXEC);
}

static int start(const struct config *config, struct asking *asking, struct discover_question *question,
                 struct err *err)
{
        int pipe_fds[2];
        pid_t pid;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return err_errno(err, -errno, "pipe");
        pid = fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK) < 0 ? -1 : fork();
        if (pid < 0) {
                int r = -errno;

                close(pipe_fds[0]);
                close(pipe_fds[1]);
                return err_errno(err, r, "fork");
        }
        if (pid == 0)
                run_program(config, question->argv, pipe_fds[1]);
        close(pipe_fds[1]);
        *asking = (struct asking){ question, pid, pipe_fds[0], clock_now_ns() + DISCOVER_TIMEOUT_NS,
                                   BYTES_INIT(DISCOVER_OUTPUT_BYTES) };
        return 0;
}

/* Nothing more will be read: end the program, read its answer. */
static void finish(struct asking *asking, const char *why)
{
        struct discover_question *question = asking->question;
        int status = 0;

        (void)kill(-asking->pid, SIGKILL);
        (void)kill(asking->pid, SIGKILL);
        while (waitpid(asking->pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (!why && !discover_read_version(asking->output.p ? asking->output.p : "", question->after,
                                           question->version))
                why = "it answered without a version";
        if (why)
                log_warn("%s: %s: it is not offered", question->path, why);
        close_fd(&asking->fd);
        bytes_deinit(&asking->output);
        *asking = (struct asking){ .fd = -1 };
}

static void read_some(struct asking *asking)
{
        char buf[4096];
        ssize_t n = read(asking->fd, buf, sizeof(buf));

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n > 0 && bytes_add(&asking->output, buf, (size_t)n) == 0)
                return;
        finish(asking, NULL);
}

/* Wait for the next of them to speak, end or run out of time. */
static void step(struct asking *all, size_t n)
{
        struct pollfd polls[ASK_AT_ONCE_MAX];

        for (size_t i = 0; i < n; i++)
                polls[i] = (struct pollfd){ all[i].question ? all[i].fd : -1, POLLIN, 0 };
        (void)poll(polls, n, 100);
        for (size_t i = 0; i < n; i++) {
                if (!all[i].question)
                        continue;
                if (polls[i].revents)
                        read_some(&all[i]);
                else if (clock_now_ns() > all[i].deadline_ns)
                        finish(&all[i], "it did not tell its version within 10 s");
        }
}

static struct discover_question *next_question(struct discover_question *questions, size_t n, size_t *at)
{
        while (*at < n && questions[*at].known)
                (*at)++;
        return *at < n ? &questions[(*at)++] : NULL;
}

/* Fill free places with questions; returns how many are being asked. */
static int fill(const struct config *config, struct asking *all, size_t width,
                struct discover_question *questions, size_t n, size_t *at, struct err *err)
{
        int busy = 0, r;

        for (size_t i = 0; i < width; i++) {
                struct discover_question *question;

                if (!all[i].question) {
                        question = next_question(questions, n, at);
                        if (!question)
                                continue;
                        r = start(config, &all[i], question, err);
                        if (r < 0)
                                return r;
                }
                busy++;
        }
        return busy;
}

int discover_ask(const struct config *config, struct discover_question *questions, size_t n, struct err *err)
{
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        size_t width = (size_t)MAX(1, MIN(cores, (long)ASK_AT_ONCE_MAX)), at = 0;
        struct asking all[ASK_AT_ONCE_MAX] = { 0 };
        int r;

        for (;;) {
                r = fill(config, all, width, questions, n, &at, err);
                if (r <= 0)
                        break;
                step(all, width);
        }
        for (size_t i = 0; i < width; i++)
                if (all[i].question)
                        finish(&all[i], "the search was broken off");
        return r;
}

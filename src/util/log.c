/*
 * One write(2) per line, so lines of several processes on one stderr do not mix (PIPE_BUF).  A line is written whole or
 * dropped; how many were is told as soon as there is room again.
 * Control bytes are shown as \xNN: a job cannot forge a line or drive a terminal (promise G16).
 */
#include "util/log.h"
#include "util/clock.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

static const char *const names[] = { "none", "error", "warn", "info", "debug" };

static struct {
        enum log_level level;
        char module[16];
        bool is_socket;
        unsigned dropped;
} state = { .level = LOG_INFO, .module = "coderunr" };

enum { RECENT = 1000 };

static struct log_line recent[RECENT];
static size_t n_lines; /* ever */

static void remember(uint64_t wall_ms, enum log_level level, const char *text)
{
        struct log_line *line = &recent[n_lines++ % RECENT];

        line->wall_ms = wall_ms;
        line->level = level;
        snprintf(line->text, sizeof(line->text), "%s", text);
}

void log_recent(void (*each)(void *arg, const struct log_line *line), void *arg)
{
        for (size_t i = n_lines > RECENT ? n_lines - RECENT : 0; i < n_lines; i++)
                each(arg, &recent[i % RECENT]);
}

const char *log_level_name(enum log_level level)
{
        return names[level];
}

void log_open(enum log_level level, const char *module)
{
        state.level = level;
        snprintf(state.module, sizeof(state.module), "%s", module);
}

enum log_level log_level(void)
{
        return state.level;
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
        /* The words of the engines before us that are not ours. */
        static const struct {
                const char *name;
                enum log_level level;
        } others[] = { { "warning", LOG_WARN },
                       { "trace", LOG_DEBUG },
                       { "fatal", LOG_ERROR },
                       { "panic", LOG_ERROR } };

        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                if (strcasecmp(text, names[i]) == 0) {
                        *ret_level = (enum log_level)i;
                        return 0;
                }
        for (size_t i = 0; i < ARRAY_LEN(others); i++)
                if (strcasecmp(text, others[i].name) == 0) {
                        *ret_level = others[i].level;
                        return 0;
                }
        return -EINVAL;
}

/*
 * KERNEL: whether a write blocks is a property of the open file, and stderr's is shared with whoever started us; a pipe or a
 * terminal can be opened once more, a socket is asked by each send.
 */
void log_never_block(void)
{
        struct stat st;
        int fd;

        if (fstat(STDERR_FILENO, &st) < 0)
                return;
        state.is_socket = S_ISSOCK(st.st_mode);
        if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
                return;
        fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return;
        (void)dup3(fd, STDERR_FILENO, 0);
        close(fd);
}

/* A log that cannot be written must not stop the service. */
static bool put_line(const char *line, size_t n)
{
        ssize_t r = state.is_socket ? send(STDERR_FILENO, line, n, MSG_DONTWAIT | MSG_NOSIGNAL)
                                    : write(STDERR_FILENO, line, n);

        return r == (ssize_t)n;
}

static size_t escape(char *out, size_t room, const char *in)
{
        size_t n = 0;

        for (; *in && n + 5 < room; in++) {
                unsigned char c = (unsigned char)*in;

                if (c < 0x20 || c == 0x7f)
                        n += (size_t)snprintf(out + n, room - n, "\\x%02x", c);
                else
                        out[n++] = (char)c;
        }
        return n;
}

static void write_line(uint64_t now, enum log_level level, const char *text)
{
        char line[2048], when[32];
        time_t seconds = (time_t)(now / 1000);
        struct tm tm;
        size_t n;

        gmtime_r(&seconds, &tm);
        strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
        n = (size_t)snprintf(line, sizeof(line), "%s.%03uZ %-5s %s: ", when, (unsigned)(now % 1000),
                             names[level], state.module);
        n += escape(line + n, sizeof(line) - n - 1, text);
        line[n++] = '\n';
        if (!put_line(line, n))
                state.dropped++;
}

static void tell_dropped(uint64_t now)
{
        unsigned dropped = state.dropped;
        char text[64];

        snprintf(text, sizeof(text), "%u lines of this log were dropped: nobody read it", dropped);
        state.dropped = 0;
        write_line(now, LOG_WARN, text);
        if (state.dropped > 0)
                state.dropped = dropped;
}

void log_write(enum log_level level, const char *format, ...)
{
        uint64_t now = clock_wall_ms();
        char text[1024];
        va_list ap;

        if (level > state.level)
                return;
        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        remember(now, level, text);
        if (state.dropped > 0)
                tell_dropped(now);
        write_line(now, level, text);
}

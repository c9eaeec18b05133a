/*
 * One loop over three descriptors: the WebSocket, our stdin, and a signalfd.  Piston's events are asked for, since they carry
 * bytes as they were written; an engine that answers in CodeRunr's words all the same is understood, too: it says so with its
 * "init_ack".
 *
 * Stdin is read when the program runs and not before, so what we do not need stays for whoever reads after us.
 */
#include "main/session.h"
#include "main/cli.h"
#include "main/dial.h"
#include "main/ending.h"
#include "main/engine.h"
#include "main/launch.h"
#include "util/err.h"
#include "util/json_out.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>

enum {
        PIECE = 16 * 1024,
        SAYING_MAX = 64 * 1024 + 1024 * 1024,
        BACKLOG_MAX = 256 * 1024, /* more than this unsent: stdin waits */
        GOODBYE = 4999,
};

struct session {
        const struct launch *launch;
        struct dial *dial;
        int signals;   /* a signalfd, once there is a job to send them to; else -1 */
        bool coderunr; /* the engine's words are CodeRunr's */
        bool running;
        bool stdin_ended;
        json_t *ending;       /* of the last stage that ended */
        bool compiling;       /* that stage */
        unsigned char cut[4]; /* a character split between two reads of stdin */
        size_t n_cut;
        int status; /* not 0: a sentence has been said already */
};

/* ---- what we say ---- */

static void say(struct session *session, const struct bytes *text)
{
        struct err err = { 0 };

        if (dial_say(session->dial, bytes_view(text), &err) < 0)
                session->status = cli_fail(EXIT_ENGINE, "%s", err.text);
}

static void say_words(struct session *session, const char *type, const char *key, const char *value)
{
        struct bytes text CLEANUP(bytes_deinit) = BYTES_INIT(1024);

        if (bytes_printf(&text, "{\"type\":\"%s\"%s%s%s%s%s}", type, key ? ",\"" : "", key ? key : "",
                         key ? "\":\"" : "", value ? value : "", key ? "\"" : "") == 0)
                say(session, &text);
}

static int add(const char *p, size_t n, void *arg)
{
        return bytes_add(arg, p, n);
}

static void say_init(struct session *session, json_t *body)
{
        struct bytes text CLEANUP(bytes_deinit) = BYTES_INIT(1 << 28);

        json_object_set_new(body, "type", json_string("init"));
        if (json_dump_callback(body, add, &text, JSON_COMPACT) < 0)
                session->status = cli_fail(EXIT_USAGE, "the files are too large to be sent");
        else
                say(session, &text);
}

/* How many bytes at the end of @p are the beginning of a character. */
static size_t open_end(const unsigned char *p, size_t n)
{
        for (size_t back = 1; back <= 3 && back <= n; back++) {
                unsigned char c = p[n - back];

                if ((c & 0xc0) == 0x80)
                        continue;
                return (c >= 0xf0 && back < 4) || (c >= 0xe0 && c < 0xf0 && back < 3) ||
                                       (c >= 0xc0 && c < 0xe0 && back < 2)
                               ? back
                               : 0;
        }
        return 0;
}

static void say_data(struct session *session, const unsigned char *p, size_t n)
{
        struct bytes text CLEANUP(bytes_deinit) = BYTES_INIT(SAYING_MAX);
        struct json_out json;

        if (n == 0)
                return;
        json_out_init(&json, &text);
        json_out_object_begin(&json);
        json_out_key(&json, "type");
        json_out_text(&json, "data");
        json_out_key(&json, "stream");
        json_out_text(&json, "stdin");
        json_out_key(&json, "data");
        json_out_string(&json, (struct view){ (const char *)p, n });
        json_out_object_end(&json);
        if (json_out_error(&json) == 0)
                say(session, &text);
}

static void read_stdin(struct session *session)
{
        unsigned char piece[PIECE];
        size_t held = session->n_cut, n;
        ssize_t got;

        memcpy(piece, session->cut, held);
        got = read(STDIN_FILENO, piece + held, sizeof(piece) - held);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
                return;
        n = held + (size_t)MAX(got, 0);
        session->n_cut = got > 0 ? open_end(piece, n) : 0;
        memcpy(session->cut, piece + n - session->n_cut, session->n_cut);
        say_data(session, piece, n - session->n_cut);
        if (got > 0)
                return;
        session->stdin_ended = true;
        say_words(session, "eof", NULL, NULL);
}

/* ---- signals ---- */

/* Those a terminal or an administrator sends; stopping and going on is between us and our shell. */
static const int forwarded[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM };

/* Until there is a job, a signal ends us. */
static void take_signals(struct session *session)
{
        sigset_t set;

        sigemptyset(&set);
        for (size_t i = 0; i < ARRAY_LEN(forwarded); i++)
                sigaddset(&set, forwarded[i]);
        session->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (session->signals >= 0)
                sigprocmask(SIG_BLOCK, &set, NULL);
}

static void read_signals(struct session *session)
{
        struct signalfd_siginfo info;
        char name[32];

        while (read(session->signals, &info, sizeof(info)) == sizeof(info)) {
                const char *word = sigabbrev_np((int)info.ssi_signo);

                snprintf(name, sizeof(name), "SIG%s", word ? word : "");
                /* CodeRunr hangs up on any other. */
                if (!session->coderunr || info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM)
                        say_words(session, "signal", "signal", name);
                else
                        say_words(session, "signal", "signal", "SIGTERM");
        }
}

/* ---- what we hear ---- */

static const char *text_of(const json_t *event, const char *key)
{
        const char *text = json_string_value(json_object_get(event, key));

        return text ? text : "";
}

static void hear_data(const struct session *session, const json_t *event)
{
        const json_t *data = json_object_get(event, "data");
        bool to_stdout = session->running && streq(text_of(event, "stream"), "stdout");
        FILE *stream = to_stdout ? stdout : stderr;

        fwrite(json_string_value(data), 1, json_string_length(data), stream);
        if (session->coderunr && !json_is_true(json_object_get(event, "partial")))
                putc('\n', stream);
        fflush(stream);
}

static void hear_end(struct session *session, json_t *event)
{
        const char *stage = text_of(event, "stage");

        if (session->launch->status)
                ending_print(stage, event);
        json_decref(session->ending);
        session->ending = json_incref(event);
        session->compiling = streq(stage, "compile");
        session->running = false;
}

static void hear_error(struct session *session, const json_t *event)
{
        /* Upstream's CodeRunr does not know how stdin ends. */
        if (strncmp(text_of(event, "message"), "Unknown message type", 20) != 0)
                session->status = cli_fail(EXIT_ENGINE, "%s", text_of(event, "message"));
}

static void hear_event(struct session *session, json_t *event)
{
        const char *type = text_of(event, "type");

        if (streq(type, "runtime")) {
                if (session->launch->status)
                        cli_fail(0, "%s %s", text_of(event, "language"), text_of(event, "version"));
                take_signals(session);
        } else if (streq(type, "init_ack")) {
                session->coderunr = true;
        } else if (streq(type, "stage") || streq(type, "stage_start")) {
                session->running = streq(text_of(event, "stage"), "run");
        } else if (streq(type, "data")) {
                hear_data(session, event);
        } else if (streq(type, "exit") || streq(type, "stage_end")) {
                hear_end(session, event);
        } else if (streq(type, "error")) {
                hear_error(session, event);
        }
}

static void hear(void *arg, struct view text)
{
        struct session *session = arg;
        json_t *event = json_loadb(text.p, text.n, JSON_ALLOW_NUL, NULL);

        if (event)
                hear_event(session, event);
        else
                session->status = cli_fail(EXIT_ENGINE, "the engine sent no JSON; is it one?");
        json_decref(event);
}

/* ---- the loop ---- */

static int finish(struct session *session)
{
        const char *reason;
        unsigned code = dial_goodbye(session->dial, &reason);

        if (session->status)
                return session->status;
        if (code != GOODBYE || !session->ending)
                return cli_fail(EXIT_ENGINE, "the engine closed the session%s%s", *reason ? ": " : "",
                                reason);
        if (session->compiling && ending_is_good(session->ending))
                return cli_fail(EXIT_ENGINE, "the engine did not run the program");
        return ending_of(session->launch->request.file, session->ending, session->compiling);
}

/* One round: hear, then wait.  -1: go on; else the exit status. */
static int round_of(struct session *session)
{
        struct err err = { 0 };
        int r = dial_step(session->dial, hear, session, &err);
        bool reads = session->running && !session->stdin_ended && dial_backlog(session->dial) < BACKLOG_MAX;
        struct pollfd fds[] = {
                { dial_fd(session->dial), dial_events(session->dial), 0 },
                { reads ? STDIN_FILENO : -1, POLLIN, 0 },
                { session->signals, POLLIN, 0 },
        };

        if (r == DIAL_CLOSED)
                return finish(session);
        if (r < 0)
                return cli_fail(EXIT_ENGINE, "%s", err.text);
        if (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno != EINTR)
                return cli_fail(EXIT_ENGINE, "poll: %m");
        if (fds[1].revents)
                read_stdin(session);
        if (fds[2].revents)
                read_signals(session);
        return -1;
}

int session(const struct launch *launch, json_t *body)
{
        struct session session = { .launch = launch, .signals = -1 };
        struct err err = { 0 };
        int status = -1;

        session.stdin_ended = fcntl(STDIN_FILENO, F_GETFD) < 0;
        session.dial = dial_open(launch->url, engine_key_in_force(), "/api/v2/connect?dialect=piston", &err);
        if (!session.dial)
                return cli_fail(EXIT_ENGINE, "%s", err.text);
        say_init(&session, body);
        while (status < 0)
                status = session.status ? session.status : round_of(&session);
        json_decref(session.ending);
        dial_free(session.dial);
        return status;
}

/*
 * `coderunr doctor --attacks`: every safe row of the abuse catalogue against an engine in use, through its HTTP door
 * and compiled by its own C runtime, so the client needs no compiler.
 *
 * The things of this host that probes reach for are made here: a file, sockets, a process.  They are there for an
 * engine on this host; for one elsewhere they are absent, which is no escape either.  That each probe is a real attack
 * is shown by the controls of `./dev attack`, which need a compiler and another user.
 */
#include "main/attacks.h"
#include "main/cli.h"
#include "main/engine.h"
#include "main/http.h"
#include "util/err.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <poll.h>
#include <regex.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { ANSWER_CAP = 64 * 1024 * 1024, BODY_CAP = 16 * 1024 * 1024, NOTE_MAX = 400 };

enum outcome { HELD, BROKEN, VACUOUS, OUTCOMES };

static const char *const outcome_words[OUTCOMES] = { "held", "broken", "vacuous" };

/* What a probe may reach for. */
struct targets {
        char folder[64];
        char canary[96];
        char path[96];     /* of the socket */
        char abstract[64]; /* name of the other one */
        char port[8];
        char pid[16];
        int sockets[3];
};

static int listen_at(int fd, const void *address, socklen_t n)
{
        return fd >= 0 && bind(fd, address, n) == 0 && listen(fd, 8) == 0 ? 0 : -1;
}

static int open_local(struct targets *targets)
{
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        size_t n = (size_t)snprintf(un.sun_path, sizeof(un.sun_path), "%s", targets->path);

        if (listen_at(targets->sockets[0], &un, sizeof(un)) < 0 || chmod(targets->path, 0777) < 0)
                return -1;
        memset(un.sun_path, 0, sizeof(un.sun_path));
        n = (size_t)snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "%s", targets->abstract);
        return listen_at(targets->sockets[1], &un,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n));
}

static int open_targets(struct targets *targets)
{
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
        socklen_t n = sizeof(in);
        FILE *f;

        for (size_t i = 0; i < ARRAY_LEN(targets->sockets); i++)
                targets->sockets[i] = socket(i < 2 ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        snprintf(targets->folder, sizeof(targets->folder), "/tmp/coderunr-attacks-XXXXXX");
        if (!mkdtemp(targets->folder) || chmod(targets->folder, 0755) < 0)
                return -1;
        snprintf(targets->canary, sizeof(targets->canary), "%s/canary", targets->folder);
        snprintf(targets->path, sizeof(targets->path), "%s/socket", targets->folder);
        snprintf(targets->abstract, sizeof(targets->abstract), "coderunr-attacks-%d", getpid());
        snprintf(targets->pid, sizeof(targets->pid), "%d", getpid());
        f = fopen(targets->canary, "we");
        if (!f || fputs("nobody may read this\n", f) < 0 || fclose(f) != 0 ||
            chmod(targets->canary, 0644) < 0)
                return -1;
        if (open_local(targets) < 0 || listen_at(targets->sockets[2], &in, sizeof(in)) < 0 ||
            getsockname(targets->sockets[2], (struct sockaddr *)&in, &n) < 0)
                return -1;
        snprintf(targets->port, sizeof(targets->port), "%u", ntohs(in.sin_port));
        return 0;
}

static void close_targets(struct targets *targets)
{
        for (size_t i = 0; i < ARRAY_LEN(targets->sockets); i++)
                if (targets->sockets[i] >= 0)
                        close(targets->sockets[i]);
        if (targets->canary[0])
                (void)unlink(targets->canary);
        if (targets->path[0])
                (void)unlink(targets->path);
        (void)rmdir(targets->folder);
}

/* Did somebody connect to what listens here? */
static bool visited(const struct targets *targets)
{
        bool any = false;

        for (size_t i = 0; i < ARRAY_LEN(targets->sockets); i++) {
                struct pollfd waiting = { targets->sockets[i], POLLIN, 0 };

                while (poll(&waiting, 1, 0) == 1) {
                        int fd = accept4(targets->sockets[i], NULL, NULL, SOCK_CLOEXEC);

                        any = true;
                        if (fd < 0)
                                break;
                        close(fd);
                }
        }
        return any;
}

static const char *fill(const char *arg, const struct targets *targets)
{
        const struct {
                const char *word;
                const char *text;
        } rows[] = {
                { "{canary}", targets->canary }, { "{own}", targets->canary },
                { "{log}", targets->canary },    { "{folder}", targets->folder },
                { "{unix}", targets->path },     { "{abstract}", targets->abstract },
                { "{port}", targets->port },     { "{sentinel}", targets->pid },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if (streq(arg, rows[i].word))
                        return rows[i].text;
        return arg;
}

static json_t *make_body(const struct attack_row *row, const struct targets *targets)
{
        static const char *const keys[] = { "run_memory_limit", "run_timeout", "run_cpu_time" };
        json_t *args = json_array(), *body;
        char *input = malloc(row->n_stdin + 1);

        if (input)
                memset(input, 'i', row->n_stdin);
        for (const char *const *arg = row->args; *arg; arg++)
                json_array_append_new(args, json_string(fill(*arg, targets)));
        body = json_pack("{s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}], s:o, s:s%}", "language", "c", "version", "*",
                         "files", "name", "probe.c", "content", row->source, "name", "probe.h", "content",
                         attack_header, "args", args, "stdin", input ? input : "",
                         input ? row->n_stdin : (size_t)0);
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
                if (row->limits[i])
                        json_object_set_new(body, keys[i], json_integer((json_int_t)row->limits[i]));
        free(input);
        return body;
}

/* One word for a stage, the words of tests/abuse/world.py. */
static void verdict(json_t *stage, char *word, size_t room)
{
        static const struct {
                const char *part;
                const char *word;
        } rows[] = {
                { "bytes of memory)", "MLE" },
                { " processes)", "PROC" },
                { "bytes in one file)", "FSZ" },
                { "bytes of disk space)", "DISK" },
                { " files)", "INODES" },
                { "(wall clock)", "TLE-wall" },
                { "Time limit exceeded", "TLE-cpu" },
                { "cannot be ", "EXEC" },
        };
        const char *message = json_string_value(json_object_get(stage, "message"));
        const char *status = json_string_value(json_object_get(stage, "status"));
        json_t *code = json_object_get(stage, "code");

        for (size_t i = 0; message && i < ARRAY_LEN(rows); i++)
                if (strstr(message, rows[i].part)) {
                        snprintf(word, room, "%s", rows[i].word);
                        return;
                }
        if (!status)
                snprintf(word, room, "%s",
                         json_is_integer(code) && json_integer_value(code) == 0 ? "OK" : "IE");
        else if (streq(status, "OL") || streq(status, "EL"))
                snprintf(word, room, "%sE", status);
        else if (streq(status, "SG") && message && strrchr(message, ' '))
                snprintf(word, room, "SIG(%s)", strrchr(message, ' ') + 1);
        else if (streq(status, "RE"))
                snprintf(word, room, "NZ(%lld)", (long long)json_integer_value(code));
        else
                snprintf(word, room, "IE");
}

/* Is @word one of the words of @list, | between? */
static bool is_among(const char *word, const char *list)
{
        size_t n = strlen(word);

        for (const char *p = list; p; p = strchr(p, '|'), p += p ? 1 : 0)
                if (strncmp(p, word, n) == 0 && (p[n] == '|' || p[n] == '\0'))
                        return true;
        return false;
}

static bool matches(const char *pattern, const char *text)
{
        regex_t compiled;
        bool found;

        if (regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) != 0)
                return false;
        found = regexec(&compiled, text, 0, NULL, 0) == 0;
        regfree(&compiled);
        return found;
}

static enum outcome judge(const struct attack_row *row, json_t *reply, char note[NOTE_MAX])
{
        json_t *compile = json_object_get(reply, "compile"), *run = json_object_get(reply, "run");
        const char *said = json_string_value(json_object_get(run, "stdout")), *p;
        char word[32];

        if (!said || json_is_string(json_object_get(compile, "status"))) {
                snprintf(note, NOTE_MAX, "the probe was not compiled");
                return VACUOUS;
        }
        p = strncmp(said, "ESCAPED ", 8) == 0 ? said : strstr(said, "\nESCAPED ");
        if (p) {
                p += *p == '\n';
                snprintf(note, NOTE_MAX, "%.*s", (int)MIN(strcspn(p, "\n"), (size_t)200), p);
                return BROKEN;
        }
        verdict(run, word, sizeof(word));
        if (!is_among(word, row->expect)) {
                snprintf(note, NOTE_MAX, "answered %s instead of %s", word, row->expect);
                return BROKEN;
        }
        if (row->says[0] && !matches(row->says, said)) {
                snprintf(note, NOTE_MAX, "its output has no /%.100s/", row->says);
                return BROKEN;
        }
        if (row->tells && streq(word, "OK") && !matches("^(DENIED|ABSENT) ", said)) {
                snprintf(note, NOTE_MAX, "the probe said nothing");
                return VACUOUS;
        }
        return HELD;
}

/* Send one row.  Returns -1 when there is no engine to talk to. */
static int attack(const char *url, const struct attack_row *row, const struct targets *targets,
                  enum outcome *ret_outcome, char note[NOTE_MAX])
{
        struct bytes body CLEANUP(bytes_deinit) = BYTES_INIT(BODY_CAP);
        struct bytes answer CLEANUP(bytes_deinit) = BYTES_INIT(ANSWER_CAP);
        json_t *request = make_body(row, targets), *reply;
        char *text = json_dumps(request, JSON_COMPACT), where[1024];
        struct err err = { 0 };
        long status = 0;
        int r;

        json_decref(request);
        snprintf(where, sizeof(where), "%s/api/v2/execute", url);
        r = text ? bytes_add_text(&body, text) : -ENOMEM;
        free(text);
        r = r ? r : http_call(where, engine_key_in_force(), &body, &answer, &status, &err);
        if (r < 0)
                return cli_fail(-1, "%s", err.text[0] ? err.text : strerror(-r));
        reply = json_loadb(answer.p ? answer.p : "", answer.n, JSON_ALLOW_NUL, NULL);
        if (status == 200) {
                *ret_outcome = judge(row, reply, note);
        } else {
                const char *message = json_string_value(json_object_get(reply, "message"));

                *ret_outcome = status < 500 ? VACUOUS : BROKEN;
                snprintf(note, NOTE_MAX, "answered %ld: %.300s", status, message ? message : "");
        }
        json_decref(reply);
        return 0;
}

static void print_row(const struct attack_row *row, enum outcome outcome, const char *note)
{
        printf("%-8s %-12s %s\n", outcome_words[outcome], row->id, row->name);
        if (note[0])
                printf("         %s\n", note);
        fflush(stdout);
}

/* Every row; the counts of outcomes.  -1: no engine. */
static int attack_all(const char *url, const struct targets *targets, size_t counts[OUTCOMES])
{
        for (size_t i = 0; i < attack_n_rows; i++) {
                char note[NOTE_MAX] = "";
                enum outcome outcome;

                if (attack(url, &attack_rows[i], targets, &outcome, note) < 0)
                        return -1;
                if (visited(targets)) {
                        outcome = BROKEN;
                        snprintf(note, sizeof(note), "a program connected to a listener of this host");
                }
                print_row(&attack_rows[i], outcome, note);
                counts[outcome]++;
        }
        return 0;
}

int cli_attacks(const char *url)
{
        struct targets targets = { .sockets = { -1, -1, -1 } };
        size_t counts[OUTCOMES] = { 0 }, pending = 0;
        int r = -1;

        if (open_targets(&targets) < 0)
                cli_fail(0, "cannot make the things that probes reach for: %s", strerror(errno));
        else
                r = attack_all(url, &targets, counts);
        close_targets(&targets);
        if (r < 0)
                return EXIT_ENGINE;
        for (size_t i = 0; i < attack_n_pending; i++) {
                printf("pending  %s: %s\n", attack_pending[i].ids, attack_pending[i].reason);
                pending += attack_pending[i].n;
        }
        printf("%zu held, %zu broken, %zu vacuous, %zu pending\n", counts[HELD], counts[BROKEN],
               counts[VACUOUS], pending);
        return counts[BROKEN] > 0 ? EXIT_WRONG : 0;
}

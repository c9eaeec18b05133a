/*
 * One call, one answer, however long it takes: a job runs as long as its limits allow.
 */
#include "main/engine.h"
#include "config/value.h"
#include "main/cli.h"
#include "main/http.h"
#include "util/clock.h"
#include "util/err.h"

#include <stdio.h>
#include <time.h>

enum { REPLY_CAP = 1 << 30, BODY_CAP = 1 << 28, URL_MAX = 2048 };

const char *engine_key;

const char *engine_key_in_force(void)
{
        return engine_key ? engine_key : getenv("CODERUNR_KEY");
}

const char *engine_url(void)
{
        const char *url = getenv("CODERUNR_URL");

        return url && *url ? url : "http://127.0.0.1:2000";
}

const char *engine_message(const json_t *reply)
{
        const char *message = json_string_value(json_object_get(reply, "message"));

        return message ? message : "the engine refused the request";
}

static int add(const char *p, size_t n, void *arg)
{
        return bytes_add(arg, p, n);
}

static int join(const char *url, const char *path, char ret_where[URL_MAX])
{
        size_t n = strlen(url);

        while (n > 0 && url[n - 1] == '/')
                n--;
        if (snprintf(ret_where, URL_MAX, "%.*s%s", (int)n, url, path) >= URL_MAX)
                return cli_fail(EXIT_USAGE, "the URL is too long");
        return 0;
}

int engine_wait(const char *url, const char *patience)
{
        uint64_t wait_ns, end_ns;
        char where[URL_MAX];
        int r = join(url, "/api/v2/runtimes", where);

        if (r)
                return r;
        if (value_parse_duration(patience, &wait_ns) < 0)
                return cli_fail(EXIT_USAGE, "'%s' is not a time: write 500ms, 2s or milliseconds", patience);
        end_ns = clock_now_ns() + wait_ns;
        for (;;) {
                struct bytes answer CLEANUP(bytes_deinit) = BYTES_INIT(REPLY_CAP);
                struct err err = { 0 };
                long status = 0;

                if (http_call(where, engine_key_in_force(), NULL, &answer, &status, &err) == 0 &&
                    status == 200)
                        return 0;
                if (clock_now_ns() >= end_ns)
                        return status ? cli_fail(EXIT_ENGINE, "%s answers %ld; is it an engine?", where,
                                                 status)
                                      : cli_fail(EXIT_ENGINE, "%s", err.text);
                nanosleep(&(struct timespec){ .tv_nsec = 250 * 1000 * 1000 }, NULL);
        }
}

int engine_ask(const char *url, const char *method, const char *path, const json_t *body, json_t **ret_reply,
               long *ret_status)
{
        struct bytes answer CLEANUP(bytes_deinit) = BYTES_INIT(REPLY_CAP);
        struct bytes text CLEANUP(bytes_deinit) = BYTES_INIT(BODY_CAP);
        struct err err = { 0 };
        char where[URL_MAX];
        int r = join(url, path, where);

        if (r)
                return r;
        if (body && json_dump_callback(body, add, &text, JSON_COMPACT) < 0)
                return cli_fail(EXIT_USAGE, "the files are too large to be sent");
        if (http_send(where, engine_key_in_force(), method, body ? &text : NULL, &answer, ret_status, &err) <
            0)
                return cli_fail(EXIT_ENGINE, "%s", err.text);
        *ret_reply = answer.n ? json_loadb(answer.p, answer.n, JSON_ALLOW_NUL, NULL) : NULL;
        if (!*ret_reply && *ret_status != 204)
                return cli_fail(EXIT_ENGINE, "%s answered %ld without JSON; is it an engine?", where,
                                *ret_status);
        return 0;
}

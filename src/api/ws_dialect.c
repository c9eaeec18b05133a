/*
 * Theory of operation: sessions ask the table of their dialect and never its name.
 *
 * CodeRunr sends whole lines without their newline; what stands before a missing newline is sent by itself, marked
 * "partial", after a moment, since it may be a prompt.  Piston sends what a read returned; characters
 * are kept whole here, which it did not care for.
 */
#include "api/ws_dialect.h"
#include "api/door_piston.h"
#include "runtime/catalog.h"
#include "util/err.h"
#include "util/json_out.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>

enum { LINE_MAX_BYTES = 65536, SIGNAL_MAX = 64 };

size_t ws_whole(struct view text)
{
        for (size_t back = 1; back <= MIN(text.n, (size_t)3); back++) {
                unsigned char c = (unsigned char)text.p[text.n - back];
                size_t whole = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

                if ((c & 0xc0) == 0x80)
                        continue;
                return whole > back ? text.n - back : text.n;
        }
        return text.n;
}

static size_t cut_chunk(struct view held, struct view *ret_piece)
{
        *ret_piece = (struct view){ held.p, ws_whole(held) };
        return ret_piece->n;
}

static size_t cut_line(struct view held, struct view *ret_piece)
{
        const char *newline = memchr(held.p, '\n', held.n);

        if (newline) {
                *ret_piece = (struct view){ held.p, (size_t)(newline - held.p) };
                return ret_piece->n + 1;
        }
        return held.n < LINE_MAX_BYTES ? 0 : cut_chunk(held, ret_piece);
}

static void put_exit(struct json_out *json, const struct stage_result *result)
{
        char name[DOOR_PISTON_SIGNAL_MAX];
        int code = door_piston_ending(result, name);

        json_out_key(json, "code");
        if (code >= 0)
                json_out_int(json, code);
        else
                json_out_null(json);
        json_out_key(json, "signal");
        json_out_text(json, name[0] ? name : NULL);
}

static void put_code(struct json_out *json, const struct stage_result *result)
{
        char name[DOOR_PISTON_SIGNAL_MAX];

        json_out_key(json, "code");
        json_out_int(json, door_piston_ending(result, name));
}

static bool is_text(const json_t *value)
{
        return json_is_string(value) && json_string_length(value) > 0;
}

static int check_coderunr(const json_t *root, const struct catalog *catalog, struct err *err)
{
        const json_t *files = json_object_get(root, "files"), *file;
        const char *language = json_string_value(json_object_get(root, "language"));
        const char *version = json_string_value(json_object_get(root, "version"));
        size_t i;

        if (!is_text(json_object_get(root, "language")))
                return err_set(err, 400, "language is required");
        if (!is_text(json_object_get(root, "version")))
                return err_set(err, 400, "version is required");
        if (!json_is_array(files) || json_array_size(files) == 0)
                return err_set(err, 400, "files array is required");
        json_array_foreach(files, i, file) if (
                !json_is_string(json_object_get(file, "conten"
                                                      "t"))) return err_set(err, 400,
                                                                            "files[].content must be string");
        if (!catalog_find(catalog, language, version))
                return err_set(err, 400, "Runtime not found: %s-%s", language, version);
        return 0;
}

static int check_nothing(const json_t *root, const struct catalog *catalog, struct err *err)
{
        return 0;
}

static const char *const coderunr_signals[] = { "SIGTERM", "SIGKILL", "SIGINT", NULL };

static const struct ws_dialect dialects[] = {
        {
                .name = "coderunr",
                .init_ns = 5 * NSEC_PER_SEC,
                .wraps = true,
                .acknowledgement = "init_ack",
                .stage_type = "stage_start",
                .end_type = "stage_end",
                .marks_partial = true,
                .error_twice = true,
                .signals = coderunr_signals,
                .cut = cut_line,
                .put_ending = put_code,
                .check = check_coderunr,
                .answers = {
                        [WS_INIT_TWICE] = { NULL, 4000, "Already Initialized" },
                        [WS_INIT_LATE] = { "Initialization timeout", 4001, "Initialization Timeout" },
                        [WS_BAD_JSON] = { "Invalid message JSON", 1000, "Connection closed" },
                        [WS_BAD_FIELDS] = { "Invalid message fields", 0, NULL },
                        [WS_UNKNOWN_TYPE] = { "Unknown message type: %s", 0, NULL },
                        [WS_TOO_EARLY] = { NULL, 4003, "Not yet initialized" },
                        [WS_BAD_STREAM] = { NULL, 4004, "Can only write to stdin" },
                        [WS_BAD_SIGNAL] = { NULL, 4005, "Invalid signal" },
                        [WS_REFUSED] = { "%s", 0, NULL },
                        [WS_FAILED] = { "Execution failed: %s", 4999, "Job Completed" },
                        [WS_OUTPUT_LIMIT] = { "output limit exceeded", 0, NULL },
                },
        },
        {
                .name = "piston",
                .init_ns = NSEC_PER_SEC,
                .stage_type = "stage",
                .end_type = "exit",
                .cut = cut_chunk,
                .put_ending = put_exit,
                .check = check_nothing,
                .answers = {
                        [WS_INIT_TWICE] = { NULL, 4000, "Already Initialized" },
                        [WS_INIT_LATE] = { NULL, 4001, "Initialization Timeout" },
                        [WS_BAD_JSON] = { "%s", 4002, "Notified Error" },
                        [WS_BAD_FIELDS] = { NULL, 0, NULL },
                        [WS_UNKNOWN_TYPE] = { NULL, 0, NULL },
                        [WS_TOO_EARLY] = { NULL, 4003, "Not yet initialized" },
                        [WS_BAD_STREAM] = { NULL, 4004, "Can only write to stdin" },
                        [WS_BAD_SIGNAL] = { NULL, 4005, "Invalid signal" },
                        [WS_REFUSED] = { "%s", 4002, "Notified Error" },
                        [WS_FAILED] = { "%s", 4002, "Notified Error" },
                        [WS_OUTPUT_LIMIT] = { NULL, 0, NULL },
                },
        },
};

const struct ws_dialect *ws_dialect_find(const char *name)
{
        for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
                if (streq(dialects[i].name, name))
                        return &dialects[i];
        return NULL;
}

int ws_signal(const struct ws_dialect *dialect, struct view name)
{
        const char *const *allowed = dialect->signals;

        while (allowed && *allowed && !view_eq_text(name, *allowed))
                allowed++;
        if (allowed && !*allowed)
                return 0;
        for (int number = 1; number <= SIGNAL_MAX; number++) {
                char text[DOOR_PISTON_SIGNAL_MAX];

                if (door_piston_signal(number, text) && view_eq_text(name, text))
                        return number;
        }
        return 0;
}

static void begin(struct json_out *json, struct bytes *out, const char *type)
{
        json_out_init(json, out);
        json_out_object_begin(json);
        json_out_key(json, "type");
        json_out_text(json, type);
}

static int end(struct json_out *json)
{
        json_out_object_end(json);
        return json_out_error(json);
}

int ws_put_runtime(struct bytes *out, const struct runtime *runtime)
{
        struct json_out json;

        begin(&json, out, "runtime");
        json_out_key(&json, "language");
        json_out_text(&json, runtime->language);
        json_out_key(&json, "version");
        json_out_text(&json, runtime->version);
        return end(&json);
}

int ws_put_type(struct bytes *out, const char *type)
{
        struct json_out json;

        begin(&json, out, type);
        return end(&json);
}

int ws_put_stage(struct bytes *out, const struct ws_dialect *dialect, enum stage stage)
{
        struct json_out json;

        begin(&json, out, dialect->stage_type);
        json_out_key(&json, "stage");
        json_out_text(&json, stage_name(stage));
        return end(&json);
}

int ws_put_data(struct bytes *out, enum stream stream, struct view data, bool partial)
{
        struct json_out json;

        begin(&json, out, "data");
        json_out_key(&json, "stream");
        json_out_text(&json, stream == STREAM_STDOUT ? "stdout" : "stderr");
        json_out_key(&json, "data");
        json_out_string(&json, data);
        if (partial) {
                json_out_key(&json, "partial");
                json_out_bool(&json, true);
        }
        return end(&json);
}

int ws_put_end(struct bytes *out, const struct ws_dialect *dialect, enum stage stage,
               const struct stage_result *result)
{
        struct json_out json;

        begin(&json, out, dialect->end_type);
        json_out_key(&json, "stage");
        json_out_text(&json, stage_name(stage));
        dialect->put_ending(&json, result);
        return end(&json);
}

int ws_put_error(struct bytes *out, const struct ws_dialect *dialect, enum ws_fault fault, const char *what)
{
        const char *message = dialect->answers[fault].message, *hole = strstr(message, "%s");
        struct json_out json;
        char text[1024];

        if (hole)
                snprintf(text, sizeof(text), "%.*s%s%s", (int)(hole - message), message, what, hole + 2);
        begin(&json, out, "error");
        json_out_key(&json, "message");
        json_out_text(&json, hole ? text : message);
        if (dialect->error_twice) {
                json_out_key(&json, "error");
                json_out_text(&json, hole ? text : message);
        }
        return end(&json);
}

/*
 * Theory of operation: a request becomes a job in door_piston_parse.c; its result becomes a reply here, by a table from
 * verdict to Piston's words.
 */
#include "api/door_piston.h"
#include "api/exchange.h"
#include "api/front.h"
#include "api/pool.h"
#include "config/config.h"
#include "job/job.h"
#include "job/result.h"
#include "runtime/catalog.h"
#include "util/err.h"
#include "util/json_out.h"
#include "util/log.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>

enum {
        KEYS_MAX = 16384,            /* bytes of a reply beside its outputs */
        ESCAPE_MAX = 6,              /* a byte of output can become \u0000 */
        PARSE_ON_THREAD = 64 * 1024, /* bytes of a body from which parsing would hold up the loop */
        CODE_OUT_OF_MEMORY = 137,    /* 128 + SIGKILL, which is what Piston's shell made of it */
};

/* How `code` and `signal` are told. */
enum ending { CODE, SIGNAL, KILLED, MEMORY, EITHER, NEITHER };

static const struct {
        const char *status;
        enum ending ending;
        const char *message; /* NULL: made from code, signal or text */
} words[VERDICT_COUNT] = {
        [VERDICT_OK] = { NULL, CODE, NULL },
        [VERDICT_EXIT] = { "RE", CODE, NULL },
        [VERDICT_SIGNAL] = { "SG", SIGNAL, NULL },
        [VERDICT_WALL] = { "TO", KILLED, "Time limit exceeded (wall clock)" },
        [VERDICT_CPU] = { "TO", KILLED, "Time limit exceeded" },
        [VERDICT_MEMORY] = { "RE", MEMORY, NULL },
        [VERDICT_PROCESSES] = { "RE", EITHER, NULL },
        [VERDICT_FILE_SIZE] = { "RE", EITHER, NULL },
        [VERDICT_DISK] = { "RE", EITHER, NULL },
        [VERDICT_INODES] = { "RE", EITHER, NULL },
        [VERDICT_STDOUT] = { "OL", KILLED, "stdout length exceeded" },
        [VERDICT_STDERR] = { "EL", KILLED, "stderr length exceeded" },
        [VERDICT_EXEC] = { "XX", NEITHER, NULL },
        [VERDICT_CANCELLED] = { "XX", NEITHER, NULL },
        [VERDICT_OVERLOADED] = { "XX", NEITHER, NULL },
        [VERDICT_ENGINE] = { "XX", NEITHER, NULL },
};

static const struct {
        enum verdict verdict;
        enum limit limit;
        const char *unit;
} limit_words[] = {
        { VERDICT_MEMORY, LIMIT_memory_bytes, "bytes of memory" },
        { VERDICT_PROCESSES, LIMIT_processes, "processes" },
        { VERDICT_FILE_SIZE, LIMIT_file_size_bytes, "bytes in one file" },
        { VERDICT_DISK, LIMIT_disk_bytes, "bytes of disk space" },
        { VERDICT_INODES, LIMIT_inodes, "files" },
};

struct run {
        const struct runtime *runtime;
        struct limits limits[STAGE_COUNT];
        bool detail;
};

bool door_piston_signal(int number, char text[DOOR_PISTON_SIGNAL_MAX])
{
        const size_t room = DOOR_PISTON_SIGNAL_MAX;
        const char *name = number == SIGIO ? "IO" : sigabbrev_np(number);

        if (name)
                snprintf(text, room, "SIG%s", name);
        else if (number == SIGRTMIN || number == SIGRTMAX)
                snprintf(text, room, number == SIGRTMIN ? "SIGRTMIN" : "SIGRTMAX");
        else if (number > SIGRTMIN && number <= SIGRTMIN + 15)
                snprintf(text, room, "SIGRTMIN+%d", number - SIGRTMIN);
        else if (number > SIGRTMIN && number < SIGRTMAX)
                snprintf(text, room, "SIGRTMAX-%d", SIGRTMAX - number);
        else
                snprintf(text, room, "SIG%d", number);
        return text[3] < '0' || text[3] > '9';
}

/* `code` and `signal`: at most one of them is set. */
static void settle_ending(const struct stage_result *stage, int *ret_code, int *ret_signal)
{
        enum ending ending = words[stage->verdict].ending;

        *ret_code = -1;
        *ret_signal = 0;
        if (ending == KILLED)
                *ret_signal = SIGKILL;
        else if (ending == MEMORY)
                *ret_code = stage->exit_code > 0 ? stage->exit_code : CODE_OUT_OF_MEMORY;
        else if (ending == SIGNAL || (ending == EITHER && stage->signal > 0))
                *ret_signal = stage->signal;
        else if (ending != NEITHER)
                *ret_code = stage->exit_code;
}

int door_piston_ending(const struct stage_result *stage, char ret_signal[DOOR_PISTON_SIGNAL_MAX])
{
        int code, number;

        settle_ending(stage, &code, &number);
        ret_signal[0] = '\0';
        if (number > 0)
                door_piston_signal(number, ret_signal);
        return code;
}

/* Empty when there is nothing to say. */
static void settle_message(const struct stage_result *stage, const struct limits *limits, int code,
                           int number, char *text, size_t room)
{
        size_t n;

        text[0] = '\0';
        if (words[stage->verdict].message)
                snprintf(text, room, "%s", words[stage->verdict].message);
        else if (words[stage->verdict].ending == NEITHER)
                snprintf(text, room, "%s", stage->text[0] ? stage->text : verdict_text(stage->verdict));
        else if (number > 0)
                snprintf(text, room, "Caught fatal signal %d", number);
        else if (stage->verdict != VERDICT_OK)
                snprintf(text, room, "Exited with error status %d", code);
        for (size_t i = 0; i < ARRAY_LEN(limit_words); i++) {
                if (limit_words[i].verdict != stage->verdict)
                        continue;
                n = strlen(text);
                snprintf(text + n, room - n, " (reached the limit of %" PRIu64 " %s)",
                         limit_get(limits, limit_words[i].limit), limit_words[i].unit);
        }
}

static void put_output(void *arg, struct view run)
{
        json_out_string_add(arg, run);
}

static void render_stream(struct json_out *json, const char *key, const struct output *output,
                          enum stream stream)
{
        json_out_key(json, key);
        json_out_string_begin(json);
        output_each(output, stream, put_output, json);
        json_out_string_end(json);
}

static void render_stage(struct json_out *json, const struct stage_result *stage, const struct limits *limits)
{
        char name[DOOR_PISTON_SIGNAL_MAX], message[320];
        int code, number;

        settle_ending(stage, &code, &number);
        settle_message(stage, limits, code, number, message, sizeof(message));
        door_piston_signal(number, name);
        json_out_object_begin(json);
        json_out_key(json, "signal");
        json_out_text(json, number > 0 ? name : NULL);
        render_stream(json, "stdout", &stage->output, STREAM_STDOUT);
        render_stream(json, "stderr", &stage->output, STREAM_STDERR);
        json_out_key(json, "code");
        if (code >= 0)
                json_out_int(json, code);
        else
                json_out_null(json);
        render_stream(json, "output", &stage->output, STREAM_COUNT);
        json_out_key(json, "memory");
        json_out_uint(json, stage->memory_bytes);
        json_out_key(json, "message");
        json_out_text(json, message[0] ? message : NULL);
        json_out_key(json, "status");
        json_out_text(json, number > 0 && words[stage->verdict].ending == EITHER
                                    ? "SG"
                                    : words[stage->verdict].status);
        json_out_key(json, "cpu_time");
        json_out_uint(json, (stage->cpu_ns + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC);
        json_out_key(json, "wall_time");
        json_out_uint(json, (stage->wall_ns + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC);
        json_out_object_end(json);
}

/* CodeRunr's addition: the limits that were in force. */
static void render_limits(struct json_out *json, const struct limits *limits)
{
        static const struct {
                const char *key;
                enum limit limit;
                uint64_t unit;
        } rows[] = {
                { "timeouts", LIMIT_wall_ns, NSEC_PER_MSEC },
                { "cpu_times", LIMIT_cpu_ns, NSEC_PER_MSEC },
                { "memory_limits", LIMIT_memory_bytes, 1 },
        };

        json_out_key(json, "limits");
        json_out_object_begin(json);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                json_out_key(json, rows[i].key);
                json_out_object_begin(json);
                for (enum stage stage = 0; stage < STAGE_COUNT; stage++) {
                        json_out_key(json, stage_name(stage));
                        json_out_uint(json, limit_get(&limits[stage], rows[i].limit) / rows[i].unit);
                }
                json_out_object_end(json);
        }
        json_out_object_end(json);
}

/* Ours, and only for those who ask: microseconds. */
static void render_timing(struct json_out *json, enum stage which, const struct stage_result *stage)
{
        json_out_key(json, stage_name(which));
        json_out_object_begin(json);
        json_out_key(json, "cached");
        json_out_bool(json, stage->cached);
        json_out_key(json, "warm");
        json_out_bool(json, stage->warm);
#define TIMING(field, text)                                                                                  \
        json_out_key(json, #field);                                                                          \
        json_out_uint(json, stage->timing.field##_ns / NSEC_PER_USEC);
#include "job/timing.def"
#undef TIMING
        json_out_object_end(json);
}

/* The most bytes the outputs can become: each stream is told twice, and a failed compile stage stands for the run too. */
static size_t reply_cap(const struct result *result)
{
        size_t n = 0;

        for (enum stage stage = 0; stage < STAGE_COUNT; stage++)
                n += result->stages[stage].output.bytes.n;
        return KEYS_MAX + n * 2 * 2 * ESCAPE_MAX;
}

static void render_result(struct json_out *json, const struct runtime *runtime, const struct limits *limits,
                          bool detail, const struct result *result)
{
        const struct stage_result *compile = &result->stages[STAGE_COMPILE],
                                  *run = &result->stages[STAGE_RUN];
        bool compiled = runtime_has_stage(runtime, STAGE_COMPILE);
        bool failed = compiled && compile->verdict != VERDICT_OK;

        json_out_object_begin(json);
        if (compiled) {
                json_out_key(json, "compile");
                render_stage(json, compile, &limits[STAGE_COMPILE]);
        }
        json_out_key(json, "run");
        render_stage(json, failed ? compile : run, &limits[failed ? STAGE_COMPILE : STAGE_RUN]);
        json_out_key(json, "language");
        json_out_text(json, runtime->language);
        json_out_key(json, "version");
        json_out_text(json, runtime->version);
        render_limits(json, limits);
        if (detail) {
                json_out_key(json, "timing");
                json_out_object_begin(json);
                if (compiled)
                        render_timing(json, STAGE_COMPILE, compile);
                if (run->ran)
                        render_timing(json, STAGE_RUN, run);
                json_out_object_end(json);
        }
        json_out_object_end(json);
}

/* The error body of this door: CodeRunr adds the status. */
static void render_failure(struct reply *ret_reply, int status, const char *message)
{
        struct json_out json;

        reply_message(ret_reply, status, "");
        bytes_clear(&ret_reply->body);
        json_out_init(&json, &ret_reply->body);
        json_out_object_begin(&json);
        json_out_key(&json, "message");
        json_out_text(&json, message);
        json_out_key(&json, "code");
        json_out_int(&json, status);
        json_out_object_end(&json);
        if (json_out_error(&json) < 0)
                bytes_clear(&ret_reply->body);
}

static void fail(struct exchange *exchange, int status, const char *message)
{
        struct reply reply;

        render_failure(&reply, status, message);
        exchange_reply(exchange, &reply);
}

void door_piston_render(const struct runtime *runtime, const struct limits *limits, bool detail,
                        const struct result *result, struct reply *ret_reply)
{
        const struct stage_result *last = result_last(result);
        struct json_out json;

        if (last->verdict == VERDICT_OVERLOADED || last->verdict == VERDICT_CANCELLED) {
                render_failure(ret_reply, 503,
                               last->text[0] ? last->text : "the engine is busy, try again later");
                return;
        }
        if (last->verdict == VERDICT_ENGINE) {
                render_failure(ret_reply, 500, last->text[0] ? last->text : "the engine failed");
                return;
        }
        *ret_reply =
                (struct reply){ .status = 200, .type = REPLY_JSON, .body = BYTES_INIT(reply_cap(result)) };
        json_out_init(&json, &ret_reply->body);
        render_result(&json, runtime, limits, detail, result);
        if (json_out_error(&json) == 0)
                return;
        reply_deinit(ret_reply);
        render_failure(ret_reply, 500, "no memory for the answer");
}

static void on_result(struct exchange *exchange, const struct result *result)
{
        const struct run *run = exchange->state;
        struct reply reply;

        door_piston_render(run->runtime, run->limits, run->detail, result, &reply);
        exchange_reply(exchange, &reply);
}

bool door_piston_is_json(struct view type)
{
        static const char word[] = "application/json";
        size_t n = sizeof(word) - 1;
        const char *charset;

        if (type.n < n || strncasecmp(type.p, word, n) != 0 || (type.n > n && !strchr("; \t", type.p[n])))
                return false;
        charset = memmem(type.p, type.n, "charset", 7);
        if (!charset)
                return true;
        n = type.n - (size_t)(charset - type.p);
        return n >= 13 && (strncasecmp(charset, "charset=utf-8", 13) == 0 ||
                           (n >= 15 && strncasecmp(charset, "charset=\"utf-8\"", 15) == 0));
}

/* 0, or a status that refuses the body as it is packed. */
static int check_type(const struct exchange *exchange)
{
        const struct http1_request *request = &exchange->http.request;
        struct view coding = http1_field(request, "Content-Encoding");

        if (coding.p && !(coding.n == 8 && strncasecmp(coding.p, "identity", 8) == 0))
                return 415;
        if (exchange->front->config->lenient_content_type)
                return 0;
        return door_piston_is_json(http1_field(request, "Content-Type")) ? 0 : 415;
}

/* A body on its way to a job; its own, so that a thread can work on it. */
struct parse {
        struct work work;
        const struct front *front;
        struct bytes body;
        struct job job;
        struct err err;
        int r;
};

static void parse_run(struct work *work)
{
        struct parse *parse = (struct parse *)work;

        parse->r = door_piston_parse(bytes_view(&parse->body), parse->front->config, parse->front->catalog,
                                     &parse->job, &parse->err);
        bytes_deinit(&parse->body);
}

static void submit(struct exchange *exchange, const struct parse *parse)
{
        struct run *run = calloc(1, sizeof(*run));
        struct err err = { "" };

        exchange->state = run;
        if (!run || parse->r < 0) {
                fail(exchange, 500, "out of memory");
                return;
        }
        if (parse->r > 0) {
                fail(exchange, parse->r, parse->err.text);
                return;
        }
        run->runtime = parse->job.runtime;
        run->detail = parse->job.detail;
        memcpy(run->limits, parse->job.limits, sizeof(run->limits));
        if (exchange_submit(exchange, &parse->job, on_result, &err) == 0)
                return;
        log_error("cannot hand over a job: %s", err.text);
        fail(exchange, 503, "the engine is not ready, try again later");
}

static void parse_done(struct work *work)
{
        struct parse *parse = (struct parse *)work;
        struct exchange *exchange = work->owner;

        if (exchange) {
                exchange->work = NULL;
                exchange_drop_body(exchange);
                submit(exchange, parse);
        }
        if (parse->r == 0)
                job_deinit(&parse->job);
        bytes_deinit(&parse->body);
        free(parse);
}

void door_piston_execute(struct exchange *exchange)
{
        int status = check_type(exchange);
        struct parse *parse;

        if (status != 0) {
                fail(exchange, status, "requests must be of type application/json");
                return;
        }
        parse = calloc(1, sizeof(*parse));
        if (!parse) {
                fail(exchange, 500, "out of memory");
                return;
        }
        *parse = (struct parse){ .work = { .run = parse_run, .done = parse_done },
                                 .front = exchange->front,
                                 .r = -ECANCELED, /* until it has been run */
                                 .body = exchange_take_body(exchange) };
        if (parse->body.n >= PARSE_ON_THREAD) {
                exchange_work(exchange, &parse->work);
                return;
        }
        parse->work.owner = exchange;
        parse_run(&parse->work);
        parse_done(&parse->work);
}

static void render_runtime(struct json_out *json, const struct runtime *runtime)
{
        json_out_object_begin(json);
        json_out_key(json, "language");
        json_out_text(json, runtime->language);
        json_out_key(json, "version");
        json_out_text(json, runtime->version);
        json_out_key(json, "aliases");
        json_out_array_begin(json);
        for (char **alias = runtime->aliases; alias && *alias; alias++)
                json_out_text(json, *alias);
        json_out_array_end(json);
        if (runtime->package) {
                json_out_key(json, "runtime");
                json_out_text(json, runtime->package);
        }
        json_out_object_end(json);
}

void door_piston_runtimes(struct exchange *exchange)
{
        const struct catalog *catalog = exchange->front->catalog;
        struct reply reply = { .status = 200, .type = REPLY_JSON, .body = BYTES_INIT(16 * MIB) };
        struct json_out json;

        json_out_init(&json, &reply.body);
        json_out_array_begin(&json);
        for (const struct runtime *runtime = catalog_next(catalog, NULL); runtime;
             runtime = catalog_next(catalog, runtime))
                render_runtime(&json, runtime);
        json_out_array_end(&json);
        if (json_out_error(&json) < 0) {
                reply_deinit(&reply);
                render_failure(&reply, 500, "no memory for the answer");
        }
        exchange_reply(exchange, &reply);
}

void door_piston_banner(struct exchange *exchange)
{
        exchange_fail(exchange, 200, exchange->front->config->banner);
}

void door_piston_health(struct exchange *exchange)
{
        struct reply reply = { .status = 200, .type = REPLY_TEXT, .body = BYTES_INIT(2) };

        if (bytes_add_text(&reply.body, "OK") < 0)
                bytes_clear(&reply.body);
        exchange_reply(exchange, &reply);
}

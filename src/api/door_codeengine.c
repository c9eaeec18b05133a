/*
 * Theory of operation: a request is read into a job, waits until less than codeengine_jobs of them run, and is answered
 * with the output of its last stage, whatever became of the program.
 *
 * The turns are counted for the whole process, which has one loop.  A request leaves them when its exchange ends,
 * however that comes about, so none can be lost.
 */
#include "api/door_codeengine.h"
#include "api/door_limits.h"
#include "api/exchange.h"
#include "api/front.h"
#include "api/intake.h"
#include "config/config.h"
#include "job/result.h"
#include "runtime/catalog.h"
#include "util/json_out.h"
#include "util/log.h"

#include <inttypes.h>

enum { ESCAPE_MAX = 6, KEYS_MAX = 256, LANGUAGE_MAX = 64 };

struct turn {
        TAILQ_ENTRY(turn) link;
        struct exchange *exchange;
        struct job job;
        bool has_job; /* it waits */
        bool running;
};

static TAILQ_HEAD(turns, turn) waiting = TAILQ_HEAD_INITIALIZER(waiting);
static uint64_t n_running;

static void reply_text(struct reply *ret_reply, int status, const char *key, const struct output *output,
                       const char *text);

static void fail(struct exchange *exchange, int status, const char *message)
{
        struct reply reply;

        reply_text(&reply, status, "error", NULL, message);
        exchange_reply(exchange, &reply);
}

static void put_output(void *arg, struct view run)
{
        json_out_string_add(arg, run);
}

/* {key: the output, or the text} */
static void reply_text(struct reply *ret_reply, int status, const char *key, const struct output *output,
                       const char *text)
{
        size_t cap = KEYS_MAX + ESCAPE_MAX * (output ? output->bytes.n : strlen(text));
        struct json_out json;

        reply_message(ret_reply, status, "");
        bytes_deinit(&ret_reply->body);
        ret_reply->body = BYTES_INIT(cap);
        json_out_init(&json, &ret_reply->body);
        json_out_object_begin(&json);
        json_out_key(&json, key);
        json_out_string_begin(&json);
        if (output)
                output_each(output, STREAM_COUNT, put_output, &json);
        else
                json_out_string_add(&json, view_of(text));
        json_out_string_end(&json);
        json_out_object_end(&json);
        if (json_out_error(&json) == 0)
                return;
        bytes_clear(&ret_reply->body);
        ret_reply->status = 500;
}

static void on_result(struct exchange *exchange, const struct result *result)
{
        const struct stage_result *last = result_last(result);
        struct reply reply;

        if (last->verdict == VERDICT_OVERLOADED || last->verdict == VERDICT_CANCELLED)
                reply_text(&reply, 503, "error", NULL, "The engine is busy, try again later");
        else if (last->verdict == VERDICT_ENGINE)
                reply_text(&reply, 500, "error", NULL, "Execution failed");
        else
                reply_text(&reply, 200, "output", &last->output, "");
        exchange_reply(exchange, &reply);
}

static void begin(struct turn *turn)
{
        struct exchange *exchange = turn->exchange;
        struct err err = { "" };
        int r = exchange_submit(exchange, &turn->job, on_result, &err);

        turn->has_job = false;
        job_deinit(&turn->job);
        if (r == 0) {
                turn->running = true;
                n_running++;
                return;
        }
        log_error("cannot hand over a job: %s", err.text);
        fail(exchange, 503, "The engine is not ready, try again later");
}

static void next_turns(uint64_t most)
{
        struct turn *turn;

        while (n_running < most && (turn = TAILQ_FIRST(&waiting))) {
                TAILQ_REMOVE(&waiting, turn, link);
                begin(turn);
        }
}

static void on_end(struct exchange *exchange)
{
        struct turn *turn = exchange->state;

        if (turn->has_job) {
                TAILQ_REMOVE(&waiting, turn, link);
                job_deinit(&turn->job);
        }
        if (!turn->running)
                return;
        n_running--;
        next_turns(exchange->front->config->codeengine_jobs);
}

static void ready(struct exchange *exchange, struct intake *intake)
{
        struct turn *turn = intake->r == 0 ? calloc(1, sizeof(*turn)) : NULL;

        if (!turn) {
                fail(exchange, intake->r > 0 ? intake->r : 500,
                     intake->r > 0 ? intake->err.text : "Execution failed");
                return;
        }
        *turn = (struct turn){ .exchange = exchange, .job = intake->job, .has_job = true };
        intake->has_job = false;
        exchange->state = turn;
        exchange->on_end = on_end;
        TAILQ_INSERT_TAIL(&waiting, turn, link);
        next_turns(exchange->front->config->codeengine_jobs);
}

/* Put the named text into @ret_text; a status, or -errno. */
static int take(const struct fields *fields, const char *name, struct bytes *ret_text, struct err *err)
{
        int r = fields_text(fields, name, ret_text);

        if (r == FIELDS_WRONG || r == FIELDS_BROKEN)
                return err_set(err, 400, fields->root ? "Invalid JSON" : "Invalid form");
        if (r == FIELDS_NONE || (r == 0 && ret_text->n == 0))
                return err_set(err, 400, "Code and language are required");
        return r == -ENOSPC ? err_set(err, 400, "%s is too long", name) : r;
}

static int make_job(struct intake *intake, const char *language, struct bytes *code)
{
        const struct config *config = intake->front->config;
        const struct runtime *runtime = catalog_find(intake->front->catalog, language, "*");
        uint64_t *share;
        int r;

        if (!runtime)
                return err_set(&intake->err, 400, "Unsupported language: %s", language);
        job_init(&intake->job, runtime);
        intake->has_job = true;
        intake->job.merged = true;
        door_limits_set(&intake->job, config, config->codeengine_timeout, config->codeengine_memory);
        share = &intake->job.limits[STAGE_RUN].cpu_share;
        *share = MIN(*share, config->codeengine_cpu_share);
        r = job_add_file_take(&intake->job, NULL, 0, code, true, &intake->err);
        *code = BYTES_INIT(0);
        if (r == 0)
                r = job_settle(&intake->job, &intake->err);
        return r > 0 ? 400 : r;
}

static void read_body(struct intake *intake)
{
        CLEANUP(bytes_deinit)
        struct bytes language = BYTES_INIT(LANGUAGE_MAX), code = BYTES_INIT(intake->body.n + intake->query.n);
        struct fields fields;
        int r = fields_open(&fields, view_of(intake->type), bytes_view(&intake->query),
                            bytes_view(&intake->body));

        if (r == FIELDS_BROKEN)
                r = err_set(&intake->err, 400, fields.boundary.p ? "Invalid form" : "Invalid JSON");
        if (r == 0)
                r = take(&fields, "language", &language, &intake->err);
        if (r == 0)
                r = take(&fields, "code", &code, &intake->err);
        if (r == 0)
                r = make_job(intake, language.p, &code);
        fields_close(&fields);
        intake->r = r;
}

void door_codeengine_execute(struct exchange *exchange)
{
        intake_begin(exchange, read_body, ready);
}

void door_codeengine_method(struct exchange *exchange)
{
        fail(exchange, 405, "Method not allowed");
}

/*
 * Theory of operation: as the original's decoder, a member that is absent or null is empty, one that nobody knows is
 * ignored, and one of another type is refused.
 */
#include "api/door_dispatch_priv.h"
#include "api/door_limits.h"
#include "api/front.h"
#include "api/query.h"
#include "config/config.h"
#include "runtime/catalog.h"
#include "util/json_out.h"

#include <stdio.h>

enum { EXIT_MOST = 255 };

static void request_free(void *more)
{
        struct dispatch_request *request = more;

        bytes_deinit(&request->memo);
        json_decref(request->root);
        free(request->cases);
        free(request);
}

static void results_free(void *more)
{
        struct dispatch_results *results = more;

        for (size_t i = 0; i < results->n; i++)
                outcome_deinit(&results->outcomes[i]);
        free(results->outcomes);
        free(results);
}

/* 0, or 400 with text. */
static int text_take(const json_t *object, const char *name, struct view *ret_text, struct err *err)
{
        const json_t *value = json_object_get(object, name);

        *ret_text = VIEW("");
        if (!value || json_is_null(value))
                return 0;
        if (!json_is_string(value))
                return err_set(err, 400, "%s must be a string", name);
        *ret_text = (struct view){ json_string_value(value), json_string_length(value) };
        return 0;
}

static int json_take(struct view body, json_t **ret_root, struct err *err)
{
        json_error_t error;

        if (body.n == 0)
                return err_set(err, 400, "EOF");
        *ret_root = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
        return *ret_root ? 0
                         : err_set(err, 400, "invalid JSON: line %d, column %d: %s", error.line, error.column,
                                   error.text);
}

/* ---- a request ---- */

static int cases_take(struct dispatch_request *request, const json_t *tests, struct err *err)
{
        int r = 0;

        if (!tests || json_is_null(tests))
                return 0;
        if (!json_is_array(tests))
                return err_set(err, 400, "tests must be an array");
        if (json_array_size(tests) > ENTRY_CASES_MAX)
                return err_set(err, 400, "there may be at most %d tests", ENTRY_CASES_MAX);
        request->cases = calloc(json_array_size(tests) + 1, sizeof(*request->cases));
        if (!request->cases)
                return -ENOMEM;
        for (size_t i = 0; i < json_array_size(tests) && r == 0; i++) {
                const json_t *test = json_array_get(tests, i);
                struct order_case *one = &request->cases[request->n_cases++];

                if (!json_is_object(test))
                        return err_set(err, 400, "tests[%zu] must be an object", i);
                r = text_take(test, "stdin", &one->input, err);
                r = r ? r : text_take(test, "expected", &one->expected, err);
        }
        return r;
}

/* What a runner is given: the request without what nobody knows. */
static int memo_make(struct dispatch_request *request, struct view language, struct view code,
                     struct err *err)
{
        struct json_out json;
        int r;

        request->memo = BYTES_INIT(ORDER_MEMO_MAX);
        json_out_init(&json, &request->memo);
        json_out_object_begin(&json);
        json_out_key(&json, "language");
        json_out_string(&json, language);
        json_out_key(&json, "code");
        json_out_string(&json, code);
        json_out_key(&json, "tests");
        json_out_array_begin(&json);
        for (size_t i = 0; i < request->n_cases; i++) {
                json_out_object_begin(&json);
                json_out_key(&json, "stdin");
                json_out_string(&json, request->cases[i].input);
                json_out_key(&json, "expected");
                json_out_string(&json, request->cases[i].expected);
                json_out_object_end(&json);
        }
        json_out_array_end(&json);
        json_out_object_end(&json);
        r = json_out_error(&json);
        return r == -ENOSPC ? err_set(err, 413, "the request is too large") : r;
}

/* The job, when there is a runtime for it. */
static int job_make(struct intake *intake, const char *language, struct view code)
{
        const struct runtime *runtime = catalog_find(intake->front->catalog, language, "*");
        struct bytes content = BYTES_INIT(code.n);
        int r;

        if (!runtime)
                return 0;
        job_init(&intake->job, runtime);
        intake->has_job = true;
        door_limits_set(&intake->job, intake->front->config, intake->front->config->dispatch_timeout, 0);
        r = bytes_add(&content, code.p, code.n);
        if (r < 0) {
                bytes_deinit(&content);
                return r;
        }
        r = job_add_file_take(&intake->job, NULL, 0, &content, true, &intake->err);
        r = r ? r : job_settle(&intake->job, &intake->err);
        return r > 0 ? 400 : r;
}

static int request_take(struct intake *intake, struct dispatch_request *request)
{
        struct entry_head *head = &request->head;
        struct err *err = &intake->err;
        struct view language, code;
        char word[8];
        bool for_us_only = query_text(bytes_view(&intake->query), "local", word, sizeof(word)) == 0;
        int r = json_take(bytes_view(&intake->body), &request->root, err);

        if (r == 0 && !json_is_object(request->root))
                r = err_set(err, 400, "the request must be an object");
        r = r ? r : text_take(request->root, "language", &language, err);
        r = r ? r : text_take(request->root, "code", &code, err);
        r = r ? r : cases_take(request, json_object_get(request->root, "tests"), err);
        if (r == 0 && (language.n > ENTRY_LANE_MAX || memchr(language.p, '\0', language.n)))
                r = err_set(err, 400, "language is too long, or holds a NUL");
        r = r ? r : memo_make(request, language, code, err);
        r = r ? r : job_make(intake, language.p, code);
        if (r == 0 && for_us_only && !intake->has_job)
                r = err_set(err, 400, "there is no runtime for %s here", language.p);
        if (r != 0)
                return r;
        entry_id_make(head->id);
        snprintf(head->door, sizeof(head->door), "%s", DISPATCH_DOOR);
        if (!for_us_only)
                snprintf(head->lane, sizeof(head->lane), "%s", language.p);
        order_digest(bytes_view(&request->memo), head->digest);
        head->priority = PRIORITY_NORMAL;
        head->local = intake->has_job;
        return 0;
}

void dispatch_read_request(struct intake *intake)
{
        struct dispatch_request *request = calloc(1, sizeof(*request));

        intake->more = request;
        intake->more_free = request_free;
        intake->r = request ? request_take(intake, request) : -ENOMEM;
}

/* ---- results of an outside runner ---- */

static int number_take(const json_t *object, const char *name, int *ret_number, struct err *err)
{
        const json_t *value = json_object_get(object, name);

        *ret_number = 0;
        if (!value || json_is_null(value))
                return 0;
        if (!json_is_integer(value))
                return err_set(err, 400, "%s must be an integer", name);
        *ret_number = (int)MAX(MIN(json_integer_value(value), (json_int_t)EXIT_MOST), (json_int_t)-1);
        return 0;
}

static int flag_take(const json_t *object, const char *name, bool *ret_flag, struct err *err)
{
        const json_t *value = json_object_get(object, name);

        *ret_flag = json_is_true(value);
        if (!value || json_is_null(value) || json_is_boolean(value))
                return 0;
        return err_set(err, 400, "%s must be a boolean", name);
}

static int outcome_take(struct outcome *outcome, const json_t *result, struct err *err)
{
        struct stage_result *stage = &outcome->stage;
        struct view out, problems;
        bool timed_out, killed;
        int code, r = text_take(result, "stdout", &out, err);

        r = r ? r : text_take(result, "stderr", &problems, err);
        r = r ? r : number_take(result, "exitCode", &code, err);
        r = r ? r : flag_take(result, "timedOut", &timed_out, err);
        r = r ? r : flag_take(result, "oomKilled", &killed, err);
        if (r != 0)
                return r;
        stage->ran = true;
        stage->exit_code = code;
        stage->verdict = timed_out   ? VERDICT_WALL
                         : killed    ? VERDICT_MEMORY
                         : code == 0 ? VERDICT_OK
                                     : VERDICT_EXIT;
        r = output_add(&stage->output, STREAM_STDOUT, out.p, out.n);
        return r ? r : output_add(&stage->output, STREAM_STDERR, problems.p, problems.n);
}

static int results_take(struct dispatch_results *results, const json_t *root, struct err *err)
{
        size_t n = json_array_size(root);
        int r = 0;

        if (!json_is_array(root))
                return err_set(err, 400, "the results must be an array");
        if (n > ENTRY_CASES_MAX)
                return err_set(err, 400, "there may be at most %d results", ENTRY_CASES_MAX);
        results->outcomes = calloc(n + 1, sizeof(*results->outcomes));
        if (!results->outcomes)
                return -ENOMEM;
        for (size_t i = 0; i < n && r == 0; i++) {
                const json_t *result = json_array_get(root, i);

                if (!json_is_object(result))
                        return err_set(err, 400, "result %zu must be an object", i);
                outcome_init(&results->outcomes[results->n], (uint32_t)i);
                r = outcome_take(&results->outcomes[results->n++], result, err);
        }
        return r;
}

void dispatch_read_results(struct intake *intake)
{
        struct dispatch_results *results = calloc(1, sizeof(*results));
        json_t *root = NULL;

        intake->more = results;
        intake->more_free = results_free;
        intake->r = results ? json_take(bytes_view(&intake->body), &root, &intake->err) : -ENOMEM;
        if (intake->r == 0)
                intake->r = results_take(results, root, &intake->err);
        json_decref(root);
}

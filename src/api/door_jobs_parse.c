/*
 * Theory of operation: every object has a table of its keys, and a key that is not there is an error that names it.  Texts stay
 * in the JSON tree, which lives as long as the request; what comes as base64 is decoded beside it.
 */
#include "api/door_jobs.h"
#include "api/decode.h"
#include "api/front.h"
#include "runtime/catalog.h"

#include <inttypes.h>
#include <stdio.h>

#define BAD(err, ...)    err_set(err, 400, __VA_ARGS__)
#define REFUSE(err, ...) err_set(err, 422, __VA_ARGS__)

struct parse {
        const struct front *front;
        struct jobs_item *item;
        struct order *order;
        struct err *err;
};

static const char *const job_keys[] = { "language", "version",    "files",    "args",        "stdin",
                                        "limits",   "cache",      "warm",     "tests",       "test_set",
                                        "compare",  "stop",       "parallel", "keep_output", "priority",
                                        "key",      "expires_in", "tag",      "webhook",     NULL };
static const char *const file_keys[] = { "name", "content", NULL };
static const char *const test_keys[] = { "stdin", "expected", NULL };
static const char *const compare_keys[] = { "kind", "absolute", "relative", NULL };
static const char *const limits_keys[] = { "compile", "run", NULL };
static const char *const set_keys[] = { "tests", NULL };

static int check_keys(const json_t *object, const char *const *known, const char *what, struct err *err)
{
        const char *key;
        json_t *value;

        if (!json_is_object(object))
                return REFUSE(err, "%s must be an object", what);
        json_object_foreach((json_t *)(uintptr_t)object, key, value)
        {
                size_t i = 0;

                while (known[i] && !streq(known[i], key))
                        i++;
                if (!known[i])
                        return REFUSE(err, "%s knows no \"%.64s\"", what, key);
        }
        return 0;
}

static struct view view_of_json(const json_t *text)
{
        return (struct view){ json_string_value(text), json_string_length(text) };
}

/* A text, or {"base64": text}.  Absent: an empty one. */
static int take_content(struct parse *parse, const json_t *value, const char *what, struct view *ret_view)
{
        static const char *const keys[] = { "base64", NULL };
        const json_t *coded = json_object_get(value, "base64");
        struct bytes *bytes, *grown;
        struct view text;

        *ret_view = VIEW("");
        if (!value)
                return 0;
        if (json_is_string(value)) {
                *ret_view = view_of_json(value);
                return 0;
        }
        if (!json_is_string(coded) || check_keys(value, keys, what, parse->err) != 0)
                return REFUSE(parse->err, "%s must be a text or {\"base64\": text}", what);
        text = view_of_json(coded);
        if (!decode_is_base64(text))
                return REFUSE(parse->err, "%s is no base64", what);
        grown = reallocarray(parse->item->decoded, parse->item->n_decoded + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        parse->item->decoded = grown;
        bytes = &grown[parse->item->n_decoded++];
        *bytes = BYTES_INIT(text.n + 4);
        if (decode_base64(text, bytes) < 0)
                return -ENOMEM;
        *ret_view = bytes_view(bytes);
        return 0;
}

/* A text without NUL of at most @room - 1 bytes; absent: @otherwise. */
static int take_text(struct parse *parse, const json_t *root, const char *key, const char *otherwise,
                     char *text, size_t room)
{
        const json_t *value = json_object_get(root, key);

        if (value && (!json_is_string(value) || json_string_length(value) >= room ||
                      strlen(json_string_value(value)) != json_string_length(value)))
                return REFUSE(parse->err, "%s must be a text of at most %zu bytes", key, room - 1);
        snprintf(text, room, "%s", value ? json_string_value(value) : otherwise);
        return 0;
}

static int take_count(struct parse *parse, const json_t *root, const char *key, uint64_t most,
                      uint64_t *ret_value)
{
        const json_t *value = json_object_get(root, key);

        if (!value)
                return 0;
        if (!json_is_integer(value) || json_integer_value(value) < 0 ||
            (uint64_t)json_integer_value(value) > most)
                return REFUSE(parse->err, "%s must be a whole number from 0 to %" PRIu64, key, most);
        *ret_value = (uint64_t)json_integer_value(value);
        return 0;
}

static int take_runtime(struct parse *parse, const json_t *root)
{
        char language[128], version[128];
        const struct runtime *runtime;
        int r = take_text(parse, root, "language", "", language, sizeof(language));

        r = r ? r : take_text(parse, root, "version", "*", version, sizeof(version));
        if (r != 0)
                return r;
        runtime = catalog_find(parse->front->catalog, language, version);
        if (!runtime)
                return REFUSE(parse->err, "%s-%s runtime is unknown", language, version);
        job_init(&parse->item->job, runtime);
        parse->item->has_job = true;
        parse->order->job = &parse->item->job;
        return 0;
}

/* ---- what to run ---- */

static int judged(int r)
{
        return r > 0 ? 422 : r;
}

static int take_file(struct parse *parse, const json_t *file)
{
        const json_t *name = json_object_get(file, "name"), *content = json_object_get(file, "content");
        struct bytes bytes;
        struct view text;
        bool is_code;
        int r = check_keys(file, file_keys, "a file", parse->err);

        if (r == 0 && name && !json_is_string(name))
                return REFUSE(parse->err, "the name of a file must be a text");
        if (r == 0 && !content)
                return REFUSE(parse->err, "a file needs its content");
        r = r ? r : take_content(parse, content, "the content of a file", &text);
        if (r != 0)
                return r;
        bytes = BYTES_INIT(text.n);
        r = bytes_add(&bytes, text.p, text.n);
        if (r < 0)
                return r;
        /* The first file is the program, however it is written down. */
        is_code = json_is_string(content) || parse->item->job.n_files == 0;
        return judged(job_add_file_take(&parse->item->job, json_string_value(name), json_string_length(name),
                                        &bytes, is_code, parse->err));
}

static int take_files(struct parse *parse, const json_t *root)
{
        const json_t *files = json_object_get(root, "files"), *file;
        size_t i;

        if (!json_is_array(files) || json_array_size(files) == 0)
                return REFUSE(parse->err, "files must be an array of at least one file");
        json_array_foreach(files, i, file)
        {
                int r = take_file(parse, file);

                if (r != 0)
                        return r;
        }
        return judged(job_settle(&parse->item->job, parse->err));
}

static int take_args(struct parse *parse, const json_t *root)
{
        const json_t *args = json_object_get(root, "args"), *arg;
        size_t i;

        if (!args)
                return 0;
        if (!json_is_array(args))
                return REFUSE(parse->err, "args must be an array of texts");
        json_array_foreach(args, i, arg)
        {
                int r = json_is_string(arg) ? job_add_arg(&parse->item->job, json_string_value(arg),
                                                          json_string_length(arg), parse->err)
                                            : REFUSE(parse->err, "args must be an array of texts");

                if (r != 0)
                        return judged(r);
        }
        return 0;
}

static int take_limit(struct parse *parse, enum stage stage, const char *key, const json_t *value)
{
        struct limits *limits = &parse->item->job.limits[stage];

        for (int i = 0; i < LIMIT_COUNT; i++) {
                uint64_t unit = limit_rows[i].unit == LIMIT_UNIT_NS ? NSEC_PER_MSEC : 1;
                uint64_t most = limit_get(limits, (enum limit)i) / unit, asked;

                if (!streq(limit_rows[i].key, key))
                        continue;
                if (!json_is_integer(value) || json_integer_value(value) < 1 ||
                    (uint64_t)json_integer_value(value) > most)
                        return REFUSE(parse->err, "limits.%s.%s must be a whole number from 1 to %" PRIu64,
                                      stage_name(stage), key, most);
                asked = (uint64_t)json_integer_value(value) * unit;
                *limit_at(limits, (enum limit)i) = MIN(MAX(asked, limit_rows[i].least), most * unit);
                return 0;
        }
        return REFUSE(parse->err, "limits.%s knows no \"%.64s\"", stage_name(stage), key);
}

static int take_limits(struct parse *parse, const json_t *root)
{
        json_t *limits = json_object_get(root, "limits");
        int r = limits ? check_keys(limits, limits_keys, "limits", parse->err) : 0;

        for (int stage = 0; stage < STAGE_COUNT && r == 0; stage++) {
                json_t *of_stage = json_object_get(limits, stage_name((enum stage)stage)), *value;
                const char *key;

                if (of_stage && !json_is_object(of_stage))
                        return REFUSE(parse->err, "limits.%s must be an object",
                                      stage_name((enum stage)stage));
                json_object_foreach(of_stage, key, value)
                {
                        r = take_limit(parse, (enum stage)stage, key, value);
                        if (r != 0)
                                return r;
                }
        }
        return r;
}

/* ---- cases ---- */

static int take_case(struct parse *parse, const json_t *test, struct order_case *one)
{
        int r = check_keys(test, test_keys, "a test", parse->err);

        one->judged = json_object_get(test, "expected") != NULL;
        r = r ? r : take_content(parse, json_object_get(test, "stdin"), "the stdin of a test", &one->input);
        return r ? r
                 : take_content(parse, json_object_get(test, "expected"), "what a test expects",
                                &one->expected);
}

static int take_tests(struct parse *parse, const json_t *tests, size_t *ret_n)
{
        const json_t *test;
        size_t i;

        if (!json_is_array(tests) || json_array_size(tests) > ENTRY_CASES_MAX)
                return REFUSE(parse->err, "tests must be an array of at most %d tests", ENTRY_CASES_MAX);
        parse->item->cases = calloc(json_array_size(tests) + 1, sizeof(*parse->item->cases));
        if (!parse->item->cases)
                return -ENOMEM;
        json_array_foreach(tests, i, test)
        {
                int r = take_case(parse, test, &parse->item->cases[i]);

                if (r != 0)
                        return r;
        }
        *ret_n = json_array_size(tests);
        return 0;
}

static bool is_set_name(const char *name)
{
        return strlen(name) == ORDER_SET_TEXT - 1 && strspn(name, "0123456789abcdef") == ORDER_SET_TEXT - 1;
}

static int take_cases(struct parse *parse, const json_t *root)
{
        const json_t *tests = json_object_get(root, "tests"), *set = json_object_get(root, "test_set");
        struct order *order = parse->order;
        int r = take_text(parse, root, "test_set", "", order->set, sizeof(order->set));

        if (r != 0)
                return r;
        if (set && (tests || !is_set_name(order->set)))
                return REFUSE(parse->err, tests ? "a job has tests or a test_set, not both"
                                                : "test_set must be the name of a test set");
        if ((set || tests) && json_object_get(root, "stdin"))
                return REFUSE(parse->err, "a job with tests has their stdin, and none of its own");
        if (set)
                return 0;
        if (tests)
                r = take_tests(parse, tests, &order->n_cases);
        if (!tests) {
                parse->item->cases = calloc(1, sizeof(*parse->item->cases));
                order->n_cases = 1;
                r = parse->item->cases ? take_content(parse, json_object_get(root, "stdin"), "stdin",
                                                      &parse->item->cases[0].input)
                                       : -ENOMEM;
        }
        order->cases = parse->item->cases;
        return r;
}

static int take_tolerance(struct parse *parse, const json_t *compare, const char *key, double *ret_value)
{
        const json_t *value = json_object_get(compare, key);

        if (!value)
                return 0;
        if (!json_is_number(value) || json_number_value(value) < 0)
                return REFUSE(parse->err, "compare.%s must be a number that is not negative", key);
        *ret_value = json_number_value(value);
        return 0;
}

static int take_compare(struct parse *parse, const json_t *root)
{
        const json_t *compare = json_object_get(root, "compare");
        const json_t *kind = json_is_object(compare) ? json_object_get(compare, "kind") : compare;
        struct compare_rule *rule = &parse->order->compare;
        int r;

        rule->kind = COMPARE_TRIMMED;
        if (!compare)
                return 0;
        if (json_is_object(compare)) {
                r = check_keys(compare, compare_keys, "compare", parse->err);
                r = r ? r : take_tolerance(parse, compare, "absolute", &rule->absolute);
                r = r ? r : take_tolerance(parse, compare, "relative", &rule->relative);
                if (r != 0)
                        return r;
        }
        rule->kind = json_is_string(kind) ? compare_find(json_string_value(kind)) : COMPARE_COUNT;
        if (rule->kind == COMPARE_COUNT)
                return REFUSE(parse->err,
                              "compare must be exact, trimmed, stripped, tokens, caseless or float");
        return 0;
}

/* ---- the rest ---- */

static int take_words(struct parse *parse, const json_t *root)
{
        const json_t *cache = json_object_get(root, "cache"), *warm = json_object_get(root, "warm");
        struct order *order = parse->order;
        char stop[16], keep[16], priority[16];
        uint64_t expires_in = 0, parallel = 0;
        int r = take_text(parse, root, "stop", "never", stop, sizeof(stop));

        r = r ? r : take_text(parse, root, "keep_output", "all", keep, sizeof(keep));
        r = r ? r : take_text(parse, root, "priority", "normal", priority, sizeof(priority));
        r = r ? r : take_text(parse, root, "key", "", order->head.token, sizeof(order->head.token));
        r = r ? r : take_count(parse, root, "expires_in", 365 * 86400, &expires_in);
        r = r ? r : take_count(parse, root, "parallel", ORDER_PARALLEL_MAX, &parallel);
        if (r == 0 && cache && !json_is_boolean(cache))
                return REFUSE(parse->err, "cache must be true or false");
        if (r == 0 && warm && !json_is_boolean(warm))
                return REFUSE(parse->err, "warm must be true or false");
        if (r != 0)
                return r;
        order->parallel = (uint32_t)parallel;
        order->fresh = json_is_false(cache);
        order->cold = json_is_false(warm);
        order->head.patience_ms = expires_in * 1000;
        order->head.priority = priority_find(priority);
        order->stop = streq(stop, "first_failure") ? STOP_FIRST_FAILURE : STOP_NEVER;
        order->no_output = streq(keep, "failed");
        if (order->head.priority == PRIORITY_COUNT)
                return REFUSE(parse->err, "priority must be interactive, normal or bulk");
        if (!streq(stop, "never") && !streq(stop, "first_failure"))
                return REFUSE(parse->err, "stop must be never or first_failure");
        if (!streq(keep, "all") && !streq(keep, "failed"))
                return REFUSE(parse->err, "keep_output must be all or failed");
        return 0;
}

/* What comes back with the job: a piece of its reply. */
static int make_memo(struct parse *parse, const json_t *root)
{
        const struct runtime *runtime = parse->item->job.runtime;
        struct json_out json;
        const json_t *tag = json_object_get(root, "tag");

        if (tag && (!json_is_string(tag) || json_string_length(tag) > JOBS_TAG_MAX))
                return REFUSE(parse->err, "tag must be a text of at most %d bytes", JOBS_TAG_MAX);
        parse->item->memo = BYTES_INIT(JOBS_TAG_MAX * 6 + 1024);
        json_out_init(&json, &parse->item->memo);
        json_out_object_begin(&json);
        json_out_key(&json, "language");
        json_out_text(&json, runtime->language);
        json_out_key(&json, "version");
        json_out_text(&json, runtime->version);
        json_out_key(&json, "tag");
        if (tag)
                json_out_string(&json, view_of_json(tag));
        else
                json_out_null(&json);
        json_out_object_end(&json);
        parse->order->memo = bytes_view(&parse->item->memo);
        return json_out_error(&json);
}

static int parse_job(struct parse *parse, const json_t *root)
{
        int r = check_keys(root, job_keys, "a job", parse->err);

        r = r ? r : take_runtime(parse, root);
        r = r ? r : take_limits(parse, root);
        r = r ? r : take_files(parse, root);
        r = r ? r : take_args(parse, root);
        r = r ? r : take_cases(parse, root);
        r = r ? r : take_compare(parse, root);
        r = r ? r : take_words(parse, root);
        r = r ? r : jobs_take_webhook(root, parse->front, parse->item, parse->order, parse->err);
        return r ? r : make_memo(parse, root);
}

static int load(struct view text, json_t **ret_root, struct err *err)
{
        json_error_t error;

        *ret_root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
        return *ret_root ? 0 : BAD(err, "not JSON: column %d: %.160s", error.column, error.text);
}

static int parse_item(struct jobs_request *request, size_t i, struct view text, const struct front *front,
                      struct err *err)
{
        struct parse parse = {
                .front = front, .item = &request->items[i], .order = &request->orders[i], .err = err
        };
        struct order *order = parse.order;
        int r = load(text, &parse.item->root, err);

        r = r ? r : parse_job(&parse, parse.item->root);
        if (r != 0)
                return r;
        entry_id_make(order->head.id);
        order_digest(text, order->head.digest);
        snprintf(order->head.door, sizeof(order->head.door), "jobs");
        order->head.local = true;
        return 0;
}

void jobs_item_deinit(struct jobs_item *item)
{
        if (item->has_job)
                job_deinit(&item->job);
        for (size_t i = 0; i < item->n_decoded; i++)
                bytes_deinit(&item->decoded[i]);
        free(item->decoded);
        free(item->cases);
        bytes_deinit(&item->memo);
        bytes_deinit(&item->notice);
        json_decref(item->root);
}

void jobs_request_free(void *arg)
{
        struct jobs_request *request = arg;

        for (size_t i = 0; i < request->n; i++)
                jobs_item_deinit(&request->items[i]);
        free(request->items);
        free(request->orders);
        free(request);
}

static bool next_line(struct view *body, struct view *ret_line)
{
        const char *end = memchr(body->p, '\n', body->n);
        size_t n = end ? (size_t)(end - body->p) : body->n;

        *ret_line = (struct view){ body->p, n };
        body->p += MIN(n + 1, body->n);
        body->n -= MIN(n + 1, body->n);
        while (ret_line->n > 0 && strchr(" \t\r", ret_line->p[ret_line->n - 1]))
                ret_line->n--;
        return ret_line->n > 0;
}

static size_t count_lines(struct view body)
{
        struct view line;
        size_t n = 0;

        while (body.n > 0)
                n += next_line(&body, &line);
        return n;
}

static int parse_lines(struct jobs_request *request, struct view body, const struct front *front,
                       struct err *err)
{
        struct view line;
        size_t number = 0, i = 0;

        while (body.n > 0) {
                int r = 0;

                number++;
                if (next_line(&body, &line))
                        r = parse_item(request, i++, line, front, err);
                if (r != 0)
                        return err_wrap(err, r, "line %zu", number);
        }
        return 0;
}

int jobs_parse(struct view body, bool is_batch, const struct front *front, struct jobs_request **ret_request,
               struct err *err)
{
        size_t n = is_batch ? count_lines(body) : 1;
        struct jobs_request *request;
        int r;

        if (n == 0 || n > JOBS_BATCH_MAX)
                return REFUSE(err, "a batch has one job per line, from 1 to %d", JOBS_BATCH_MAX);
        request = calloc(1, sizeof(*request));
        if (!request)
                return -ENOMEM;
        request->is_batch = is_batch;
        order_digest(body, request->digest);
        request->items = calloc(n, sizeof(*request->items));
        request->orders = calloc(n, sizeof(*request->orders));
        request->n = request->items && request->orders ? n : 0;
        if (request->n == 0)
                r = -ENOMEM;
        else
                r = is_batch ? parse_lines(request, body, front, err)
                             : parse_item(request, 0, body, front, err);
        if (r != 0)
                jobs_request_free(request);
        else
                *ret_request = request;
        return r;
}

int jobs_parse_set(struct view body, struct jobs_item *item, size_t *ret_n, struct err *err)
{
        struct parse parse = { .item = item, .err = err };
        int r = load(body, &item->root, err);

        r = r ? r : check_keys(item->root, set_keys, "a test set", err);
        return r ? r : take_tests(&parse, json_object_get(item->root, "tests"), ret_n);
}

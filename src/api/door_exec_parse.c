/*
 * Theory of operation: what a submission needs to be shown later (its words, the cases it was judged by) is its memo.
 *
 * A question that asks for solve() is judged like any other: a driver of ours is the main file, calls the function with the
 * input and prints the result, and the comparison happens outside of the box.  The program can print what it likes: it
 * does not know what is expected, and there is no verdict to forge.
 */
#include "api/door_exec_priv.h"
#include "api/door_limits.h"
#include "api/exchange.h"
#include "api/front.h"
#include "config/config.h"
#include "runtime/catalog.h"
#include "util/clock.h"

#include <stdio.h>
#include <strings.h>
#include <sys/random.h>

enum { LANGUAGE_MAX = 128, QUESTION_ID_MAX = 63 };

static const char *const kind_names[EXEC_KIND_COUNT] = { "run", "judge", "generate", "inputs" };

/* What the program prints goes to stderr; stdout is the result's alone. */
static const struct driver {
        const char *language;
        const char *name;
        const char *solution;
        const char *text;
} drivers[] = {
        { "python", "driver.py", "solution.py",
          "import os, sys\n"
          "out = os.fdopen(os.dup(1), 'w', encoding='utf-8', newline='')\n"
          "os.dup2(2, 1)\n"
          "value = sys.stdin.read()\n"
          "if '.' not in value:\n"
          "    try:\n"
          "        value = int(value)\n"
          "    except ValueError:\n"
          "        pass\n"
          "from solution import solve\n"
          "out.write(str(solve(value)))\n"
          "out.flush()\n" },
        { "javascript", "driver.js", "solution.js",
          "'use strict';\n"
          "const fs = require('fs');\n"
          "process.stdout.write = process.stderr.write.bind(process.stderr);\n"
          "const text = fs.readFileSync(0, 'utf8');\n"
          "const value = text.trim() !== '' && !isNaN(text) ? Number(text) : text;\n"
          "const found = require('./solution.js');\n"
          "const solve = typeof found === 'function' ? found : found.solve;\n"
          "if (typeof solve !== 'function')\n"
          "    throw new Error('the solution exports no function');\n"
          "Promise.resolve(solve(value)).then(\n"
          "    (result) => fs.writeSync(1, String(result)),\n"
          "    (error) => { console.error(error); process.exit(1); });\n" },
};

void exec_id_make(char ret_id[EXEC_ID_TEXT])
{
        static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
        unsigned char raw[13] = { 0 };
        uint64_t seconds = clock_wall_ms() / 1000;

        for (int i = 0; i < 4; i++)
                raw[i] = (unsigned char)(seconds >> (24 - 8 * i));
        must(getrandom(raw + 4, 8, 0) == 8);
        for (int i = 0; i < EXEC_ID_TEXT - 1; i++) {
                unsigned at = (unsigned)i * 5, two = (unsigned)raw[at / 8] << 8 | raw[at / 8 + 1];

                ret_id[i] = digits[two >> (11 - at % 8) & 31];
        }
        ret_id[EXEC_ID_TEXT - 1] = '\0';
}

/* ---- requests ---- */

void exec_request_deinit(struct exec_request *request)
{
        bytes_deinit(&request->language);
        bytes_deinit(&request->code);
        bytes_deinit(&request->question_id);
        json_decref(request->args);
        json_decref(request->inputs);
}

static void request_free(void *more)
{
        exec_request_deinit(more);
        free(more);
}

/* The original takes every type that ends in "json", and forms. */
static bool type_is_known(const char *type)
{
        size_t n = strcspn(type, "; \t");

        return (n >= 4 && strncasecmp(type + n - 4, "json", 4) == 0) ||
               (n == 33 && strncasecmp(type, "application/x-www-form-urlencoded", n) == 0) ||
               (n == 19 && strncasecmp(type, "multipart/form-data", n) == 0);
}

/* 0, or a status. */
static int take(const struct fields *fields, const char *name, struct bytes *text, struct err *err)
{
        int r = fields_text(fields, name, text);

        if (r == FIELDS_WRONG || r == FIELDS_BROKEN)
                return err_set(err, 400, "Invalid JSON");
        if (r == -ENOSPC)
                return err_set(err, 400, "%s is too long", name);
        return r == FIELDS_NONE ? 0 : r;
}

static int take_texts(const struct fields *fields, const char *name, json_t **ret_texts, struct err *err)
{
        json_t *texts = json_object_get(fields->root, name);

        if (!texts || json_is_null(texts))
                return 0;
        if (!json_is_array(texts))
                return err_set(err, 400, "Invalid JSON");
        for (size_t i = 0; i < json_array_size(texts); i++)
                if (!json_is_string(json_array_get(texts, i)))
                        return err_set(err, 400, "Invalid JSON");
        *ret_texts = json_incref(texts);
        return 0;
}

static int request_read(struct intake *intake, struct exec_request *request)
{
        struct err *err = &intake->err;
        struct fields fields = { 0 };
        int r;

        if (intake->body.n > EXEC_BODY_MAX)
                return err_set(err, 413, "Request Entity Too Large");
        if (!type_is_known(intake->type))
                return err_set(err, 400, "Invalid JSON");
        r = fields_open(&fields, view_of(intake->type), bytes_view(&intake->query),
                        bytes_view(&intake->body));
        if (r == FIELDS_BROKEN)
                r = err_set(err, 400, "Invalid JSON");
        r = r ? r : take(&fields, "language", &request->language, err);
        r = r ? r : take(&fields, "code", &request->code, err);
        r = r ? r : take(&fields, "question_id", &request->question_id, err);
        r = r ? r : take_texts(&fields, "arguments", &request->args, err);
        r = r ? r : take_texts(&fields, "inputs", &request->inputs, err);
        fields_close(&fields);
        return r;
}

static void read_as(struct intake *intake, enum exec_kind kind)
{
        struct exec_request *request = calloc(1, sizeof(*request));

        intake->more = request;
        intake->more_free = request_free;
        intake->r = -ENOMEM;
        if (!request)
                return;
        request->kind = kind;
        request->language = BYTES_INIT(LANGUAGE_MAX);
        request->question_id = BYTES_INIT(QUESTION_ID_MAX);
        request->code = BYTES_INIT(EXEC_BODY_MAX);
        intake->r = request_read(intake, request);
        if (kind == EXEC_RUN && request->question_id.n > 0)
                request->kind = EXEC_JUDGE;
}

void exec_read_run(struct intake *intake)
{
        read_as(intake, EXEC_RUN);
}

void exec_read_generate(struct intake *intake)
{
        read_as(intake, EXEC_GENERATE);
}

void exec_read_inputs(struct intake *intake)
{
        read_as(intake, EXEC_INPUTS);
}

/* ---- drafts ---- */

static int add_file(struct job *job, const char *name, struct view text, struct err *err)
{
        struct bytes content = BYTES_INIT(text.n);
        int r = bytes_add(&content, text.p, text.n);

        if (r == 0)
                r = job_add_file_take(job, name, name ? strlen(name) : 0, &content, true, err);
        bytes_deinit(&content);
        return r;
}

/* The driver and the solution; a status where there is none for the language. */
static int add_solution(struct job *job, struct view code, struct err *err)
{
        for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
                int r;

                if (!streq(drivers[i].language, job->runtime->language))
                        continue;
                r = add_file(job, drivers[i].name, view_of(drivers[i].text), err);
                return r ? r : add_file(job, drivers[i].solution, code, err);
        }
        return err_set(err, 400, "Failed to generate runner: language %s not fully supported",
                       job->runtime->language);
}

/* 0, a status with the sentence that the submission is to end with, or -errno. */
static int job_make(struct exec_draft *draft, const struct exchange *exchange,
                    const struct exec_request *request, bool solve, struct err *err)
{
        const struct config *config = exchange->front->config;
        const char *language = request->language.p ? request->language.p : "";
        const struct runtime *runtime = catalog_find(exchange->front->catalog, language, "*");
        int r;

        if (!runtime)
                return err_set(err, 400, "Error on Test Case 1: unsupported language: %s\n", language);
        job_init(&draft->job, runtime);
        draft->has_job = true;
        door_limits_set(&draft->job, config, config->exec_timeout, config->exec_memory);
        r = solve ? add_solution(&draft->job, bytes_view(&request->code), err)
                  : add_file(&draft->job, NULL, bytes_view(&request->code), err);
        for (size_t i = 0; r == 0 && i < json_array_size(request->args); i++) {
                const json_t *arg = json_array_get(request->args, i);

                r = job_add_arg(&draft->job, json_string_value(arg), json_string_length(arg), err);
        }
        r = r ? r : job_settle(&draft->job, err);
        return r;
}

static json_t *case_of(const char *id, const json_t *input)
{
        return json_pack("{s:s, s:O, s:s}", "id", id, "input", input, "expected_output", "");
}

/* The cases as an array of objects: the question's, one for each input, or one without input. */
static json_t *cases_of(const struct exec_request *request, const json_t *question)
{
        json_t *cases, *empty, *inputs;
        char id[24];

        if (request->kind == EXEC_JUDGE)
                return json_incref(json_object_get(question, "test_cases"));
        cases = json_array();
        empty = json_string("");
        inputs = request->kind == EXEC_GENERATE ? request->inputs : NULL;
        for (size_t i = 0; i < json_array_size(inputs); i++) {
                snprintf(id, sizeof(id), "%zu", i + 1);
                json_array_append_new(cases, case_of(id, json_array_get(inputs, i)));
        }
        if (request->kind != EXEC_GENERATE)
                json_array_append_new(cases, case_of("1", empty));
        json_decref(empty);
        return cases;
}

static int list_make(struct exec_draft *draft, enum exec_kind kind)
{
        size_t n = json_array_size(draft->cases);

        draft->list = calloc(n + 1, sizeof(*draft->list));
        if (!draft->list)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const json_t *one = json_array_get(draft->cases, i);
                const json_t *input = json_object_get(one, "input"),
                             *expected = json_object_get(one, "expected_output");

                draft->list[i] =
                        (struct order_case){ .input = { json_string_value(input), json_string_length(input) },
                                             .judged = kind == EXEC_JUDGE };
                if (kind == EXEC_JUDGE)
                        draft->list[i].expected =
                                (struct view){ json_string_value(expected), json_string_length(expected) };
        }
        return 0;
}

static int memo_make(struct exec_draft *draft, const struct exec_request *request, const char *problem,
                     struct err *err)
{
        struct json_out json;
        char *cases;
        int r;

        draft->memo = BYTES_INIT(ORDER_MEMO_MAX);
        json_out_init(&json, &draft->memo);
        json_out_object_begin(&json);
        json_out_key(&json, "kind");
        json_out_text(&json, kind_names[request->kind]);
        json_out_key(&json, "language");
        json_out_string(&json, bytes_view(&request->language));
        json_out_key(&json, "code");
        json_out_string(&json, bytes_view(&request->code));
        json_out_key(&json, "question_id");
        json_out_string(&json, bytes_view(&request->question_id));
        json_out_key(&json, "problem");
        json_out_text(&json, problem);
        json_out_key(&json, "cases");
        cases = draft->cases ? json_dumps(draft->cases, JSON_COMPACT) : NULL;
        json_out_raw(&json, cases ? view_of(cases) : VIEW("[]"));
        json_out_object_end(&json);
        free(cases);
        r = json_out_error(&json);
        return r == -ENOSPC ? err_set(err, 413, "Request Entity Too Large") : r;
}

static void head_make(struct exec_draft *draft, const struct exchange *exchange, enum exec_kind kind)
{
        struct entry_head *head = &draft->order.head;

        exec_id_make(head->id);
        snprintf(head->owner, sizeof(head->owner), "%s", exchange->owner);
        snprintf(head->door, sizeof(head->door), "%s", kind >= EXEC_GENERATE ? EXEC_ADMIN_DOOR : EXEC_DOOR);
        order_digest(bytes_view(&draft->memo), head->digest);
        head->priority = PRIORITY_NORMAL;
        head->local = true; /* without a job it is refused at once, and shown with its problem */
}

int exec_draft_make(struct exec_draft *draft, const struct exchange *exchange,
                    const struct exec_request *request, const json_t *question, bool missing, struct err *err)
{
        bool solve = streq(json_string_value(json_object_get(question, "judge")) ?: "", "solve");
        struct err problem = { "" };
        int r;

        *draft = (struct exec_draft){ 0 };
        if (missing)
                r = err_set(&problem, 404, "Failed to load question: question %s not found",
                            request->question_id.p);
        else
                r = job_make(draft, exchange, request, solve && request->kind != EXEC_INPUTS, &problem);
        if (r < 0)
                return r;
        if (!missing)
                draft->cases = cases_of(request, question);
        r = memo_make(draft, request, problem.text[0] ? problem.text : NULL, err);
        if (r == 0 && !problem.text[0])
                r = list_make(draft, request->kind);
        if (r != 0)
                return r;
        head_make(draft, exchange, request->kind);
        draft->order.memo = bytes_view(&draft->memo);
        draft->order.stop = request->kind == EXEC_JUDGE ? STOP_FIRST_FAILURE : STOP_NEVER;
        draft->order.compare.kind = COMPARE_STRIPPED;
        draft->order.no_output = request->kind == EXEC_JUDGE;
        draft->order.job = problem.text[0] ? NULL : &draft->job;
        draft->order.cases = draft->list;
        draft->order.n_cases = draft->list ? json_array_size(draft->cases) : 0;
        return 0;
}

void exec_draft_deinit(struct exec_draft *draft)
{
        if (draft->has_job)
                job_deinit(&draft->job);
        bytes_deinit(&draft->memo);
        json_decref(draft->cases);
        free(draft->list);
}

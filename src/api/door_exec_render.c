/*
 * Theory of operation: status, stdout, stderr and counts of a submission are decided from its outcomes, in the order of its
 * cases, by the rules of the original's generation 3.1; the texts are its texts.
 */
#include "api/door_exec_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define TROUBLE "Runtime/Compilation Error"

struct view_of_submission {
        const struct desk_entry *entry;
        json_t *memo;
        const json_t *cases;
        size_t n;
        struct outcome compile;
        bool has_compile;
        struct outcome *outcomes; /* which == OUTCOME_COMPILE: there is none */

        const char *status;
        struct bytes out, problems;
        uint64_t wall_ns, memory;
        size_t passed, total;
};

/* ---- reading ---- */

static int sort_outcomes(struct view_of_submission *view)
{
        struct outcome outcome;
        uint64_t number;
        size_t at = 0;
        int r;

        view->outcomes = calloc(view->n + 1, sizeof(*view->outcomes));
        if (!view->outcomes)
                return -ENOMEM;
        for (size_t i = 0; i < view->n; i++)
                outcome_init(&view->outcomes[i], OUTCOME_COMPILE);
        while ((r = desk_outcome(view->entry, &at, &outcome, &number)) == 1) {
                view->wall_ns += outcome.stage.wall_ns;
                view->memory = MAX(view->memory, outcome.stage.memory_bytes);
                if (outcome.which == OUTCOME_COMPILE && !view->has_compile) {
                        view->compile = outcome;
                        view->has_compile = true;
                } else if (outcome.which < view->n && !outcome.skipped &&
                           view->outcomes[outcome.which].which == OUTCOME_COMPILE) {
                        view->outcomes[outcome.which] = outcome;
                } else {
                        outcome_deinit(&outcome);
                }
        }
        return r;
}

struct gather {
        struct bytes *to;
        int r;
};

static void gather_run(void *arg, struct view run)
{
        struct gather *gather = arg;

        if (gather->r == 0)
                gather->r = bytes_add(gather->to, run.p, run.n);
}

/* Append the bytes of one stream (STREAM_COUNT: of both). */
static int gather(const struct stage_result *stage, enum stream stream, struct bytes *to)
{
        struct gather gather = { .to = to };

        output_each(&stage->output, stream, gather_run, &gather);
        return gather.r;
}

static struct view member(const json_t *object, const char *name)
{
        const json_t *value = json_object_get(object, name);

        return json_is_string(value) ? (struct view){ json_string_value(value), json_string_length(value) }
                                     : VIEW("");
}

static struct view case_id(const struct view_of_submission *view, size_t i)
{
        return member(json_array_get(view->cases, i), "id");
}

/* ---- deciding ---- */

static int add_view(struct bytes *to, const char *before, struct view text, const char *behind)
{
        int r = bytes_add_text(to, before);

        r = r ? r : bytes_add(to, text.p, text.n);
        return r ? r : bytes_add_text(to, behind);
}

/* "Error on Test Case <k>: <what>\n<stderr>\n" */
static int decide_trouble(struct view_of_submission *view, const char *status, size_t i, const char *what,
                          const struct stage_result *stage, bool compiling)
{
        int r;

        view->status = status;
        bytes_clear(&view->out);
        bytes_clear(&view->problems);
        r = bytes_add_text(&view->out, TROUBLE);
        r = r ? r
              : add_view(&view->problems, "Error on Test Case ", i < view->n ? case_id(view, i) : VIEW("1"),
                         ": ");
        r = r ? r : add_view(&view->problems, what, VIEW(""), "\n");
        if (r == 0 && stage)
                r = gather(stage, compiling ? STREAM_COUNT : STREAM_STDERR, &view->problems);
        return r || !stage ? r : bytes_add_text(&view->problems, "\n");
}

static bool is_timeout(const struct stage_result *stage)
{
        return stage->verdict == VERDICT_WALL || stage->verdict == VERDICT_CPU;
}

/* A stage that counts as a failure of its own, whatever it printed. */
static int decide_bad_end(struct view_of_submission *view, size_t i, const struct stage_result *stage,
                          bool compiling)
{
        char text[320];

        if (is_timeout(stage))
                return decide_trouble(view, "TIMEOUT", i, "execution timed out", stage, compiling);
        if (stage->verdict == VERDICT_MEMORY)
                snprintf(text, sizeof(text), "memory limit exceeded");
        else if (stage->text[0])
                snprintf(text, sizeof(text), "%s", stage->text);
        else if (compiling)
                snprintf(text, sizeof(text), "the program does not compile");
        else if (stage->verdict == VERDICT_EXIT)
                snprintf(text, sizeof(text), "exit status %d", stage->exit_code);
        else
                snprintf(text, sizeof(text), "the program %s", verdict_text(stage->verdict));
        return decide_trouble(view, "ERROR", i, text, stage, compiling);
}

/* A program for itself: how it ended does not count, unless it had to be ended. */
static int decide_run(struct view_of_submission *view)
{
        const struct outcome *outcome = &view->outcomes[0];
        const struct stage_result *stage = &outcome->stage;
        bool compiling = view->has_compile && view->compile.stage.verdict != VERDICT_OK;
        CLEANUP(bytes_deinit) struct bytes out = BYTES_INIT(4 * GIB);
        struct view stripped;
        int r;

        view->total = 1;
        if (compiling)
                stage = &view->compile.stage;
        else if (view->n == 0 || outcome->which == OUTCOME_COMPILE)
                return decide_trouble(view, "ERROR", 0, "there is no result", NULL, false);
        if (is_timeout(stage) || stage->verdict == VERDICT_MEMORY || stage->verdict == VERDICT_EXEC)
                return decide_bad_end(view, 0, stage, compiling);
        view->status = "SUCCESS";
        if (compiling)
                return gather(stage, STREAM_COUNT, &view->problems);
        r = gather(stage, STREAM_STDOUT, &out);
        stripped = compare_strip(bytes_view(&out));
        r = r ? r : bytes_add(&view->out, stripped.p, stripped.n);
        return r ? r : gather(stage, STREAM_STDERR, &view->problems);
}

static int decide_difference(struct view_of_submission *view, size_t i)
{
        const json_t *one = json_array_get(view->cases, i);
        CLEANUP(bytes_deinit) struct bytes got = BYTES_INIT(4 * GIB);
        int r = gather(&view->outcomes[i].stage, STREAM_STDOUT, &got);

        view->status = "FAILURE";
        r = r ? r : add_view(&view->out, "Failed Test case ", case_id(view, i), "");
        r = r ? r : add_view(&view->problems, "Input:\n", member(one, "input"), "\n\n");
        r = r ? r
              : add_view(&view->problems, "Expected:\n", compare_strip(member(one, "expected_output")),
                         "\n\n");
        return r ? r : add_view(&view->problems, "Got:\n", compare_strip(bytes_view(&got)), "");
}

static int decide_judge(struct view_of_submission *view)
{
        view->total = view->n;
        if (view->has_compile && view->compile.stage.verdict != VERDICT_OK)
                return decide_bad_end(view, 0, &view->compile.stage, true);
        for (size_t i = 0; i < view->n; i++) {
                const struct outcome *outcome = &view->outcomes[i];

                if (outcome->which == OUTCOME_COMPILE)
                        return decide_trouble(view, "ERROR", i, "there is no result", NULL, false);
                if (outcome->stage.verdict != VERDICT_OK)
                        return decide_bad_end(view, i, &outcome->stage, false);
                if (outcome->match == MATCH_NO)
                        return decide_difference(view, i);
                view->passed++;
        }
        view->status = "SUCCESS";
        return bytes_add_text(&view->out, "Success");
}

/* The last line that says something. */
static struct view last_line(struct view text)
{
        const char *newline;

        text = compare_strip(text);
        newline = memrchr(text.p, '\n', text.n);
        return newline ? (struct view){ newline + 1, text.n - (size_t)(newline + 1 - text.p) } : text;
}

static int generate_one(struct view_of_submission *view, size_t i, struct json_out *json)
{
        CLEANUP(bytes_deinit) struct bytes out = BYTES_INIT(4 * GIB);
        const struct outcome *outcome = &view->outcomes[i];
        bool ended = outcome->which != OUTCOME_COMPILE;
        bool ok = ended && outcome->stage.verdict == VERDICT_OK;
        int r = ended ? gather(&outcome->stage, ok ? STREAM_STDOUT : STREAM_STDERR, &out) : 0;
        struct view text = ok ? compare_strip(bytes_view(&out)) : last_line(bytes_view(&out));

        if (!ok && text.n == 0)
                text = ended ? view_of(verdict_text(outcome->stage.verdict)) : VIEW("there is no result");
        json_out_object_begin(json);
        json_out_key(json, "input");
        json_out_string(json, member(json_array_get(view->cases, i), "input"));
        json_out_key(json, "expected_output");
        json_out_string_begin(json);
        if (!ok)
                json_out_string_add(json, VIEW("ERROR: "));
        json_out_string_add(json, text);
        json_out_string_end(json);
        json_out_object_end(json);
        view->passed += ok;
        return r;
}

static int decide_generate(struct view_of_submission *view)
{
        struct json_out json;
        int r = 0;

        view->total = view->n;
        if (view->has_compile && view->compile.stage.verdict != VERDICT_OK)
                return decide_bad_end(view, 0, &view->compile.stage, true);
        view->status = "SUCCESS";
        json_out_init(&json, &view->out);
        json_out_object_begin(&json);
        json_out_key(&json, "generated");
        json_out_array_begin(&json);
        for (size_t i = 0; i < view->n && r == 0; i++)
                r = generate_one(view, i, &json);
        json_out_array_end(&json);
        json_out_object_end(&json);
        return r ? r : json_out_error(&json);
}

static bool is_texts(const json_t *array)
{
        for (size_t i = 0; i < json_array_size(array); i++)
                if (!json_is_string(json_array_get(array, i)))
                        return false;
        return json_is_array(array);
}

static int decide_inputs(struct view_of_submission *view)
{
        int r = decide_run(view);
        json_t *array;

        if (r < 0 || !streq(view->status, "SUCCESS"))
                return r;
        array = json_loadb(view->out.p ? view->out.p : "", view->out.n, JSON_ALLOW_NUL, NULL);
        if (is_texts(array)) {
                view->passed = view->total = json_array_size(array);
        } else {
                view->status = "ERROR";
                bytes_clear(&view->problems);
                r = bytes_add_text(&view->problems,
                                   "Failed to parse generated inputs as JSON array of strings.\n");
                r = r ? r : add_view(&view->problems, "Output was:\n", bytes_view(&view->out), "");
        }
        json_decref(array);
        return r;
}

static int decide_ended(struct view_of_submission *view)
{
        static const struct {
                const char *kind;
                int (*decide)(struct view_of_submission *view);
        } rows[] = {
                { "run", decide_run },
                { "judge", decide_judge },
                { "generate", decide_generate },
                { "inputs", decide_inputs },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if (view_eq_text(member(view->memo, "kind"), rows[i].kind))
                        return rows[i].decide(view);
        return -EBADMSG;
}

/* It ended and was never run: because of what it is, or because of us. */
static int decide_without(struct view_of_submission *view)
{
        struct view problem = member(view->memo, "problem");
        const char *text = view->entry->entry.text;

        if (problem.n == 0)
                return decide_trouble(view, "ERROR", 0,
                                      text[0] ? text : flow_state_text(view->entry->entry.flow.state), NULL,
                                      false);
        view->status = "ERROR";
        view->total = view->n;
        if (strncmp(problem.p, "Error on", 8) == 0 && bytes_add_text(&view->out, TROUBLE) < 0)
                return -ENOMEM;
        return bytes_add(&view->problems, problem.p, problem.n);
}

static int decide(struct view_of_submission *view)
{
        enum flow_state state = view->entry->entry.flow.state;

        if (state == FLOW_DONE)
                return decide_ended(view);
        if (flow_has_ended(state))
                return decide_without(view);
        view->status = state == FLOW_LEASED ? "PROCESSING" : "PENDING";
        return 0;
}

/* ---- writing ---- */

static void put_time(struct json_out *json, uint64_t ms)
{
        time_t seconds = (time_t)(ms / 1000);
        char text[40];
        struct tm tm;
        size_t n;

        gmtime_r(&seconds, &tm);
        n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(text + n, sizeof(text) - n, ".%03uZ", (unsigned)(ms % 1000));
        json_out_text(json, text);
}

static void write_submission(struct json_out *json, const struct view_of_submission *view)
{
        static const char *const words[] = { "language", "code", "question_id" };
        const struct entry *entry = &view->entry->entry;
        char memory[32] = "";

        if (view->memory > 0)
                snprintf(memory, sizeof(memory), "%" PRIu64 "M", (view->memory + MIB - 1) / MIB);
        json_out_object_begin(json);
        json_out_key(json, "id");
        json_out_text(json, entry->head.id);
        for (size_t i = 0; i < ARRAY_LEN(words); i++) {
                json_out_key(json, words[i]);
                json_out_string(json, member(view->memo, words[i]));
        }
        json_out_key(json, "status");
        json_out_text(json, view->status);
        json_out_key(json, "stdout");
        json_out_string(json, bytes_view(&view->out));
        json_out_key(json, "stderr");
        json_out_string(json, bytes_view(&view->problems));
        json_out_key(json, "exec_time_ms");
        json_out_uint(json, (view->wall_ns + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC);
        json_out_key(json, "memory_used");
        json_out_text(json, memory);
        json_out_key(json, "passed_count");
        json_out_uint(json, view->passed);
        json_out_key(json, "total_count");
        json_out_uint(json, view->total);
        json_out_key(json, "is_admin");
        json_out_bool(json, streq(entry->head.door, EXEC_ADMIN_DOOR));
        json_out_key(json, "created_at");
        put_time(json, entry->created_ms);
        json_out_object_end(json);
}

int exec_render(struct json_out *json, const struct desk_entry *entry)
{
        struct view_of_submission view = {
                .entry = entry,
                .memo = json_loadb(entry->memo.p, entry->memo.n, JSON_ALLOW_NUL, NULL),
                .status = "ERROR",
                .out = BYTES_INIT(4 * GIB),
                .problems = BYTES_INIT(4 * GIB),
        };
        int r = view.memo ? 0 : -EBADMSG;

        view.cases = json_object_get(view.memo, "cases");
        view.n = json_array_size(view.cases);
        r = r ? r : sort_outcomes(&view);
        r = r ? r : decide(&view);
        if (r == 0)
                write_submission(json, &view);
        for (size_t i = 0; view.outcomes && i < view.n; i++)
                outcome_deinit(&view.outcomes[i]);
        if (view.has_compile)
                outcome_deinit(&view.compile);
        free(view.outcomes);
        json_decref(view.memo);
        bytes_deinit(&view.out);
        bytes_deinit(&view.problems);
        return r;
}

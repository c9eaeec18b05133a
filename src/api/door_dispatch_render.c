/*
 * Theory of operation: one line for every test, in the order of the tests.  timedOut and oomKilled come from the verdict, which
 * rests on the counters of the box; a test that was not run says why in stderr.
 */
#include "api/door_dispatch_priv.h"
#include "util/json_out.h"

#include <stdio.h>

enum { SIGNAL_BASE = 128, NOT_STARTED = 127, KILLED = 137 };

struct lines {
        struct json_out *json;
        const json_t *tests;
        const struct desk_entry *entry;
        struct outcome compile; /* valid when has_compile */
        bool has_compile;
        struct outcome *outcomes; /* by test; which == OUTCOME_COMPILE: none */
};

static void put_output(void *arg, struct view run)
{
        json_out_string_add(arg, run);
}

static void put_member(struct json_out *json, const char *key, const json_t *value)
{
        json_out_key(json, key);
        json_out_string(json, (struct view){ json_is_string(value) ? json_string_value(value) : "",
                                             json_string_length(value) });
}

static int exit_code(const struct stage_result *stage)
{
        if (stage->exit_code >= 0)
                return stage->exit_code;
        switch (stage->verdict) {
        case VERDICT_MEMORY:
        case VERDICT_STDOUT:
        case VERDICT_STDERR:
                return KILLED;
        case VERDICT_EXEC:
                return NOT_STARTED;
        case VERDICT_WALL:
        case VERDICT_CPU:
                return -1;
        default:
                return stage->signal > 0 ? SIGNAL_BASE + stage->signal : -1;
        }
}

/* @stage NULL: the test was not run, and @text says why. */
static void render_line(struct json_out *json, const json_t *test, const struct stage_result *stage,
                        bool compiling, const char *text)
{
        json_out_object_begin(json);
        put_member(json, "stdin", json_object_get(test, "stdin"));
        json_out_key(json, "stdout");
        json_out_string_begin(json);
        if (stage && !compiling)
                output_each(&stage->output, STREAM_STDOUT, put_output, json);
        json_out_string_end(json);
        json_out_key(json, "stderr");
        json_out_string_begin(json);
        if (stage)
                output_each(&stage->output, compiling ? STREAM_COUNT : STREAM_STDERR, put_output, json);
        if (!stage)
                json_out_string_add(json, view_of(text));
        else if (stage->output.bytes.n == 0 && stage->text[0])
                json_out_string_add(json, view_of(stage->text));
        json_out_string_end(json);
        json_out_key(json, "exitCode");
        json_out_int(json, stage ? exit_code(stage) : -1);
        put_member(json, "expected", json_object_get(test, "expected"));
        json_out_key(json, "timedOut");
        json_out_bool(json, stage && (stage->verdict == VERDICT_WALL || stage->verdict == VERDICT_CPU));
        json_out_key(json, "oomKilled");
        json_out_bool(json, stage && stage->verdict == VERDICT_MEMORY);
        json_out_object_end(json);
}

static void reason(const struct entry *entry, char *text, size_t room)
{
        if (entry->flow.state == FLOW_EXPIRED)
                snprintf(text, room, "the job expired: no runner for \"%s\" took it in time",
                         entry->head.lane);
        else if (entry->text[0])
                snprintf(text, room, "%s", entry->text);
        else if (entry->flow.state == FLOW_DONE)
                snprintf(text, room, "there is no result for this test");
        else
                snprintf(text, room, "the job %s", flow_state_text(entry->flow.state));
}

static void render_lines(const struct lines *lines)
{
        char text[ENTRY_LANE_MAX + ENTRY_TEXT_MAX + 64];
        bool failed = lines->has_compile && lines->compile.stage.verdict != VERDICT_OK;

        reason(&lines->entry->entry, text, sizeof(text));
        json_out_array_begin(lines->json);
        for (size_t i = 0; i < json_array_size(lines->tests); i++) {
                const struct outcome *outcome = &lines->outcomes[i];
                const json_t *test = json_array_get(lines->tests, i);

                if (outcome->which != OUTCOME_COMPILE && !outcome->skipped)
                        render_line(lines->json, test, &outcome->stage, false, text);
                else
                        render_line(lines->json, test, failed ? &lines->compile.stage : NULL, failed, text);
        }
        json_out_array_end(lines->json);
}

/* Put every outcome in its place. */
static int sort_outcomes(struct lines *lines)
{
        size_t at = 0, n = json_array_size(lines->tests);
        struct outcome outcome;
        uint64_t number;
        int r;

        lines->outcomes = calloc(n + 1, sizeof(*lines->outcomes));
        if (!lines->outcomes)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                outcome_init(&lines->outcomes[i], OUTCOME_COMPILE);
        while ((r = desk_outcome(lines->entry, &at, &outcome, &number)) == 1) {
                if (outcome.which == OUTCOME_COMPILE && !lines->has_compile) {
                        lines->compile = outcome;
                        lines->has_compile = true;
                } else if (outcome.which < n && lines->outcomes[outcome.which].which == OUTCOME_COMPILE) {
                        lines->outcomes[outcome.which] = outcome;
                } else {
                        outcome_deinit(&outcome);
                }
        }
        return r;
}

int dispatch_render(struct json_out *json, const struct desk_entry *entry)
{
        json_t *root = json_loadb(entry->memo.p, entry->memo.n, JSON_ALLOW_NUL, NULL);
        struct lines lines = { .json = json, .tests = json_object_get(root, "tests"), .entry = entry };
        int r = root ? sort_outcomes(&lines) : -EBADMSG;

        if (r == 0)
                render_lines(&lines);
        for (size_t i = 0; lines.outcomes && i < json_array_size(lines.tests); i++)
                outcome_deinit(&lines.outcomes[i]);
        if (lines.has_compile)
                outcome_deinit(&lines.compile);
        free(lines.outcomes);
        json_decref(root);
        return r;
}

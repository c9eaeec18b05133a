/* Theory of operation: one function per object of openapi.json; output is told as it is, each stream for itself. */
#include "api/door_jobs.h"
#include "api/exchange.h"
#include "job/notice.h"

#include <stdio.h>

enum { KEYS_MAX = 4096, ESCAPE_MAX = 6, OUTCOME_KEYS_MAX = 4096 };

static const char *isolation = "null"; /* of this engine, the same for every job */

void jobs_set_isolation(const char *json)
{
        isolation = json;
}

static void put_run(void *arg, struct view run)
{
        json_out_string_add(arg, run);
}

static void render_stream(struct json_out *json, const char *key, const struct output *output,
                          enum stream stream)
{
        json_out_key(json, key);
        json_out_string_begin(json);
        output_each(output, stream, put_run, json);
        json_out_string_end(json);
}

static void render_difference(struct json_out *json, const struct compare_difference *difference)
{
        json_out_key(json, "difference");
        json_out_object_begin(json);
        json_out_key(json, "line");
        json_out_uint(json, difference->line);
        json_out_key(json, "column");
        json_out_uint(json, difference->column);
        json_out_key(json, "token");
        if (difference->token > 0)
                json_out_uint(json, difference->token);
        else
                json_out_null(json);
        json_out_key(json, "expected");
        json_out_string(json, (struct view){ difference->expected, difference->n_expected });
        json_out_key(json, "actual");
        json_out_string(json, (struct view){ difference->actual, difference->n_actual });
        json_out_object_end(json);
}

static void render_stage(struct json_out *json, const struct stage_result *stage)
{
        json_out_key(json, "verdict");
        json_out_text(json, verdict_name(stage->verdict));
        json_out_key(json, "exit_code");
        if (stage->exit_code >= 0)
                json_out_int(json, stage->exit_code);
        else
                json_out_null(json);
        json_out_key(json, "signal");
        if (stage->signal > 0)
                json_out_int(json, stage->signal);
        else
                json_out_null(json);
        json_out_key(json, "message");
        json_out_text(json, stage->text[0] ? stage->text : NULL);
        json_out_key(json, "cached");
        json_out_bool(json, stage->cached);
        json_out_key(json, "warm");
        json_out_bool(json, stage->warm);
        json_out_key(json, "timing");
        json_out_object_begin(json);
#define TIMING(field, text)                                                                                  \
        json_out_key(json, #field "_ns");                                                                    \
        json_out_uint(json, stage->timing.field##_ns);
#include "job/timing.def"
#undef TIMING
        json_out_object_end(json);
        json_out_key(json, "wall_ns");
        json_out_uint(json, stage->wall_ns);
        json_out_key(json, "cpu_ns");
        json_out_uint(json, stage->cpu_ns);
        json_out_key(json, "memory_bytes");
        json_out_uint(json, stage->memory_bytes);
        render_stream(json, "stdout", &stage->output, STREAM_STDOUT);
        render_stream(json, "stderr", &stage->output, STREAM_STDERR);
}

void jobs_render_outcome(struct json_out *json, const struct outcome *outcome, uint64_t number)
{
        bool is_case = outcome->which != OUTCOME_COMPILE;

        json_out_object_begin(json);
        json_out_key(json, "number");
        json_out_uint(json, number);
        json_out_key(json, "stage");
        json_out_text(json, is_case ? "run" : "compile");
        json_out_key(json, "test");
        if (is_case)
                json_out_uint(json, outcome->which);
        else
                json_out_null(json);
        json_out_key(json, "passed");
        json_out_bool(json, outcome_has_passed(outcome));
        json_out_key(json, "matched");
        if (outcome->match == MATCH_NONE)
                json_out_null(json);
        else
                json_out_bool(json, outcome->match == MATCH_YES);
        if (outcome->match == MATCH_NO)
                render_difference(json, &outcome->difference);
        render_stage(json, &outcome->stage);
        json_out_object_end(json);
}

static void render_outcomes(struct json_out *json, const struct desk_entry *entry)
{
        struct outcome outcome;
        uint64_t number;
        size_t at = 0;
        int r;

        json_out_key(json, "outcomes");
        json_out_array_begin(json);
        while ((r = desk_outcome(entry, &at, &outcome, &number)) > 0) {
                jobs_render_outcome(json, &outcome, number);
                outcome_deinit(&outcome);
        }
        json_out_array_end(json);
        if (r < 0)
                json->error = r;
}

static void render_time(struct json_out *json, const char *key, uint64_t ms)
{
        json_out_key(json, key);
        if (ms > 0)
                json_out_uint(json, ms);
        else
                json_out_null(json);
}

static void render_progress(struct json_out *json, const struct entry *entry)
{
        json_out_key(json, "tests");
        json_out_object_begin(json);
        json_out_key(json, "total");
        json_out_uint(json, entry->n_cases);
        json_out_key(json, "done");
        json_out_uint(json, entry->n_done);
        json_out_key(json, "passed");
        json_out_uint(json, entry->n_passed);
        json_out_object_end(json);
        json_out_key(json, "attempts");
        json_out_uint(json, entry->flow.attempts);
        render_time(json, "created_ms", entry->created_ms);
        render_time(json, "started_ms", entry->started_ms);
        render_time(json, "ended_ms", entry->ended_ms);
        render_time(json, "ended_number", entry->ended_number);
}

static void render_notice(struct json_out *json, struct view bytes)
{
        struct notice notice;

        if (notice_decode(bytes, &notice) < 0)
                return;
        json_out_key(json, "webhook");
        json_out_object_begin(json);
        json_out_key(json, "url");
        json_out_text(json, notice.url);
        json_out_key(json, "delivery");
        json_out_text(json, notice.delivery);
        json_out_key(json, "state");
        json_out_text(json, notice_state_name(notice.state));
        json_out_key(json, "attempts");
        json_out_uint(json, notice.attempts);
        json_out_key(json, "status");
        if (notice.status > 0)
                json_out_uint(json, notice.status);
        else
                json_out_null(json);
        json_out_key(json, "message");
        json_out_text(json, notice.text[0] ? notice.text : NULL);
        render_time(json, "tried_ms", notice.tried_ms);
        render_time(json, "next_ms", notice.next_ms);
        json_out_object_end(json);
}

void jobs_render_entry(struct json_out *json, const struct desk_entry *desk_entry, bool whole)
{
        const struct entry *entry = &desk_entry->entry;
        bool ended = flow_has_ended(entry->flow.state);

        json_out_object_begin(json);
        json_out_key(json, "id");
        json_out_text(json, entry->head.id);
        json_out_key(json, "batch");
        json_out_text(json, entry->head.batch[0] ? entry->head.batch : NULL);
        json_out_key(json, "state");
        json_out_text(json, flow_state_name(entry->flow.state));
        json_out_key(json, "priority");
        json_out_text(json, priority_name(entry->head.priority));
        json_out_key(json, "verdict");
        json_out_text(json, ended ? verdict_name(entry->verdict) : NULL);
        json_out_key(json, "message");
        json_out_text(json, entry->text[0] ? entry->text : NULL);
        render_progress(json, entry);
        json_out_key(json, "isolation");
        json_out_raw(json, view_of(isolation));
        json_out_key(json, "request");
        if (desk_entry->memo.n > 0)
                json_out_raw(json, desk_entry->memo);
        else
                json_out_null(json);
        if (desk_entry->notice.n > 0)
                render_notice(json, desk_entry->notice);
        if (whole)
                render_outcomes(json, desk_entry);
        json_out_object_end(json);
}

int jobs_render_notice(const struct desk_entry *entry, const char *delivery, bool whole, struct bytes *out)
{
        char href[64 + ENTRY_ID_MAX];
        struct json_out json;

        snprintf(href, sizeof(href), "/v3/jobs/%s", entry->entry.head.id);
        json_out_init(&json, out);
        json_out_object_begin(&json);
        json_out_key(&json, "type");
        json_out_text(&json, "job.ended");
        json_out_key(&json, "delivery");
        json_out_text(&json, delivery);
        json_out_key(&json, "href");
        json_out_text(&json, href);
        json_out_key(&json, "job");
        jobs_render_entry(&json, entry, whole);
        json_out_object_end(&json);
        return json_out_error(&json);
}

size_t jobs_render_cap(const struct desk_entry *entries, size_t n)
{
        size_t cap = KEYS_MAX;

        for (size_t i = 0; i < n; i++)
                cap += KEYS_MAX + entries[i].memo.n + ESCAPE_MAX * entries[i].notice.n +
                       (size_t)entries[i].n_outcomes * OUTCOME_KEYS_MAX + ESCAPE_MAX * entries[i].outcomes.n;
        return cap;
}

/*
 * Theory of operation: one record; the marks of an output are checked against its bytes when it is read, since
 * what reads it (a door) walks the output by them.
 */
#include "job/outcome.h"

#include <stdio.h>

enum { OUTCOME_VERSION = 2 }; /* 1 told no times */

#define OUTPUT_MAX (2 * GIB)

bool outcome_has_passed(const struct outcome *outcome)
{
        return !outcome->skipped && outcome->stage.verdict == VERDICT_OK && outcome->match != MATCH_NO;
}

static void stage_put(struct record_out *out, const struct stage_result *stage)
{
        record_put(out, stage->ran);
        record_put(out, stage->cached);
        record_put(out, stage->warm);
        record_put(out, stage->verdict);
        record_put(out, (uint64_t)(stage->exit_code + 1));
        record_put(out, (uint64_t)stage->signal);
        record_put(out, stage->wall_ns);
        record_put(out, stage->cpu_ns);
        record_put(out, stage->memory_bytes);
        record_put_text(out, stage->text);
        record_put_bytes(out, bytes_view(&stage->output.marks));
        record_put_bytes(out, bytes_view(&stage->output.bytes));
}

static void difference_put(struct record_out *out, const struct compare_difference *difference)
{
        record_put(out, difference->line);
        record_put(out, difference->column);
        record_put(out, difference->token);
        record_put(out, difference->expected_at);
        record_put(out, difference->actual_at);
        record_put_bytes(out, (struct view){ difference->expected, difference->n_expected });
        record_put_bytes(out, (struct view){ difference->actual, difference->n_actual });
}

int outcome_encode(const struct outcome *outcome, struct bytes *bytes)
{
        struct record_out out;

        record_out_init(&out, bytes);
        record_put(&out, OUTCOME_VERSION);
        record_put(&out, outcome->which);
        record_put(&out, outcome->skipped);
        record_put(&out, outcome->match);
        if (outcome->match == MATCH_NO)
                difference_put(&out, &outcome->difference);
        stage_put(&out, &outcome->stage);
#define TIMING(field, text) record_put(&out, outcome->stage.timing.field##_ns);
#include "job/timing.def"
#undef TIMING
        return out.error;
}

static int output_take(struct record_in *in, struct output *output)
{
        struct view marks = record_take_bytes(in, OUTPUT_MAX), bytes = record_take_bytes(in, OUTPUT_MAX);
        int r = in->bad || marks.n % sizeof(struct output_mark) != 0 ? -EBADMSG : 0;

        for (size_t i = 0; r == 0 && i < marks.n; i += sizeof(struct output_mark)) {
                struct output_mark mark;

                memcpy(&mark, marks.p + i, sizeof(mark));
                if (mark.stream >= STREAM_COUNT || mark.n > bytes.n)
                        return -EBADMSG;
                r = output_add(output, (enum stream)mark.stream, bytes.p, mark.n);
                bytes.p += mark.n;
                bytes.n -= mark.n;
        }
        return r == 0 && bytes.n > 0 ? -EBADMSG : r;
}

static int stage_take(struct record_in *in, struct stage_result *stage)
{
        stage->ran = record_take(in, 0, 1);
        stage->cached = record_take(in, 0, 1);
        stage->warm = record_take(in, 0, 1);
        stage->verdict = (enum verdict)record_take(in, 0, VERDICT_COUNT - 1);
        stage->exit_code = (int)record_take(in, 0, 256) - 1;
        stage->signal = (int)record_take(in, 0, 64);
        stage->wall_ns = record_take(in, 0, INT64_MAX);
        stage->cpu_ns = record_take(in, 0, INT64_MAX);
        stage->memory_bytes = record_take(in, 0, INT64_MAX);
        record_take_text(in, stage->text, sizeof(stage->text));
        return output_take(in, &stage->output);
}

static void timing_take(struct record_in *in, struct timing *timing)
{
#define TIMING(field, text) timing->field##_ns = record_take(in, 0, INT64_MAX);
#include "job/timing.def"
#undef TIMING
}

static uint32_t snippet_take(struct record_in *in, char snippet[COMPARE_SNIPPET])
{
        struct view text = record_take_bytes(in, COMPARE_SNIPPET);

        memcpy(snippet, text.p, text.n);
        return (uint32_t)text.n;
}

static void difference_take(struct record_in *in, struct compare_difference *difference)
{
        difference->line = record_take(in, 0, INT64_MAX);
        difference->column = record_take(in, 0, INT64_MAX);
        difference->token = record_take(in, 0, INT64_MAX);
        difference->expected_at = record_take(in, 0, INT64_MAX);
        difference->actual_at = record_take(in, 0, INT64_MAX);
        difference->n_expected = snippet_take(in, difference->expected);
        difference->n_actual = snippet_take(in, difference->actual);
}

int outcome_decode(struct view bytes, struct outcome *ret_outcome)
{
        struct outcome outcome;
        struct record_in in;
        uint64_t version;
        int r;

        outcome_init(&outcome, 0);
        record_in_init(&in, bytes);
        version = record_take(&in, 1, OUTCOME_VERSION);
        outcome.which = (uint32_t)record_take(&in, 0, UINT32_MAX);
        outcome.skipped = record_take(&in, 0, 1);
        outcome.match = (enum match)record_take(&in, 0, MATCH_NO);
        if (outcome.match == MATCH_NO)
                difference_take(&in, &outcome.difference);
        r = stage_take(&in, &outcome.stage);
        if (version > 1)
                timing_take(&in, &outcome.stage.timing);
        r = r < 0 ? r : record_in_end(&in);
        if (r < 0)
                outcome_deinit(&outcome);
        else
                *ret_outcome = outcome;
        return r;
}

void outcome_init(struct outcome *outcome, uint32_t which)
{
        struct result result;

        result_init(&result);
        *outcome = (struct outcome){ .which = which, .stage = result.stages[STAGE_RUN] };
}

void outcome_deinit(struct outcome *outcome)
{
        bytes_deinit(&outcome->stage.output.bytes);
        bytes_deinit(&outcome->stage.output.marks);
}

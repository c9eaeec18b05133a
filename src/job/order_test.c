/* Orders, outcomes, entries and notes: there and back, and what is spoilt on the way is refused. */
#include "job/note.h"
#include "job/order.h"
#include "job/outcome.h"
#include "runtime/catalog.h"
#include "util/err.h"
#include "util/fdio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static char *no_aliases[] = { NULL };
static struct runtime runtime = { .language = (char *)"py",
                                  .version = (char *)"3.1.4",
                                  .aliases = no_aliases };
static struct catalog catalog = { .runtimes = &runtime, .n_runtimes = 1 };

static void limits_set(struct limits *limits, uint64_t factor)
{
        for (int i = 0; i < LIMIT_COUNT; i++)
                *limit_at(limits, (enum limit)i) = MIN(limit_rows[i].least * 4 * factor, limit_rows[i].most);
}

static struct job job_of(void)
{
        struct bytes content = BYTES_INIT(100);
        struct job job;
        struct err err;

        for (int stage = 0; stage < STAGE_COUNT; stage++)
                limits_set(&runtime.limits[stage], 2);
        job_init(&job, &runtime);
        assert_int_equal(bytes_add(&content, "a\0b", 3), 0);
        assert_int_equal(job_add_file_take(&job, "dir/main.py", 11, &content, true, &err), 0);
        content = BYTES_INIT(100);
        assert_int_equal(job_add_file_take(&job, "data", 4, &content, false, &err), 0);
        assert_int_equal(job_add_arg(&job, "-x", 2, &err), 0);
        assert_int_equal(job_add_arg(&job, "", 0, &err), 0);
        return job;
}

static const struct order_case cases[] = {
        { { "1\0", 2 }, { "2", 1 }, true },
        { { "", 0 }, { "", 0 }, false },
};

static void encode(const struct job *job, struct bytes *bytes)
{
        struct order order = {
                .head = { .id = "id", .owner = "me", .lane = "py", .token = "key", .batch = "b" },
                .memo = VIEW("{\"memo\":1}"),
                .stop = STOP_FIRST_FAILURE,
                .compare = { COMPARE_FLOAT, 0.5, 1e-9 },
                .parallel = 3,
                .no_output = true,
                .job = job,
                .cases = cases,
                .n_cases = 2
        };

        order.head.priority = PRIORITY_BULK;
        order.head.digest[31] = 7;
        assert_int_equal(order_encode(&order, bytes), 0);
}

static void an_order_there_and_back(void **state)
{
        CLEANUP(bytes_deinit) struct bytes bytes = BYTES_INIT(MIB);
        struct job job = job_of();
        struct order_cursor cursor;
        struct order_read read;
        struct order_case one;
        struct err err;

        encode(&job, &bytes);
        limits_set(&runtime.limits[STAGE_RUN], 1);
        assert_int_equal(order_decode(bytes_view(&bytes), &catalog, &read, &err), 0);
        assert_string_equal(read.order.head.token, "key");
        assert_int_equal(read.order.head.priority, PRIORITY_BULK);
        assert_int_equal(read.order.head.digest[31], 7);
        assert_int_equal(read.order.compare.kind, COMPARE_FLOAT);
        assert_true(read.order.compare.relative == 1e-9 && read.order.no_output);
        assert_true(read.has_job && read.job.n_files == 2 && read.job.n_args == 2);
        assert_string_equal(read.job.files[0].name, "dir/main.py");
        assert_true(view_eq(bytes_view(&read.job.files[0].content), VIEW("a\0b")));
        assert_true(read.job.files[0].code && !read.job.files[1].code);
        assert_string_equal(read.job.args[0], "-x");
        assert_memory_equal(&read.job.limits[STAGE_RUN], &runtime.limits[STAGE_RUN], sizeof(struct limits));
        assert_memory_equal(&read.job.limits[STAGE_COMPILE], &job.limits[STAGE_COMPILE],
                            sizeof(struct limits));
        order_cases_begin(&cursor, read.cases);
        assert_true(order_cases_next(&cursor, &one) && one.judged && one.input.n == 2);
        assert_true(order_cases_next(&cursor, &one) && !one.judged);
        assert_false(order_cases_next(&cursor, &one));
        order_read_deinit(&read);
        job_deinit(&job);
}

static void an_order_whose_runtime_is_gone(void **state)
{
        CLEANUP(bytes_deinit) struct bytes bytes = BYTES_INIT(MIB);
        struct catalog empty = { .n_runtimes = 0 };
        struct job job = job_of();
        struct order_read read;
        struct err err;

        encode(&job, &bytes);
        assert_int_equal(order_decode(bytes_view(&bytes), &empty, &read, &err), ORDER_NO_RUNTIME);
        assert_non_null(strstr(err.text, "py 3.1.4"));
        job_deinit(&job);
}

/* Every cut, and every byte turned, is refused or read: never a crash, never memory that is lost. */
static void spoilt_orders(void **state)
{
        CLEANUP(bytes_deinit) struct bytes bytes = BYTES_INIT(MIB);
        struct job job = job_of();
        struct order_read read;
        struct err err;

        encode(&job, &bytes);
        for (size_t n = 0; n < bytes.n; n++) {
                CLEANUP(free_ptr) char *cut = malloc(n + 1);

                memcpy(cut, bytes.p, n);
                assert_true(order_decode((struct view){ cut, n }, &catalog, &read, &err) < 0);
        }
        for (size_t i = 0; i < bytes.n; i++) {
                bytes.p[i] ^= 0xa5;
                if (order_decode(bytes_view(&bytes), &catalog, &read, &err) == 0)
                        order_read_deinit(&read);
                bytes.p[i] ^= 0xa5;
        }
        job_deinit(&job);
}

static struct outcome outcome_of(void)
{
        struct outcome outcome;

        outcome_init(&outcome, 3);
        outcome.match = MATCH_NO;
        outcome.difference =
                (struct compare_difference){ .line = 2, .column = 3, .expected = "abc", .n_expected = 3 };
        outcome.stage.ran = true;
        outcome.stage.verdict = VERDICT_SIGNAL;
        outcome.stage.signal = 11;
        outcome.stage.wall_ns = 5;
        snprintf(outcome.stage.text, sizeof(outcome.stage.text), "why");
        assert_int_equal(output_add(&outcome.stage.output, STREAM_STDOUT, "out", 3), 0);
        assert_int_equal(output_add(&outcome.stage.output, STREAM_STDERR, "er\0r", 4), 0);
        return outcome;
}

static void an_outcome_there_and_back(void **state)
{
        CLEANUP(bytes_deinit) struct bytes bytes = BYTES_INIT(MIB);
        struct outcome outcome = outcome_of(), back;

        assert_int_equal(outcome_encode(&outcome, &bytes), 0);
        assert_int_equal(outcome_decode(bytes_view(&bytes), &back), 0);
        assert_int_equal(back.which, 3);
        assert_int_equal(back.stage.exit_code, -1);
        assert_int_equal(back.stage.signal, 11);
        assert_string_equal(back.stage.text, "why");
        assert_int_equal(back.stage.output.totals[STREAM_STDERR], 4);
        assert_memory_equal(&back.difference, &outcome.difference, sizeof(back.difference));
        assert_false(outcome_has_passed(&back));
        outcome_deinit(&back);
        for (size_t n = 0; n < bytes.n; n++)
                assert_true(outcome_decode((struct view){ bytes.p, n }, &back) < 0);
        for (size_t i = 0; i < bytes.n; i++) {
                bytes.p[i] ^= 0x5a;
                if (outcome_decode(bytes_view(&bytes), &back) == 0)
                        outcome_deinit(&back);
                bytes.p[i] ^= 0x5a;
        }
        outcome_deinit(&outcome);
}

static void what_passes(void **state)
{
        struct outcome outcome;

        outcome_init(&outcome, 0);
        outcome.stage.verdict = VERDICT_OK;
        assert_true(outcome_has_passed(&outcome));
        outcome.match = MATCH_NO;
        assert_false(outcome_has_passed(&outcome));
        outcome.match = MATCH_YES;
        assert_true(outcome_has_passed(&outcome));
        outcome.skipped = true;
        assert_false(outcome_has_passed(&outcome));
        outcome_deinit(&outcome);
}

static void notes_small_and_large(void **state)
{
        for (size_t n = 1000; n < 2000000; n *= 100) {
                CLEANUP(wire_message_deinit) struct wire_message message = WIRE_MESSAGE_INIT;
                CLEANUP(free_ptr) char *payload = calloc(1, n);
                CLEANUP(bytes_deinit) struct bytes body = BYTES_INIT(4 * MIB);
                struct note_ask ask = { .id = "id", .wait_ms = 5, .payload = { payload, n } }, back;
                struct note note;

                assert_int_equal(note_ask_encode(&ask, &body), 0);
                assert_int_equal(note_encode(NOTE_SUBMIT, 9, bytes_view(&body), &message), 0);
                assert_int_equal(
                        note_decode(message.bytes.p, message.bytes.n, message.fds, message.n_fds, &note), 0);
                assert_int_equal(note.ticket, 9);
                assert_int_equal(note_ask_decode(note.body, &back), 0);
                assert_int_equal(back.payload.n, n);
                assert_string_equal(back.id, "id");
                note_deinit(&note);
                assert_int_equal(
                        note_decode(message.bytes.p, message.bytes.n - 1, message.fds, message.n_fds, &note),
                        -EBADMSG);
                assert_int_equal(
                        note_decode(message.bytes.p, message.bytes.n, message.fds, !message.n_fds, &note),
                        -EBADMSG);
        }
}

static void an_answer_there_and_back(void **state)
{
        CLEANUP(bytes_deinit)
        struct bytes body = BYTES_INIT(MIB), bytes = BYTES_INIT(MIB), list = BYTES_INIT(MIB);
        struct desk_answer answer = { .status = DESK_CONFLICT, .text = "why", .number = 4 }, back;
        struct outcome outcome = outcome_of(), one;
        struct desk_entry entry = { .existed = true, .memo = VIEW("{}"), .n_outcomes = 1 }, *entries;
        struct record_out out;
        uint64_t number;
        size_t at = 0;

        assert_int_equal(outcome_encode(&outcome, &bytes), 0);
        record_out_init(&out, &list);
        note_outcome_put(&out, 17, bytes_view(&bytes));
        entry.outcomes = bytes_view(&list);
        snprintf(entry.entry.head.id, sizeof(entry.entry.head.id), "abc");
        record_out_init(&out, &body);
        note_answer_put(&out, &answer, 1);
        note_entry_put(&out, &entry);
        assert_int_equal(out.error, 0);
        assert_int_equal(note_answer_decode(bytes_view(&body), &back, &entries), 0);
        assert_string_equal(back.text, "why");
        assert_string_equal(back.entries[0].entry.head.id, "abc");
        assert_int_equal(desk_outcome(&back.entries[0], &at, &one, &number), 1);
        assert_int_equal(number, 17);
        outcome_deinit(&one);
        assert_int_equal(desk_outcome(&back.entries[0], &at, &one, &number), 0);
        free(entries);
        for (size_t n = 0; n < body.n; n++)
                assert_true(note_answer_decode((struct view){ body.p, n }, &back, &entries) < 0);
        outcome_deinit(&outcome);
}

static void ids(void **state)
{
        char a[ENTRY_ID_TEXT], b[ENTRY_ID_TEXT];

        entry_id_make(a);
        entry_id_make(b);
        assert_int_equal(strlen(a), 32);
        assert_string_not_equal(a, b);
        assert_int_equal(priority_find("bulk"), PRIORITY_BULK);
        assert_int_equal(priority_find("urgent"), PRIORITY_COUNT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_order_there_and_back),
                cmocka_unit_test(an_order_whose_runtime_is_gone),
                cmocka_unit_test(spoilt_orders),
                cmocka_unit_test(an_outcome_there_and_back),
                cmocka_unit_test(what_passes),
                cmocka_unit_test(notes_small_and_large),
                cmocka_unit_test(an_answer_there_and_back),
                cmocka_unit_test(ids),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Every frame there and back, then every way to spoil one: cut at each byte, each bit turned over.  A
 * spoilt frame may decode (a bit of a number is still a number) but then it must be one the encoder could
 * have made.
 */
#include "job/wire.h"
#include "util/fdio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct limits limits_least(void)
{
        struct limits limits;

        for (int i = 0; i < LIMIT_COUNT; i++)
                *limit_at(&limits, (enum limit)i) = limit_rows[i].least + (uint64_t)i;
        return limits;
}

static const char job_words[] = "a.c\0a.c\0dir/b.c\0one\0\0three";

static struct wire_frame job_frame(void)
{
        struct wire_frame frame = { .kind = WIRE_KIND_JOB };

        frame.job.ticket = 77;
        frame.job.runtime = 3;
        frame.job.n_sources = 2;
        frame.job.n_args = 3;
        frame.job.words = job_words;
        frame.job.words_bytes = sizeof(job_words);
        frame.job.input = "some\0input";
        frame.job.input_bytes = 10;
        frame.job.inlined = true;
        frame.job.limits[STAGE_COMPILE] = limits_least();
        frame.job.limits[STAGE_RUN] = limits_least();
        frame.job.limits[STAGE_RUN].wall_ns = 5 * NSEC_PER_SEC;
        return frame;
}

static struct bytes encoded(const struct wire_frame *frame)
{
        struct bytes out = BYTES_INIT(WIRE_FRAME_BYTES);
        const char *field = "";

        assert_int_equal(wire_encode(frame, &out, &field), 0);
        return out;
}

static void test_job_round_trip(void **state)
{
        struct wire_frame frame = job_frame(), back;
        struct bytes out = encoded(&frame);
        const char *field = "";

        assert_int_equal(wire_decode(out.p, out.n, 1, &back, &field), 0);
        assert_int_equal(back.kind, WIRE_KIND_JOB);
#define WIRE_JOB(type, field, least, most) assert_int_equal(back.job.field, frame.job.field);
#include "job/wire.def"
        assert_memory_equal(back.job.limits, frame.job.limits, sizeof(frame.job.limits));
        assert_memory_equal(back.job.words, job_words, sizeof(job_words));
        assert_memory_equal(back.job.input, frame.job.input, 10);
        assert_int_equal(wire_decode(out.p, out.n, 2, &back, &field), -EBADMSG);
        assert_string_equal(field, "descriptors");
        bytes_deinit(&out);
}

static void test_job_by_memfd_needs_two_descriptors(void **state)
{
        struct wire_frame frame = job_frame(), back;
        const char *field = "";
        struct bytes out;

        frame.job.inlined = false;
        frame.job.input_bytes = 1 << 20;
        out = encoded(&frame);
        assert_int_equal(wire_decode(out.p, out.n, 1, &back, &field), -EBADMSG);
        assert_int_equal(wire_decode(out.p, out.n, 2, &back, &field), 0);
        assert_int_equal(back.job.input_bytes, 1 << 20);
        bytes_deinit(&out);
}

static void test_short_frames_round_trip(void **state)
{
        struct wire_frame frames[] = {
                { .kind = WIRE_KIND_CANCEL, .cancel = { 9 } },
                { .kind = WIRE_KIND_SIGNAL, .signal = { 10, 15 } },
        };

        for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
                struct bytes out = encoded(&frames[i]);
                struct wire_frame back;
                const char *field = "";

                assert_int_equal(wire_decode(out.p, out.n, 0, &back, &field), 0);
                assert_int_equal(back.kind, frames[i].kind);
                if (i == 0)
                        assert_int_equal(back.cancel.ticket, 9);
                else
                        assert_int_equal(back.signal.number, 15);
                bytes_deinit(&out);
        }
}

static void test_frames_of_a_stream_round_trip(void **state)
{
        struct stage_result result = { .ran = true, .verdict = VERDICT_WALL, .signal = 9, .text = "late" },
                            read = { 0 };
        struct wire_frame frames[] = {
                { .kind = WIRE_KIND_INPUT, .input = { .ticket = 9, .last = true, .bytes = 2, .p = "in" } },
                { .kind = WIRE_KIND_INPUT, .input = { .ticket = 9, .bytes = 0, .p = "" } },
                { .kind = WIRE_KIND_TAKEN, .taken = { 9, WIRE_WINDOW_BYTES } },
                { .kind = WIRE_KIND_BEGIN, .begin = { 9, STAGE_RUN } },
                { .kind = WIRE_KIND_CHUNK, .chunk = { 9, STAGE_RUN, STREAM_STDERR, 3, "out" } },
                { .kind = WIRE_KIND_END, .end = { .ticket = 9, .stage = STAGE_COMPILE } },
        };

        wire_end_fill(&frames[5].end, &result);
        for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
                struct bytes out = encoded(&frames[i]), again;
                struct wire_frame back;
                const char *field = "";

                assert_int_equal(wire_decode(out.p, out.n, 0, &back, &field), 0);
                assert_int_equal(back.kind, frames[i].kind);
                again = encoded(&back);
                assert_true(view_eq(bytes_view(&again), bytes_view(&out)));
                assert_int_equal(wire_decode(out.p, out.n - 1, 0, &back, &field), -EBADMSG);
                assert_int_equal(wire_decode(out.p, out.n, 1, &back, &field), -EBADMSG);
                if (back.kind == WIRE_KIND_END)
                        wire_end_read(&back.end, &read);
                bytes_deinit(&again);
                bytes_deinit(&out);
        }
        assert_int_equal(read.verdict, VERDICT_WALL);
        assert_int_equal(read.signal, 9);
        assert_string_equal(read.text, "late");
}

static void test_bounds_of_a_stream(void **state)
{
        static char big[WIRE_CHUNK_BYTES + 1];
        static const struct wire_frame frames[] = {
                { .kind = WIRE_KIND_INPUT, .input = { .ticket = 9, .bytes = sizeof(big), .p = big } },
                { .kind = WIRE_KIND_TAKEN, .taken = { 9, 0 } },
                { .kind = WIRE_KIND_BEGIN, .begin = { 9, STAGE_COUNT } },
                { .kind = WIRE_KIND_CHUNK, .chunk = { 9, STAGE_RUN, STREAM_COUNT, 1, big } },
                { .kind = WIRE_KIND_CHUNK, .chunk = { 9, STAGE_RUN, STREAM_STDERR, 0, big } },
                { .kind = WIRE_KIND_CHUNK, .chunk = { 9, STAGE_RUN, STREAM_STDERR, sizeof(big), big } },
                { .kind = WIRE_KIND_CHUNK, .chunk = { 0, STAGE_RUN, STREAM_STDERR, 1, big } },
        };

        for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
                struct bytes out = BYTES_INIT(WIRE_FRAME_BYTES);
                const char *field = "";

                assert_int_equal(wire_encode(&frames[i], &out, &field), -EINVAL);
                assert_string_not_equal(field, "");
                bytes_deinit(&out);
        }
}

static void test_end_has_no_output(void **state)
{
        struct wire_frame frame = { .kind = WIRE_KIND_END, .end = { .ticket = 9, .text = "" } }, back;
        const char *field = "";
        struct bytes out;

        frame.end.result.output_bytes = 1;
        out = encoded(&frame);
        assert_int_equal(wire_decode(out.p, out.n, 0, &back, &field), -EBADMSG);
        assert_string_equal(field, "output_bytes");
        bytes_deinit(&out);
}

static void test_bounds_hold_in_both_directions(void **state)
{
        struct wire_frame frame = { .kind = WIRE_KIND_SIGNAL, .signal = { 10, 65 } }, back;
        struct bytes out = BYTES_INIT(WIRE_FRAME_BYTES);
        const char *field = "";
        int64_t number = 65;

        assert_int_equal(wire_encode(&frame, &out, &field), -EINVAL);
        assert_string_equal(field, "number");
        bytes_deinit(&out);
        frame.signal.number = 9;
        out = encoded(&frame);
        memcpy(out.p + out.n - sizeof(number), &number, sizeof(number));
        assert_int_equal(wire_decode(out.p, out.n, 0, &back, &field), -EBADMSG);
        assert_string_equal(field, "number");
        bytes_deinit(&out);
        frame = job_frame();
        frame.job.limits[STAGE_RUN].processes = 0;
        assert_int_equal(wire_encode(&frame, &out, &field), -EINVAL);
        assert_string_equal(field, "processes");
        bytes_deinit(&out);
}

static void test_names_that_escape_are_refused(void **state)
{
        static const char *const bad[] = { "../x\0", "/etc\0", "a//b\0", "\0", "a/..\0" };

        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct wire_frame frame = job_frame(), back;
                const char *field = "";
                struct bytes out;

                frame.job.n_sources = 0;
                frame.job.n_args = 0;
                frame.job.words = bad[i];
                frame.job.words_bytes = (uint32_t)strlen(bad[i]) + 1;
                out = encoded(&frame);
                assert_int_equal(wire_decode(out.p, out.n, 1, &back, &field), -EBADMSG);
                assert_string_equal(field, "words");
                bytes_deinit(&out);
        }
}

static struct result sample(size_t big)
{
        struct result result;
        char *p = malloc(big + 1);

        memset(p, 'x', big + 1);
        result_init(&result);
        result.stages[STAGE_COMPILE].ran = true;
        result.stages[STAGE_COMPILE].exit_code = 0;
        result.stages[STAGE_RUN] = (struct stage_result){
                .ran = true,
                .verdict = VERDICT_SIGNAL,
                .exit_code = -1,
                .signal = 11,
                .wall_ns = 5,
                .cpu_ns = 6,
                .memory_bytes = 7,
                .text = "a text",
                .output = result.stages[STAGE_RUN].output,
        };
        assert_int_equal(output_add(&result.stages[STAGE_COMPILE].output, STREAM_STDERR, "warn", 4), 0);
        assert_int_equal(output_add(&result.stages[STAGE_RUN].output, STREAM_STDOUT, "o1", 2), 0);
        assert_int_equal(output_add(&result.stages[STAGE_RUN].output, STREAM_STDERR, "e", 1), 0);
        assert_int_equal(output_add(&result.stages[STAGE_RUN].output, STREAM_STDOUT, p, big), 0);
        free(p);
        return result;
}

static void check_same(const struct result *a, const struct result *b)
{
        for (int i = 0; i < STAGE_COUNT; i++) {
                const struct stage_result *x = &a->stages[i], *y = &b->stages[i];

                assert_int_equal(x->ran, y->ran);
                assert_int_equal(x->verdict, y->verdict);
                assert_int_equal(x->exit_code, y->exit_code);
                assert_int_equal(x->signal, y->signal);
                assert_int_equal(x->wall_ns, y->wall_ns);
                assert_int_equal(x->cpu_ns, y->cpu_ns);
                assert_int_equal(x->memory_bytes, y->memory_bytes);
                assert_string_equal(x->text, y->text);
                assert_true(view_eq(bytes_view(&x->output.bytes), bytes_view(&y->output.bytes)));
                assert_true(view_eq(bytes_view(&x->output.marks), bytes_view(&y->output.marks)));
                assert_int_equal(x->output.totals[STREAM_STDOUT], y->output.totals[STREAM_STDOUT]);
        }
}

static void result_there_and_back(size_t big, bool inlined)
{
        struct result result = sample(big), back;
        struct wire_message message = WIRE_MESSAGE_INIT;
        struct wire_frame frame;
        const char *field = "", *p;
        size_t n;

        result_init(&back);
        assert_int_equal(wire_result_encode(5, &result, &message), 0);
        assert_int_equal(message.n_fds, inlined ? 0 : 1);
        assert_int_equal(wire_decode(message.bytes.p, message.bytes.n, message.n_fds, &frame, &field), 0);
        assert_int_equal(frame.result.ticket, 5);
        assert_int_equal(frame.result.inlined, inlined);
        if (inlined) {
                struct view tail = { frame.result.tail, frame.result.tail_bytes };

                assert_int_equal(wire_result_decode(&frame.result, tail, &back), 0);
        } else {
                assert_int_equal(fdio_map(message.fds[0], &p, &n), 0);
                assert_int_equal(wire_result_decode(&frame.result, (struct view){ p, n - 1 }, &back),
                                 -EBADMSG);
                assert_int_equal(wire_result_decode(&frame.result, (struct view){ p, n }, &back), 0);
                fdio_unmap(p, n);
        }
        check_same(&result, &back);
        result_deinit(&result);
        result_deinit(&back);
        wire_message_deinit(&message);
}

static void test_result_round_trip(void **state)
{
        result_there_and_back(100, true);
        result_there_and_back(WIRE_INLINE_TAIL + 1, false);
        result_there_and_back(3 << 20, false);
}

static void test_result_marks_must_cover_the_output(void **state)
{
        struct result result = sample(10), back;
        struct wire_message message = WIRE_MESSAGE_INIT;
        struct output_mark *mark;
        struct wire_frame frame;
        const char *field = "";

        mark = (struct output_mark *)(void *)result.stages[STAGE_RUN].output.marks.p;
        mark[2].n++;
        assert_int_equal(wire_result_encode(5, &result, &message), 0);
        assert_int_equal(wire_decode(message.bytes.p, message.bytes.n, 0, &frame, &field), 0);
        result_init(&back);
        assert_int_equal(wire_result_decode(&frame.result,
                                            (struct view){ frame.result.tail, frame.result.tail_bytes },
                                            &back),
                         -EBADMSG);
        result_deinit(&back);
        result_deinit(&result);
        wire_message_deinit(&message);
}

/* The bytes are copied to an exact allocation, so that a sanitizer sees a read past their end. */
static void try_decode(const char *p, size_t n, size_t n_fds)
{
        char *exact = malloc(n ? n : 1);
        struct wire_frame frame;
        const char *field = NULL;

        memcpy(exact, p, n);
        if (wire_decode(exact, n, n_fds, &frame, &field) < 0) {
                assert_non_null(field);
        } else {
                struct bytes again = BYTES_INIT(WIRE_FRAME_BYTES);

                assert_int_equal(wire_encode(&frame, &again, &field), 0);
                assert_true(view_eq(bytes_view(&again), (struct view){ exact, n }));
                bytes_deinit(&again);
                if (frame.kind == WIRE_KIND_RESULT && frame.result.inlined) {
                        struct result result;

                        result_init(&result);
                        (void)!wire_result_decode(&frame.result,
                                                  (struct view){ frame.result.tail, frame.result.tail_bytes },
                                                  &result);
                        result_deinit(&result);
                }
        }
        free(exact);
}

static void sweep(struct bytes *out, size_t n_fds)
{
        struct wire_frame frame;
        const char *field;

        for (size_t n = 0; n < out->n; n++) {
                assert_int_equal(wire_decode(out->p, n, n_fds, &frame, &field), -EBADMSG);
                try_decode(out->p, n, n_fds);
        }
        for (size_t bit = 0; bit < out->n * 8; bit++) {
                out->p[bit / 8] ^= (char)(1 << (bit % 8));
                for (size_t fds = 0; fds <= 2; fds++)
                        try_decode(out->p, out->n, fds);
                out->p[bit / 8] ^= (char)(1 << (bit % 8));
        }
}

static void test_spoilt_frames(void **state)
{
        struct wire_message message = WIRE_MESSAGE_INIT;
        struct wire_frame frame = job_frame(), cancel = { .kind = WIRE_KIND_CANCEL, .cancel = { 9 } };
        struct wire_frame chunk = { .kind = WIRE_KIND_CHUNK,
                                    .chunk = { 9, STAGE_RUN, STREAM_STDERR, 3, "out" } };
        struct result result = sample(30);
        struct bytes out = encoded(&frame);

        sweep(&out, 1);
        bytes_deinit(&out);
        out = encoded(&cancel);
        sweep(&out, 0);
        bytes_deinit(&out);
        out = encoded(&chunk);
        sweep(&out, 0);
        bytes_deinit(&out);
        assert_int_equal(wire_result_encode(5, &result, &message), 0);
        sweep(&message.bytes, 0);
        wire_message_deinit(&message);
        result_deinit(&result);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_job_round_trip),
                cmocka_unit_test(test_job_by_memfd_needs_two_descriptors),
                cmocka_unit_test(test_short_frames_round_trip),
                cmocka_unit_test(test_frames_of_a_stream_round_trip),
                cmocka_unit_test(test_bounds_of_a_stream),
                cmocka_unit_test(test_end_has_no_output),
                cmocka_unit_test(test_bounds_hold_in_both_directions),
                cmocka_unit_test(test_names_that_escape_are_refused),
                cmocka_unit_test(test_result_round_trip),
                cmocka_unit_test(test_result_marks_must_cover_the_output),
                cmocka_unit_test(test_spoilt_frames),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

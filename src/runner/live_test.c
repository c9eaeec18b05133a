/* Jobs that stream, from client to keeper: what is told, in which order, and what holds back whom. */
#include "runner/scene_test.h"
#include "job/wire.h"
#include "util/log.h"

#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* What was told of one job: "C" and "R" a stage began, "c" and "r" it ended, "o" and "e" output, "d" done. */
struct tale {
        struct answer answer;
        struct scene *scene;
        uint64_t ticket;
        char told[4096];
        size_t n_told;
        char out[256];
        size_t n_out;
        uint64_t totals[STREAM_COUNT];
        bool slow; /* do not say that output was taken */
        enum verdict ended;
        const char *input; /* pushed as there is room */
        size_t n_input;
        bool last;
        int rooms;
};

static void tell(struct tale *tale, char what)
{
        if (tale->n_told == 0 || tale->told[tale->n_told - 1] != what)
                tale->told[tale->n_told++] = what;
        assert_in_range(tale->n_told, 1, sizeof(tale->told) - 1);
}

static void push(struct tale *tale)
{
        struct view rest = { tale->input, tale->n_input };
        size_t n = client_input(tale->scene->client, tale->ticket, rest, tale->last);

        assert_in_range(n, 0, rest.n);
        tale->input += n;
        tale->n_input -= n;
}

static void on_stage(void *arg, enum stage stage)
{
        tell(arg, stage == STAGE_COMPILE ? 'C' : 'R');
}

static void on_output(void *arg, enum stream stream, struct view bytes)
{
        struct tale *tale = arg;

        tell(tale, stream == STREAM_STDOUT ? 'o' : 'e');
        tale->totals[stream] += bytes.n;
        for (size_t i = 0; i < bytes.n && tale->n_out < sizeof(tale->out) - 1; i++)
                tale->out[tale->n_out++] = bytes.p[i];
        if (!tale->slow)
                client_output_taken(tale->scene->client, tale->ticket, bytes.n);
}

static void on_stage_end(void *arg, enum stage stage, const struct stage_result *result)
{
        struct tale *tale = arg;

        tell(tale, stage == STAGE_COMPILE ? 'c' : 'r');
        tale->ended = result->verdict;
}

static void on_room(void *arg)
{
        struct tale *tale = arg;

        tale->rooms++;
        push(tale);
}

static void on_done(void *arg, const struct result *result)
{
        struct tale *tale = arg;

        tell(tale, 'd');
        scene_on_done(&tale->answer, result);
}

static const struct client_stream_fns fns = { on_stage, on_output, on_stage_end, on_room, on_done };

static void begin(struct scene *scene, struct tale *tale, uint32_t runtime, const char *what, const char *how)
{
        *tale = (struct tale){ .scene = scene, .answer = { .scene = scene } };
        tale->ticket = scene_stream(scene, runtime, what, how, &fns, tale);
}

/* What another job's compiler said is told as if it had been said now. */
static void test_a_compile_stage_from_the_cache(void **state)
{
        struct scene *scene;
        struct answer first;
        struct tale tale;

        scene_cache_bytes = MIB;
        scene = scene_open(1, 10);
        scene_submit(scene, &first, 1, "show", "", VIEW(""));
        scene_wait(scene);
        assert_false(first.cached);
        for (int i = 0; i < 3; i++) {
                begin(scene, &tale, 1, "show", "");
                scene_wait(scene);
                assert_int_equal(tale.answer.verdict, VERDICT_OK);
                assert_true(tale.answer.cached);
                assert_string_equal(tale.told, "CecRord");
                assert_string_equal(tale.out, "built itbuiltSOURCE");
        }
        assert_int_equal(keeper_builds, 1);
        /* One that streamed is not kept where it said something: what it said was not. */
        begin(scene, &tale, 1, "other", "");
        scene_wait(scene);
        begin(scene, &tale, 1, "other", "");
        scene_wait(scene);
        assert_int_equal(keeper_builds, 3);
        scene_close(scene);
        scene_cache_bytes = 0;
}

static void test_input_and_output_flow(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct tale tale;

        begin(scene, &tale, 0, "echo", "");
        assert_int_equal(client_input(scene->client, tale.ticket, VIEW("early "), false), 6);
        scene_wait_ms(scene, 50);
        assert_string_equal(tale.out, "early ");
        assert_string_equal(tale.told, "Ro");
        assert_int_equal(client_input(scene->client, tale.ticket, VIEW("later"), false), 5);
        scene_wait_ms(scene, 50);
        assert_string_equal(tale.out, "early later");
        assert_int_equal(client_input(scene->client, tale.ticket, VIEW(""), true), 0);
        scene_wait(scene);
        assert_string_equal(tale.out, "early latererr");
        assert_string_equal(tale.told, "Roerd");
        assert_int_equal(tale.answer.verdict, VERDICT_OK);
        assert_int_equal(tale.ended, VERDICT_OK);
        assert_int_equal(tale.answer.totals[STREAM_STDOUT], 0); /* it was told already */
        assert_true(tale.rooms > 0);
        scene_close(scene);
}

static void test_both_stages_are_told(void **state)
{
        struct scene *scene = scene_open(2, 10);
        struct tale tale;

        begin(scene, &tale, 1, "echo", "");
        assert_int_equal(client_input(scene->client, tale.ticket, VIEW("for the run"), true), 11);
        scene_wait(scene);
        assert_string_equal(tale.told, "CecRoerd");
        assert_string_equal(tale.out, "built itfor the runerr");
        begin(scene, &tale, 1, "fails", "");
        scene_wait(scene);
        assert_string_equal(tale.told, "Cecd");
        assert_int_equal(tale.answer.verdict, VERDICT_EXIT);
        scene_close(scene);
}

static void test_much_input_goes_through_whole(void **state)
{
        static char big[90000];
        struct scene *scene = scene_open(1, 10);
        struct tale tale;

        memset(big, 'i', sizeof(big));
        begin(scene, &tale, 0, "echo", "");
        tale.input = big;
        tale.n_input = sizeof(big);
        tale.last = true;
        push(&tale);
        assert_int_equal(tale.n_input, sizeof(big) - WIRE_WINDOW_BYTES); /* the window is full */
        scene_wait(scene);
        assert_int_equal(tale.n_input, 0);
        assert_int_equal(tale.totals[STREAM_STDOUT], sizeof(big));
        assert_int_equal(tale.answer.verdict, VERDICT_OK);
        /* A program that never reads it ends as well as any other. */
        begin(scene, &tale, 0, "exit", "0");
        tale.input = big;
        tale.n_input = sizeof(big);
        push(&tale);
        scene_wait(scene);
        assert_int_equal(tale.answer.verdict, VERDICT_OK);
        scene_close(scene);
}

static void test_slow_reader_holds_the_program(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct tale tale;

        scene->runtimes[0].limits[STAGE_RUN].output_bytes = 10 * MIB;
        begin(scene, &tale, 0, "flood", "1000000");
        tale.slow = true;
        scene_wait_ms(scene, 150);
        assert_in_range(tale.totals[STREAM_STDOUT], WIRE_WINDOW_BYTES, WIRE_WINDOW_BYTES + WIRE_CHUNK_BYTES);
        assert_string_equal(tale.told, "Ro");
        tale.slow = false;
        client_output_taken(scene->client, tale.ticket, tale.totals[STREAM_STDOUT]);
        scene_wait(scene);
        assert_int_equal(tale.totals[STREAM_STDOUT], 1000000);
        assert_string_equal(tale.told, "Rord");
        scene_close(scene);
}

/* What the pipe still holds when the box has ended comes whether or not there is a window for it. */
static void test_last_words_come_without_a_window(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct tale tale;

        begin(scene, &tale, 0, "flood", "99000");
        tale.slow = true;
        scene_wait(scene);
        assert_int_equal(tale.totals[STREAM_STDOUT], 99000);
        assert_string_equal(tale.told, "Rord");
        scene_close(scene);
}

static void test_output_limit_is_exact(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct tale tale;

        begin(scene, &tale, 0, "flood", "100001");
        scene_wait(scene);
        assert_int_equal(tale.totals[STREAM_STDOUT], OUTPUT_LIMIT);
        assert_int_equal(tale.ended, VERDICT_STDOUT);
        assert_string_equal(tale.told, "Rord");
        begin(scene, &tale, 0, "flood2", "10000000");
        scene_wait(scene);
        assert_int_equal(tale.totals[STREAM_STDERR], OUTPUT_LIMIT);
        assert_int_equal(tale.ended, VERDICT_STDERR);
        scene_close(scene);
}

/* A stage of which nothing was seen is tried again and begins only once; one that has spoken is not. */
static void test_second_chance(void **state)
{
        struct scene *scene = scene_open(2, 10);
        struct tale tale;

        begin(scene, &tale, 0, "setup-once", "");
        scene_wait(scene);
        assert_int_equal(tale.answer.verdict, VERDICT_OK);
        assert_string_equal(tale.told, "Rord");
        begin(scene, &tale, 0, "talk-and-die", "");
        scene_wait(scene);
        assert_int_equal(tale.answer.verdict, VERDICT_ENGINE);
        assert_string_equal(tale.told, "Rod");
        assert_string_equal(tale.out, "once");
        scene_close(scene);
}

static void test_signal_and_cancel(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct tale tale;

        begin(scene, &tale, 0, "sleep", "");
        scene_wait_ms(scene, 50);
        client_signal(scene->client, tale.ticket, 15);
        scene_wait(scene);
        assert_string_equal(tale.told, "Rrd");
        assert_int_equal(tale.ended, VERDICT_SIGNAL);
        begin(scene, &tale, 0, "sleep", "");
        scene_wait_ms(scene, 50);
        client_cancel(scene->client, tale.ticket);
        scene->waiting--;
        scene_wait_ms(scene, 50);
        assert_string_equal(tale.told, "R");
        begin(scene, &tale, 0, "exit", "3"); /* the slot is free */
        scene_wait(scene);
        assert_int_equal(tale.answer.exit_code, 3);
        assert_int_equal(client_input(scene->client, tale.ticket, VIEW("late"), true), 4);
        scene_close(scene);
}

/* The new runner gets job and stdin once more, unless its client has seen something of the first attempt. */
static void test_runner_that_dies(void **state)
{
        struct scene *scene = scene_open(1, 10);
        struct tale first, second;

        begin(scene, &first, 0, "sleep", "");
        begin(scene, &second, 0, "echo", "");
        assert_int_equal(client_input(scene->client, second.ticket, VIEW("kept"), true), 4);
        scene_wait_ms(scene, 50);
        assert_string_equal(first.told, "R");
        assert_string_equal(second.told, "");
        scene_reconnect(scene);
        scene_wait(scene);
        assert_string_equal(first.told, "Rd");
        assert_int_equal(first.answer.verdict, VERDICT_ENGINE);
        assert_string_equal(second.told, "Roerd");
        assert_string_equal(second.out, "kepterr");
        scene_close(scene);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_input_and_output_flow),
                cmocka_unit_test(test_a_compile_stage_from_the_cache),
                cmocka_unit_test(test_both_stages_are_told),
                cmocka_unit_test(test_much_input_goes_through_whole),
                cmocka_unit_test(test_slow_reader_holds_the_program),
                cmocka_unit_test(test_last_words_come_without_a_window),
                cmocka_unit_test(test_output_limit_is_exact),
                cmocka_unit_test(test_second_chance),
                cmocka_unit_test(test_signal_and_cancel),
                cmocka_unit_test(test_runner_that_dies),
        };

        log_open(LOG_NONE, "test");
        signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests_name("runner_live", tests, NULL, NULL);
}

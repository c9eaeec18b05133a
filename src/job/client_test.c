/* The front's end against a runner that lies, says things twice, says nothing, or does not listen. */
#include "job/client.h"
#include "job/job.h"
#include "job/link.h"
#include "job/result.h"
#include "job/wire.h"
#include "runtime/runtime.h"
#include "util/err.h"
#include "util/fdio.h"
#include "util/log.h"

#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <cmocka.h>

enum { FLOOD = LINK_QUEUE_MAX + 900, FDS_NEEDED = 3 * FLOOD };

struct end {
        struct event_base *base;
        struct client *client;
        int runner;
        int lost;
};

struct answer {
        int times;
        enum verdict verdict;
        char text[256];
};

static void on_lost(void *arg)
{
        struct end *end = arg;

        end->lost++;
}

static void on_done(void *arg, const struct result *result)
{
        struct answer *answer = arg;

        answer->times++;
        answer->verdict = result_last(result)->verdict;
        snprintf(answer->text, sizeof(answer->text), "%s", result_last(result)->text);
}

static void end_open(struct end *end)
{
        struct err err;
        int sv[2];

        *end = (struct end){ .base = event_base_new() };
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
        end->runner = sv[1];
        assert_int_equal(client_new_take(end->base, sv[0], on_lost, end, &end->client, &err), 0);
}

static void end_close(struct end *end)
{
        client_free(end->client);
        event_base_free(end->base);
        close_fd(&end->runner);
}

static void turn(struct end *end)
{
        for (int i = 0; i < 4; i++)
                event_base_loop(end->base, EVLOOP_NONBLOCK);
}

static uint64_t submit(struct end *end, struct answer *answer)
{
        static char *none[] = { NULL };
        struct runtime runtime = { .language = "x", .extensions = none, .companions = none };
        struct bytes content = BYTES_INIT(16);
        struct err err = { "" };
        uint64_t ticket = 0;
        struct job job;

        for (int stage = 0; stage < STAGE_COUNT; stage++)
                for (int i = 0; i < LIMIT_COUNT; i++)
                        *limit_at(&runtime.limits[stage], (enum limit)i) = limit_rows[i].run_default;
        job_init(&job, &runtime);
        assert_int_equal(job_add_file_take(&job, "main", 4, &content, true, &err), 0);
        assert_int_equal(job_settle(&job, &err), 0);
        *answer = (struct answer){ 0 };
        assert_int_equal(client_submit(end->client, &job, on_done, answer, &ticket, &err), 0);
        assert_int_equal(answer->times, 0);
        job_deinit(&job);
        return ticket;
}

static void say(struct end *end, const struct wire_message *message)
{
        struct iovec iov = { message->bytes.p, message->bytes.n };

        assert_int_equal(fdio_send(end->runner, &iov, 1, message->fds, message->n_fds), 0);
}

/* Answer @ticket with VERDICT_OK and "out". */
static struct wire_message answer_make(uint64_t ticket, size_t n)
{
        struct wire_message message = WIRE_MESSAGE_INIT;
        struct result result;
        char *out = calloc(1, n);

        result_init(&result);
        result.stages[STAGE_RUN].ran = true;
        assert_int_equal(output_add(&result.stages[STAGE_RUN].output, STREAM_STDOUT, out, n), 0);
        assert_int_equal(wire_result_encode(ticket, &result, &message), 0);
        result_deinit(&result);
        free(out);
        return message;
}

static void test_answer_counts_once(void **state)
{
        struct wire_message message;
        struct answer first, second;
        struct end end;
        uint64_t ticket;

        end_open(&end);
        ticket = submit(&end, &first);
        submit(&end, &second);
        message = answer_make(ticket, 10);
        say(&end, &message);
        say(&end, &message);
        turn(&end);
        assert_int_equal(first.times, 1);
        assert_int_equal(first.verdict, VERDICT_OK);
        assert_int_equal(second.times, 0);
        assert_int_equal(end.lost, 0);
        wire_message_deinit(&message);
        end_close(&end);
        assert_int_equal(second.times, 0);
}

static void test_cancelled_is_never_called(void **state)
{
        struct wire_message message;
        struct wire_frame frame;
        struct answer answer;
        char buf[WIRE_FRAME_BYTES];
        const char *field;
        int fds[FDIO_FDS_MAX];
        size_t n, n_fds;
        struct end end;
        uint64_t ticket;

        end_open(&end);
        ticket = submit(&end, &answer);
        client_cancel(end.client, ticket);
        message = answer_make(ticket, 10);
        say(&end, &message);
        turn(&end);
        assert_int_equal(answer.times, 0);
        assert_int_equal(fdio_recv(end.runner, buf, sizeof(buf), &n, fds, &n_fds), 0);
        assert_int_equal(wire_decode(buf, n, n_fds, &frame, &field), 0);
        assert_int_equal(frame.kind, WIRE_KIND_JOB);
        fdio_close_all(fds, n_fds);
        assert_int_equal(fdio_recv(end.runner, buf, sizeof(buf), &n, fds, &n_fds), 0);
        assert_int_equal(wire_decode(buf, n, n_fds, &frame, &field), 0);
        assert_int_equal(frame.kind, WIRE_KIND_CANCEL);
        assert_int_equal(frame.cancel.ticket, ticket);
        wire_message_deinit(&message);
        end_close(&end);
}

/* A tail that is not sealed could change under us; one of another size is a lie. */
static void test_answer_that_lies_is_an_engine_fault(void **state)
{
        for (int sealed = 0; sealed < 2; sealed++) {
                struct wire_message message;
                struct answer answer;
                struct end end;

                end_open(&end);
                message = answer_make(submit(&end, &answer), WIRE_INLINE_TAIL + 1);
                assert_int_equal(message.n_fds, 1);
                close(message.fds[0]);
                message.fds[0] = sealed ? fdio_memfd_of("short", "short", 5) : fdio_memfd("open");
                if (!sealed)
                        assert_int_equal(ftruncate(message.fds[0], WIRE_INLINE_TAIL + 9), 0);
                say(&end, &message);
                turn(&end);
                assert_int_equal(answer.times, 1);
                assert_int_equal(answer.verdict, VERDICT_ENGINE);
                wire_message_deinit(&message);
                end_close(&end);
        }
}

static void test_nonsense_loses_the_runner(void **state)
{
        struct wire_message message = WIRE_MESSAGE_INIT;
        struct answer answer;
        struct end end;
        char byte;

        end_open(&end);
        submit(&end, &answer);
        assert_int_equal(bytes_add_text(&message.bytes, "nonsense"), 0);
        say(&end, &message);
        turn(&end);
        assert_int_equal(end.lost, 1);
        assert_int_equal(answer.times, 0); /* it waits for a better one */
        while (recv(end.runner, &byte, 1, 0) > 0)
                ;
        wire_message_deinit(&message);
        end_close(&end);
}

static void test_runner_that_does_not_listen(void **state)
{
        struct answer *answers = calloc(FLOOD, sizeof(*answers));
        struct rlimit files;
        size_t refused = 0;
        struct end end;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
        files.rlim_cur = files.rlim_max;
        if (files.rlim_max < FDS_NEEDED || setrlimit(RLIMIT_NOFILE, &files) < 0) {
                free(answers);
                skip();
        }
        end_open(&end);
        for (size_t i = 0; i < FLOOD; i++)
                submit(&end, &answers[i]);
        turn(&end);
        for (size_t i = 0; i < FLOOD; i++)
                if (answers[i].times == 1 && answers[i].verdict == VERDICT_OVERLOADED)
                        refused++;
                else
                        assert_int_equal(answers[i].times, 0);
        assert_in_range(refused, 1, FLOOD - LINK_QUEUE_MAX);
        assert_int_equal(answers[0].times, 0);
        assert_int_equal(answers[FLOOD - 1].times, 1);
        end_close(&end);
        free(answers);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_answer_counts_once),
                cmocka_unit_test(test_cancelled_is_never_called),
                cmocka_unit_test(test_answer_that_lies_is_an_engine_fault),
                cmocka_unit_test(test_nonsense_loses_the_runner),
                cmocka_unit_test(test_runner_that_does_not_listen),
        };

        log_open(LOG_NONE, "test");
        signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Two windows keep what is on its way small: the front may send WIRE_WINDOW_BYTES of stdin beyond what it was told is
 * TAKEN, we may send as much output beyond what it says it has TAKEN.  Where a window is closed nobody reads, the
 * pipe behind it fills, and whoever writes into that waits: the program for a slow client, the client for a slow
 * program.
 *
 * Stdin that comes before the run stage waits in the queue; a compiler gets none of it.
 */
#include "runner/live.h"
#include "config/limits.h"
#include "runner/task.h"

/* Whoever passes frames of a stream on finds the ticket of each in the same place. */
_Static_assert(offsetof(struct wire_begin, ticket) == offsetof(struct wire_chunk, ticket) &&
                       offsetof(struct wire_begin, ticket) == offsetof(struct wire_taken, ticket) &&
                       offsetof(struct wire_begin, ticket) == offsetof(struct wire_end, ticket),
               "begin.ticket stands for the ticket of every frame of a stream");

void live_init(struct task *task, void (*tell)(void *arg, const struct wire_frame *frame), void *arg)
{
        task->tell = tell;
        task->tell_arg = arg;
}

static void say(struct task *task, const struct wire_frame *frame)
{
        if (task->tell)
                task->tell(task->tell_arg, frame);
}

static void on_output(void *arg, enum stream stream, struct view bytes)
{
        struct task *task = arg;
        struct wire_frame frame = { .kind = WIRE_KIND_CHUNK };

        task->spoken = true;
        frame.chunk = (struct wire_chunk){
                .ticket = task->ticket,
                .stage = (uint32_t)task->stage,
                .stream = (uint32_t)stream,
                .bytes = (uint32_t)bytes.n,
                .p = bytes.p,
        };
        say(task, &frame);
}

static void on_taken(void *arg, size_t n)
{
        struct task *task = arg;
        struct wire_frame frame = { .kind = WIRE_KIND_TAKEN, .taken = { task->ticket, n } };

        task->spoken = true;
        say(task, &frame);
}

void live_order(struct task *task, struct pump_order *order)
{
        if (!task->interactive)
                return;
        order->feed = &task->feed;
        order->deaf = task->stage == STAGE_COMPILE;
        order->on_output = on_output;
        order->on_taken = on_taken;
}

void live_begin(struct task *task)
{
        struct wire_frame frame = { .kind = WIRE_KIND_BEGIN,
                                    .begin = { task->ticket, (uint32_t)task->stage } };

        if (!task->announced)
                say(task, &frame);
        task->announced = true;
}

void live_end(struct task *task)
{
        struct wire_frame frame = { .kind = WIRE_KIND_END };

        frame.end.ticket = task->ticket;
        frame.end.stage = (uint32_t)task->stage;
        wire_end_fill(&frame.end, &task->result.stages[task->stage]);
        say(task, &frame);
        task->spoken = task->announced = false;
}

static void replay(void *arg, struct view run, enum stream stream)
{
        struct task *task = arg;

        for (; run.n > 0; run = (struct view){ run.p + MIN(run.n, (size_t)WIRE_CHUNK_BYTES),
                                               run.n - MIN(run.n, (size_t)WIRE_CHUNK_BYTES) }) {
                size_t n = MIN(run.n, (size_t)WIRE_CHUNK_BYTES);

                task->feed.window -= (int64_t)n;
                on_output(task, stream, (struct view){ run.p, n });
        }
}

static void replay_stdout(void *arg, struct view run)
{
        replay(arg, run, STREAM_STDOUT);
}

static void replay_stderr(void *arg, struct view run)
{
        replay(arg, run, STREAM_STDERR);
}

bool live_replay(struct task *task)
{
        struct output *output = &task->result.stages[task->stage].output;

        if ((int64_t)output->bytes.n > task->feed.window)
                return false;
        live_begin(task);
        output_each(output, STREAM_STDOUT, replay_stdout, task);
        output_each(output, STREAM_STDERR, replay_stderr, task);
        bytes_clear(&output->bytes);
        bytes_clear(&output->marks);
        live_end(task);
        return true;
}

bool live_has_spoken(const struct task *task)
{
        return task->interactive && task->spoken;
}

static bool stage_runs(const struct task *task)
{
        return task->slot && task->stage == STAGE_RUN;
}

int live_input(struct task *task, struct view bytes, bool last)
{
        struct pump_feed *feed = &task->feed;

        if (!task->interactive || feed->ended || bytes.n > feed->queue.cap - feed->queue.n)
                return -EBADMSG;
        if (bytes_add(&feed->queue, bytes.p, bytes.n) < 0)
                return -EBADMSG;
        feed->ended = last;
        if (stage_runs(task))
                pump_feed_changed(&task->pump);
        return 0;
}

int live_taken(struct task *task, uint64_t n)
{
        if (!task->interactive || (int64_t)n > WIRE_WINDOW_BYTES - task->feed.window)
                return -EBADMSG;
        task->feed.window += (int64_t)n;
        if (task->slot)
                pump_feed_changed(&task->pump);
        return 0;
}

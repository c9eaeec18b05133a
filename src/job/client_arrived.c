/* Theory of operation: a frame names its job by ticket; one whose job is gone is late, and is dropped. */
#include "job/client_priv.h"
#include "util/clock.h"
#include "util/fdio.h"

static int result_read(const struct wire_result *wire, const int *fds, struct result *result)
{
        const char *p = NULL;
        size_t n = 0;
        int r;

        if (wire->inlined)
                return wire_result_decode(wire, (struct view){ wire->tail, wire->tail_bytes }, result);
        r = fdio_map(fds[0], &p, &n);
        if (r < 0)
                return r;
        r = wire_result_decode(wire, (struct view){ p, n }, result);
        fdio_unmap(p, n);
        return r;
}

static void result_arrived(struct client *client, const struct wire_result *wire, int *fds)
{
        struct open_job *job = client_find(client, wire->ticket);
        struct result result;
        uint64_t now;
        int r;

        if (!job)
                return; /* cancelled while its answer was on the way */
        result_init(&result);
        r = result_read(wire, fds, &result);
        now = clock_now_ns();
        if (now > wire->sent_ns)
                result.stages[result.stages[STAGE_RUN].ran ? STAGE_RUN : STAGE_COMPILE].timing.reply_ns =
                        now - wire->sent_ns;
        if (r == 0 && wire->packed)
                result.pack = TAKE_FD(fds[wire->inlined ? 0 : 1]);
        if (r < 0)
                client_finish_with(client, job, VERDICT_ENGINE, "the runner's answer cannot be read");
        else
                client_finish(client, job, &result);
        result_deinit(&result);
}

/* The job a frame of a stream is for; NULL when it was cancelled while that was on the way. */
static struct open_job *find_stream(struct client *client, uint64_t ticket)
{
        struct open_job *job = client_find(client, ticket);

        if (!job || !job->stream)
                return NULL;
        job->heard = true;
        return job;
}

static void end_arrived(struct client *client, const struct wire_end *wire)
{
        struct open_job *job = find_stream(client, wire->ticket);
        struct stage_result result = { 0 };

        if (!job)
                return;
        wire_end_read(wire, &result);
        job->stream->on_stage_end(job->arg, (enum stage)wire->stage, &result);
}

static int taken_arrived(struct client *client, const struct wire_taken *wire)
{
        struct open_job *job = find_stream(client, wire->ticket);

        if (!job)
                return 0;
        if (wire->bytes > job->input.n)
                return -EBADMSG;
        bytes_take(&job->input, wire->bytes);
        job->stream->on_room(job->arg);
        return 0;
}

int client_arrived(struct client *client, const struct wire_frame *frame, int *fds)
{
        struct open_job *job;

        switch (frame->kind) {
        case WIRE_KIND_RESULT:
                result_arrived(client, &frame->result, fds);
                return 0;
        case WIRE_KIND_BEGIN:
                job = find_stream(client, frame->begin.ticket);
                if (job)
                        job->stream->on_stage(job->arg, (enum stage)frame->begin.stage);
                return 0;
        case WIRE_KIND_CHUNK:
                job = find_stream(client, frame->chunk.ticket);
                if (job)
                        job->stream->on_output(job->arg, (enum stream)frame->chunk.stream,
                                               (struct view){ frame->chunk.p, frame->chunk.bytes });
                return 0;
        case WIRE_KIND_TAKEN:
                return taken_arrived(client, &frame->taken);
        case WIRE_KIND_END:
                end_arrived(client, &frame->end);
                return 0;
        default:
                return -EBADMSG;
        }
}

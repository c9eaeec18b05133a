/*
 * Numbers first, all of one width, so that the whole fixed part is one walk over the table in each direction;
 * then the tail, whose lengths are among the numbers.  A frame must be used up exactly: what is left
 * over is as wrong as what is missing.
 */
#include "job/wire.h"
#include "util/clock.h"
#include "util/fdio.h"
#include "util/pack.h"

#include <fcntl.h>

/* One walk: encoding appends to @out, decoding takes from @in.  The first field out of bounds is
 * remembered. */
struct walk {
        struct bytes *out;
        struct view in;
        const char *field;
        int r;
};

static void walk_fail(struct walk *walk, int r, const char *field)
{
        if (walk->r == 0) {
                walk->r = r;
                walk->field = field;
        }
}

static void put(struct walk *walk, const char *field, int64_t value, int64_t least, int64_t most)
{
        int r;

        if (value < least || value > most) {
                walk_fail(walk, -EINVAL, field);
                return;
        }
        r = bytes_add(walk->out, &value, sizeof(value));
        if (r < 0)
                walk_fail(walk, r, field);
}

static int64_t take(struct walk *walk, const char *field, int64_t least, int64_t most)
{
        int64_t value = least;

        if (walk->in.n < sizeof(value)) {
                walk_fail(walk, -EBADMSG, field);
                return least;
        }
        memcpy(&value, walk->in.p, sizeof(value));
        walk->in.p += sizeof(value);
        walk->in.n -= sizeof(value);
        if (value >= least && value <= most)
                return value;
        walk_fail(walk, -EBADMSG, field);
        return least;
}

static const char *take_tail(struct walk *walk, const char *field, uint64_t n)
{
        const char *p = walk->in.p;

        if (n > walk->in.n) {
                walk_fail(walk, -EBADMSG, field);
                return NULL;
        }
        walk->in.p += n;
        walk->in.n -= n;
        return p;
}

static void put_tail(struct walk *walk, const char *field, const char *p, size_t n)
{
        int r = walk->r < 0 ? walk->r : bytes_add(walk->out, p, n);

        if (r < 0)
                walk_fail(walk, r, field);
}

#define PUT(type, field, least, most)                                                                        \
        put(walk, #field, (int64_t)from->field, (int64_t)(least), (int64_t)(most));
#define TAKE(type, field, least, most)                                                                       \
        ret->field = (type)take(walk, #field, (int64_t)(least), (int64_t)(most));

static void limits_put(struct walk *walk, const struct limits *limits)
{
        for (int i = 0; i < LIMIT_COUNT; i++)
                put(walk, limit_rows[i].field, (int64_t)limit_get(limits, (enum limit)i),
                    (int64_t)limit_rows[i].least, (int64_t)limit_rows[i].most);
}

static void limits_take(struct walk *walk, struct limits *ret)
{
        for (int i = 0; i < LIMIT_COUNT; i++)
                *limit_at(ret, (enum limit)i) = (uint64_t)take(
                        walk, limit_rows[i].field, (int64_t)limit_rows[i].least, (int64_t)limit_rows[i].most);
}

static void job_put(struct walk *walk, const struct wire_job *from)
{
#define WIRE_JOB PUT
#include "job/wire.def"
        for (int i = 0; i < STAGE_COUNT; i++)
                limits_put(walk, &from->limits[i]);
        put_tail(walk, "words", from->words, from->words_bytes);
        if (from->inlined)
                put_tail(walk, "input", from->input, from->input_bytes);
}

/* TRUST: the words become file names and arguments; each must end where it says and names must be safe. */
static bool words_ok(const struct wire_job *job)
{
        const char *at = job->words, *end = at + job->words_bytes;
        size_t n_words = 1 + (size_t)job->n_sources + job->n_args, n_names = 1 + (size_t)job->n_sources;

        for (size_t i = 0; i < n_words; i++) {
                const char *nul = memchr(at, '\0', (size_t)(end - at));

                if (!nul || (i < n_names && !pack_name_ok(at, (size_t)(nul - at))))
                        return false;
                at = nul + 1;
        }
        return at == end;
}

static void job_take(struct walk *walk, struct wire_job *ret)
{
#define WIRE_JOB TAKE
#include "job/wire.def"
        for (int i = 0; i < STAGE_COUNT; i++)
                limits_take(walk, &ret->limits[i]);
        ret->words = take_tail(walk, "words", ret->words_bytes);
        if (ret->inlined)
                ret->input = take_tail(walk, "input", ret->input_bytes);
        if (walk->r == 0 && !words_ok(ret))
                walk_fail(walk, -EBADMSG, "words");
}

static void cancel_put(struct walk *walk, const struct wire_cancel *from)
{
#define WIRE_CANCEL PUT
#include "job/wire.def"
}

static void cancel_take(struct walk *walk, struct wire_cancel *ret)
{
#define WIRE_CANCEL TAKE
#include "job/wire.def"
}

static void signal_put(struct walk *walk, const struct wire_signal *from)
{
#define WIRE_SIGNAL PUT
#include "job/wire.def"
}

static void signal_take(struct walk *walk, struct wire_signal *ret)
{
#define WIRE_SIGNAL TAKE
#include "job/wire.def"
}

static void stage_put(struct walk *walk, const struct wire_stage *from)
{
#define WIRE_STAGE PUT
#include "job/wire.def"
}

static void stage_take(struct walk *walk, struct wire_stage *ret)
{
#define WIRE_STAGE TAKE
#include "job/wire.def"
}

static void result_put(struct walk *walk, const struct wire_result *from)
{
#define WIRE_RESULT PUT
#include "job/wire.def"
        for (int i = 0; i < STAGE_COUNT; i++)
                stage_put(walk, &from->stages[i]);
        if (from->inlined)
                put_tail(walk, "tail", from->tail, from->tail_bytes);
}

static void result_take(struct walk *walk, struct wire_result *ret)
{
        uint64_t sum = 0;

#define WIRE_RESULT TAKE
#include "job/wire.def"
        for (int i = 0; i < STAGE_COUNT; i++) {
                const struct wire_stage *stage = &ret->stages[i];

                stage_take(walk, &ret->stages[i]);
                sum += stage->text_bytes + stage->n_marks * sizeof(struct output_mark) + stage->output_bytes;
        }
        if (walk->r == 0 && sum != ret->tail_bytes)
                walk_fail(walk, -EBADMSG, "tail_bytes");
        if (ret->inlined)
                ret->tail = take_tail(walk, "tail", ret->tail_bytes);
}

static void input_put(struct walk *walk, const struct wire_input *from)
{
#define WIRE_INPUT PUT
#include "job/wire.def"
        put_tail(walk, "bytes", from->p, from->bytes);
}

static void input_take(struct walk *walk, struct wire_input *ret)
{
#define WIRE_INPUT TAKE
#include "job/wire.def"
        ret->p = take_tail(walk, "bytes", ret->bytes);
}

static void taken_put(struct walk *walk, const struct wire_taken *from)
{
#define WIRE_TAKEN PUT
#include "job/wire.def"
}

static void taken_take(struct walk *walk, struct wire_taken *ret)
{
#define WIRE_TAKEN TAKE
#include "job/wire.def"
}

static void begin_put(struct walk *walk, const struct wire_begin *from)
{
#define WIRE_BEGIN PUT
#include "job/wire.def"
}

static void begin_take(struct walk *walk, struct wire_begin *ret)
{
#define WIRE_BEGIN TAKE
#include "job/wire.def"
}

static void chunk_put(struct walk *walk, const struct wire_chunk *from)
{
#define WIRE_CHUNK PUT
#include "job/wire.def"
        put_tail(walk, "bytes", from->p, from->bytes);
}

static void chunk_take(struct walk *walk, struct wire_chunk *ret)
{
#define WIRE_CHUNK TAKE
#include "job/wire.def"
        ret->p = take_tail(walk, "bytes", ret->bytes);
}

static void end_put(struct walk *walk, const struct wire_end *from)
{
#define WIRE_END PUT
#include "job/wire.def"
        stage_put(walk, &from->result);
        put_tail(walk, "text", from->text, from->result.text_bytes);
}

static void end_take(struct walk *walk, struct wire_end *ret)
{
#define WIRE_END TAKE
#include "job/wire.def"
        stage_take(walk, &ret->result);
        if (ret->result.n_marks > 0 || ret->result.output_bytes > 0)
                walk_fail(walk, -EBADMSG, "output_bytes");
        ret->text = take_tail(walk, "text", ret->result.text_bytes);
}

static void frame_put(struct walk *walk, const struct wire_frame *frame)
{
        switch (frame->kind) {
        case WIRE_KIND_JOB:
                return job_put(walk, &frame->job);
        case WIRE_KIND_CANCEL:
                return cancel_put(walk, &frame->cancel);
        case WIRE_KIND_SIGNAL:
                return signal_put(walk, &frame->signal);
        case WIRE_KIND_RESULT:
                return result_put(walk, &frame->result);
        case WIRE_KIND_INPUT:
                return input_put(walk, &frame->input);
        case WIRE_KIND_TAKEN:
                return taken_put(walk, &frame->taken);
        case WIRE_KIND_BEGIN:
                return begin_put(walk, &frame->begin);
        case WIRE_KIND_CHUNK:
                return chunk_put(walk, &frame->chunk);
        case WIRE_KIND_END:
                return end_put(walk, &frame->end);
        case WIRE_KIND_COUNT:
                break;
        }
}

static void frame_take(struct walk *walk, struct wire_frame *frame)
{
        switch (frame->kind) {
        case WIRE_KIND_JOB:
                return job_take(walk, &frame->job);
        case WIRE_KIND_CANCEL:
                return cancel_take(walk, &frame->cancel);
        case WIRE_KIND_SIGNAL:
                return signal_take(walk, &frame->signal);
        case WIRE_KIND_RESULT:
                return result_take(walk, &frame->result);
        case WIRE_KIND_INPUT:
                return input_take(walk, &frame->input);
        case WIRE_KIND_TAKEN:
                return taken_take(walk, &frame->taken);
        case WIRE_KIND_BEGIN:
                return begin_take(walk, &frame->begin);
        case WIRE_KIND_CHUNK:
                return chunk_take(walk, &frame->chunk);
        case WIRE_KIND_END:
                return end_take(walk, &frame->end);
        case WIRE_KIND_COUNT:
                break;
        }
}

int wire_encode(const struct wire_frame *frame, struct bytes *out, const char **ret_field)
{
        struct walk walk = { .out = out };

        put(&walk, "magic", WIRE_MAGIC, WIRE_MAGIC, WIRE_MAGIC);
        put(&walk, "kind", (int64_t)frame->kind, WIRE_KIND_JOB, WIRE_KIND_COUNT - 1);
        if (walk.r == 0)
                frame_put(&walk, frame);
        if (walk.r < 0)
                *ret_field = walk.field;
        return walk.r;
}

static size_t fds_needed(const struct wire_frame *frame)
{
        if (frame->kind == WIRE_KIND_JOB)
                return frame->job.inlined ? 1 : 2;
        if (frame->kind == WIRE_KIND_RESULT)
                return (frame->result.inlined ? 0 : 1) + (frame->result.packed ? 1 : 0);
        return 0;
}

int wire_decode(const void *p, size_t n, size_t n_fds, struct wire_frame *ret_frame, const char **ret_field)
{
        struct walk walk = { .in = { p, n } };
        struct wire_frame frame = { 0 };

        take(&walk, "magic", WIRE_MAGIC, WIRE_MAGIC);
        frame.kind = (enum wire_kind)take(&walk, "kind", WIRE_KIND_JOB, WIRE_KIND_COUNT - 1);
        if (walk.r == 0)
                frame_take(&walk, &frame);
        if (walk.r == 0 && walk.in.n > 0)
                walk_fail(&walk, -EBADMSG, "length");
        if (walk.r == 0 && n_fds != fds_needed(&frame))
                walk_fail(&walk, -EBADMSG, "descriptors");
        if (walk.r < 0)
                *ret_field = walk.field;
        else
                *ret_frame = frame;
        return walk.r;
}

void wire_message_deinit(struct wire_message *message)
{
        fdio_close_all(message->fds, message->n_fds);
        message->n_fds = 0;
        bytes_deinit(&message->bytes);
}

static void stage_fill(struct wire_stage *wire, const struct stage_result *stage)
{
        *wire = (struct wire_stage){
                .ran = stage->ran,
                .cached = stage->cached,
                .warm = stage->warm,
                .verdict = (uint32_t)stage->verdict,
                .exit_code = stage->exit_code,
                .signal = stage->signal,
                .wall_ns = stage->wall_ns,
                .cpu_ns = stage->cpu_ns,
                .memory_bytes = stage->memory_bytes,
#define TIMING(field, text) .field##_ns = stage->timing.field##_ns,
#include "job/timing.def"
#undef TIMING
                .text_bytes = (uint32_t)strlen(stage->text),
                .n_marks = stage->output.marks.n / sizeof(struct output_mark),
                .output_bytes = stage->output.bytes.n,
        };
}

void wire_end_fill(struct wire_end *wire, const struct stage_result *result)
{
        stage_fill(&wire->result, result);
        wire->result.n_marks = wire->result.output_bytes = 0;
        wire->text = result->text;
}

/* The tail of a result; a few copies more than needed, and one place less that builds it. */
static int tail_build(const struct result *result, struct bytes *tail)
{
        int r = 0;

        for (int i = 0; i < STAGE_COUNT && r == 0; i++) {
                const struct stage_result *stage = &result->stages[i];

                r = bytes_add_text(tail, stage->text);
                if (r == 0)
                        r = bytes_add(tail, stage->output.marks.p, stage->output.marks.n);
                if (r == 0)
                        r = bytes_add(tail, stage->output.bytes.p, stage->output.bytes.n);
        }
        return r;
}

int wire_result_encode(uint64_t ticket, const struct result *result, struct wire_message *ret_message)
{
        CLEANUP(bytes_deinit) struct bytes tail = BYTES_INIT(WIRE_TAIL_BYTES);
        CLEANUP(wire_message_deinit) struct wire_message message = WIRE_MESSAGE_INIT;
        struct wire_frame frame = { .kind = WIRE_KIND_RESULT,
                                    .result = { .ticket = ticket, .sent_ns = clock_now_ns() } };
        const char *field;
        int r = tail_build(result, &tail);

        if (r < 0)
                return r;
        for (int i = 0; i < STAGE_COUNT; i++)
                stage_fill(&frame.result.stages[i], &result->stages[i]);
        frame.result.tail = tail.p;
        frame.result.tail_bytes = tail.n;
        frame.result.inlined = tail.n <= WIRE_INLINE_TAIL;
        if (!frame.result.inlined) {
                int fd = fdio_memfd_of("result", tail.p, tail.n);

                if (fd < 0)
                        return fd;
                message.fds[message.n_fds++] = fd;
        }
        frame.result.packed = result->pack >= 0;
        if (frame.result.packed) {
                int fd = fcntl(result->pack, F_DUPFD_CLOEXEC, 0);

                if (fd < 0)
                        return -errno;
                message.fds[message.n_fds++] = fd;
        }
        r = wire_encode(&frame, &message.bytes, &field);
        if (r < 0)
                return r;
        *ret_message = message;
        message = WIRE_MESSAGE_INIT;
        return 0;
}

/* TRUST: marks must cover the output exactly, or a reader of the result would run past it. */
static int output_fill(struct output *output, const char *marks, uint64_t n_marks, const char *p, uint64_t n)
{
        for (uint64_t i = 0; i < n_marks; i++) {
                struct output_mark mark;
                int r;

                memcpy(&mark, marks + i * sizeof(mark), sizeof(mark));
                if (mark.stream >= STREAM_COUNT || mark.n == 0 || mark.n > n)
                        return -EBADMSG;
                r = output_add(output, (enum stream)mark.stream, p, mark.n);
                if (r < 0)
                        return r;
                p += mark.n;
                n -= mark.n;
        }
        return n == 0 ? 0 : -EBADMSG;
}

static void numbers_read(const struct wire_stage *wire, const char *text, struct stage_result *stage)
{
        stage->ran = wire->ran;
        stage->cached = wire->cached;
        stage->warm = wire->warm;
        stage->verdict = (enum verdict)wire->verdict;
        stage->exit_code = wire->exit_code;
        stage->signal = wire->signal;
        stage->wall_ns = wire->wall_ns;
        stage->cpu_ns = wire->cpu_ns;
        stage->memory_bytes = wire->memory_bytes;
#define TIMING(field, text) stage->timing.field##_ns = wire->field##_ns;
#include "job/timing.def"
#undef TIMING
        memcpy(stage->text, text, wire->text_bytes);
        stage->text[wire->text_bytes] = '\0';
}

void wire_end_read(const struct wire_end *wire, struct stage_result *result)
{
        numbers_read(&wire->result, wire->text, result);
}

static int stage_decode(const struct wire_stage *wire, const char **at, struct stage_result *stage)
{
        const char *text = *at, *marks = text + wire->text_bytes;
        const char *output = marks + wire->n_marks * sizeof(struct output_mark);

        numbers_read(wire, text, stage);
        *at = output + wire->output_bytes;
        return output_fill(&stage->output, marks, wire->n_marks, output, wire->output_bytes);
}

int wire_result_decode(const struct wire_result *wire, struct view tail, struct result *result)
{
        const char *at = tail.p;
        int r = 0;

        if (tail.n != wire->tail_bytes)
                return -EBADMSG;
        for (int i = 0; i < STAGE_COUNT && r == 0; i++)
                r = stage_decode(&wire->stages[i], &at, &result->stages[i]);
        return r;
}

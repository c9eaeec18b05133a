/*
 * Output lies in one string in the order it arrived; neighbouring bytes of one stream share a mark, so a
 * program that writes to one stream only costs one mark.
 */
#include "job/result.h"

/* The limits of streams were applied before; these only keep the sizes inside 32 bits per run. */
#define OUTPUT_BYTES_MAX (2 * GIB)
#define OUTPUT_MARKS_MAX (OUTPUT_BYTES_MAX * sizeof(struct output_mark))

static struct output_mark *last_mark(const struct output *output)
{
        size_t n = output->marks.n / sizeof(struct output_mark);

        return n == 0 ? NULL : (struct output_mark *)(void *)output->marks.p + (n - 1);
}

int output_add(struct output *output, enum stream stream, const void *p, size_t n)
{
        struct output_mark fresh = { (uint32_t)stream, 0 }, *mark = last_mark(output);
        int r;

        must(stream < STREAM_COUNT);
        if (n == 0)
                return 0;
        r = bytes_reserve(&output->bytes, n);
        if (r < 0)
                return r;
        if (!mark || mark->stream != (uint32_t)stream) {
                r = bytes_add(&output->marks, &fresh, sizeof(fresh));
                if (r < 0)
                        return r;
                mark = last_mark(output);
        }
        r = bytes_add(&output->bytes, p, n);
        if (r < 0)
                return r;
        mark->n += (uint32_t)n;
        output->totals[stream] += n;
        return 0;
}

void output_each(const struct output *output, enum stream stream, void (*each)(void *arg, struct view run),
                 void *arg)
{
        const char *at = output->bytes.p;

        for (size_t i = 0; i + sizeof(struct output_mark) <= output->marks.n;
             i += sizeof(struct output_mark)) {
                struct output_mark mark;

                memcpy(&mark, output->marks.p + i, sizeof(mark));
                if (stream == STREAM_COUNT || mark.stream == (uint32_t)stream)
                        each(arg, (struct view){ at, mark.n });
                at += mark.n;
        }
}

void result_init(struct result *result)
{
        *result = (struct result){ .pack = -1 };
        for (int i = 0; i < STAGE_COUNT; i++) {
                result->stages[i].exit_code = -1;
                result->stages[i].output.bytes = BYTES_INIT(OUTPUT_BYTES_MAX);
                result->stages[i].output.marks = BYTES_INIT(OUTPUT_MARKS_MAX);
        }
}

void result_deinit(struct result *result)
{
        close_fd(&result->pack);
        for (int i = 0; i < STAGE_COUNT; i++) {
                bytes_deinit(&result->stages[i].output.bytes);
                bytes_deinit(&result->stages[i].output.marks);
        }
}

const struct stage_result *result_last(const struct result *result)
{
        const struct stage_result *compile = &result->stages[STAGE_COMPILE];

        return compile->ran && compile->verdict != VERDICT_OK ? compile : &result->stages[STAGE_RUN];
}

/*
 * A request body of any type: what is found of a member is no longer than what was sent, and the same when asked again.
 * The input is a line of Content-Type, a line of query, then the body.
 */
#include "api/fields.h"
#include "fuzz.h"

static struct view line_take(const uint8_t **data, size_t *size)
{
        const uint8_t *newline = memchr(*data, '\n', *size);
        struct view line = { (const char *)*data, newline ? (size_t)(newline - *data) : *size };
        size_t used = line.n + (newline != NULL);

        *data += used;
        *size -= used;
        return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const names[] = { "code", "language", "" };
        struct view type = line_take(&data, &size), query = line_take(&data, &size);
        struct fields fields;

        if (fields_open(&fields, type, query, (struct view){ (const char *)data, size }) == 0)
                for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                        CLEANUP(bytes_deinit) struct bytes one = BYTES_INIT(size + query.n), two = one;
                        int r = fields_text(&fields, names[i], &one);

                        must(r != -ENOSPC && fields_text(&fields, names[i], &two) == r);
                        must(r != 0 || view_eq(bytes_view(&one), bytes_view(&two)));
                }
        fields_close(&fields);
        return 0;
}

/* Whatever a program prints becomes a JSON string that another parser reads; fragments make the same one. */
#include "fuzz.h"
#include "util/json_out.h"

#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct bytes whole = BYTES_INIT(64 * MIB), pieces = BYTES_INIT(64 * MIB);
        const char *p = (const char *)data;
        struct json_out json;
        json_t *read;

        json_out_init(&json, &whole);
        json_out_string(&json, (struct view){ p, size });
        must(json_out_error(&json) == 0);
        json_out_init(&json, &pieces);
        json_out_string_begin(&json);
        for (size_t at = 0; at < size; at += 3)
                json_out_string_add(&json, (struct view){ p + at, MIN((size_t)3, size - at) });
        json_out_string_end(&json);
        must(json_out_error(&json) == 0);
        must(view_eq(bytes_view(&whole), bytes_view(&pieces)));
        read = json_loadb(whole.p, whole.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        must(json_is_string(read));
        json_decref(read);
        bytes_deinit(&whole);
        bytes_deinit(&pieces);
        return 0;
}

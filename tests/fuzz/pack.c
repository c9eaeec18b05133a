/* A pack that lies ends in -EBADMSG; every item lies inside the pack and has a name that stays inside its folder. */
#include "fuzz.h"
#include "util/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *p = (const char *)data, *end = p + size;
        struct pack_reader reader;
        struct pack_item item;

        if (pack_reader_init(&reader, data, size) < 0)
                return 0;
        while (pack_reader_next(&reader, &item) == 1) {
                must(item.name >= p && item.name + item.name_len <= end);
                must(item.size == 0 || (item.content >= p && item.content + item.size <= end));
                must(pack_name_ok(item.name, item.name_len));
        }
        return 0;
}

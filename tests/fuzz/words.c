/*
 * Short texts of strangers: queries, base64 and hex as Node reads them, lists of packages, addresses, URLs of webhooks.  The
 * first byte says which.
 */
#include "api/decode.h"
#include "api/query.h"
#include "fuzz.h"
#include "job/receiver.h"
#include "packer/index.h"
#include "util/err.h"

#include <sys/socket.h>

enum { ROOM = 64 };

static void query(struct view text)
{
        static const char *const names[] = { "wait", "a", "" };
        char value[ROOM];
        uint64_t number;

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                if (query_text(text, names[i], value, sizeof(value)) == 0)
                        must(strnlen(value, ROOM) < ROOM);
                if (query_count(text, names[i], 1000, &number) == 0)
                        must(number <= 1000);
        }
}

static void decoded(struct view text)
{
        struct bytes bytes = BYTES_INIT(text.n * 3 / 4 + 4);

        must(decode_base64(text, &bytes) == 0);
        bytes_deinit(&bytes);
        bytes = BYTES_INIT(text.n / 2 + 1);
        must(decode_hex(text, &bytes) == 0 && bytes.n <= text.n / 2);
        bytes_deinit(&bytes);
}

static void packages(struct view text)
{
        struct index index;
        struct semver version;

        must(index_parse(text, &index) == 0 && index.n <= INDEX_LINES_MAX);
        for (size_t i = 0; i < index.n; i++) {
                const struct index_line *line = &index.lines[i];

                must(index_name_ok(view_of(line->name)) && index_name_ok(view_of(line->version)));
                must(strlen(line->sum) == INDEX_SUM_TEXT - 1 && line->url && line->url[0]);
                if (index_version(line->version, &version) == 0 && !version.tag[0])
                        must(index_find(&index, line->name, "*"));
        }
        index_deinit(&index);
}

/* An address is written in one way, which means the same. */
static void addresses(struct view text)
{
        char *copy = strndup(text.p, text.n), again[ADDRESS_TEXT_MAX];
        struct address_blocks *blocks = calloc(1, sizeof(*blocks));
        struct address one, two;
        struct err err = { "" };

        must(copy && blocks);
        if (address_parse(copy, &one) == 0) {
                address_text(&one, again);
                must(address_parse(again, &two) == 0 && one.family == two.family);
                must(memcmp(one.bytes, two.bytes, one.family == AF_INET ? 4 : 16) == 0);
                must(address_is_global(&one) == address_is_global(&two));
        }
        if (address_blocks_parse(copy, blocks, &err) == 0)
                must(blocks->n <= ADDRESS_BLOCKS_MAX);
        else
                must(err.text[0]);
        free(blocks);
        free(copy);
}

static void receiver(struct view text)
{
        char *copy = strndup(text.p, text.n);
        struct receiver_url url;
        struct err err = { "" };

        must(copy);
        if (receiver_parse(copy, &url, &err) == 0)
                must(url.port > 0 && url.host[0] &&
                     strnlen(url.host, sizeof(url.host)) <= RECEIVER_HOST_MAX &&
                     !strpbrk(url.host, "/@?# \r\n\t\\"));
        else
                must(err.text[0]);
        free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static void (*const readers[])(struct view text) = { query, decoded, packages, addresses, receiver };
        size_t which = size > 0 ? data[0] - (size_t)'0' : ARRAY_LEN(readers);

        if (which < ARRAY_LEN(readers))
                readers[which]((struct view){ (const char *)data + 1, size - 1 });
        return 0;
}

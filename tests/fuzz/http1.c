/* A request is the same however the network cuts it: whole, byte by byte, or in pieces of seven. */
#include "fuzz.h"
#include "api/http1.h"

enum { BODY_LIMIT = 4096 };

struct outcome {
        int head;
        size_t head_len;
        int body;
        size_t used;
        struct bytes content;
};

static void read_all(const char *p, size_t n, size_t step, struct outcome *outcome)
{
        struct http1_scan scan = { 0 };
        struct http1 http;
        const char *reason;

        *outcome = (struct outcome){ .content = BYTES_INIT(BODY_LIMIT) };
        for (size_t seen = MIN(step, n);; seen = MIN(seen + step, n)) {
                outcome->head = http1_scan(&scan, p, seen, &reason);
                if (outcome->head != 0 || seen == n)
                        break;
        }
        if (outcome->head != HTTP1_DONE)
                return;
        must(scan.at <= n);
        outcome->head_len = scan.at;
        http1_init(&http, BODY_LIMIT);
        outcome->body = http1_begin(&http, (struct view){ p, scan.at });
        for (size_t at = scan.at; outcome->body == 0 && at < n;) {
                size_t used = 0, piece = MIN(step, n - at);

                outcome->body = http1_feed(&http, p + at, piece, &used);
                must(used <= piece);
                at += used;
                outcome->used += used;
                if (outcome->body == 0)
                        must(used == piece);
        }
        if (outcome->body == HTTP1_DONE)
                must(bytes_add(&outcome->content, bytes_view(&http.body).p, http.body.n) == 0);
        http1_deinit(&http);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const size_t steps[] = { 1, 7 };
        struct outcome whole, pieces;

        read_all((const char *)data, size, MAX(size, (size_t)1), &whole);
        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
                read_all((const char *)data, size, steps[i], &pieces);
                must(whole.head == pieces.head);
                must(whole.head_len == pieces.head_len);
                /* Nonsense with two reasons to be refused may meet either first. */
                must(whole.body == pieces.body || (whole.body >= 400 && pieces.body >= 400));
                if (whole.body == HTTP1_DONE) {
                        must(whole.used == pieces.used);
                        must(view_eq(bytes_view(&whole.content), bytes_view(&pieces.content)));
                }
                bytes_deinit(&pieces.content);
        }
        bytes_deinit(&whole.content);
        return 0;
}

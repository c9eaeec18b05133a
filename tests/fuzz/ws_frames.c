/* What a WebSocket client sends is the same however the network cuts it: the messages, what is answered, and the end. */
#include "fuzz.h"
#include "api/ws_frames.h"

#include <event2/buffer.h>

enum { MESSAGE_LIMIT = 4096, HEARD_LIMIT = 1 << 22, ROOM_LIMIT = 2 * MESSAGE_LIMIT + 64 };

struct outcome {
        struct bytes heard; /* each message behind its length */
        struct evbuffer *said;
        int end;
};

static void on_message(void *arg, struct bytes *message)
{
        struct outcome *outcome = arg;

        must(message->n <= MESSAGE_LIMIT);
        must(bytes_printf(&outcome->heard, "%zu:", message->n) == 0);
        must(bytes_add(&outcome->heard, bytes_view(message).p, message->n) == 0);
}

static bool on_room(void *arg, size_t room)
{
        (void)arg;
        must(room <= ROOM_LIMIT);
        return true;
}

static const struct ws_frames_fns fns = { on_message, on_room };

static void read_all(const char *p, size_t n, size_t step, struct outcome *outcome)
{
        struct ws_frames frames;

        *outcome = (struct outcome){ .heard = BYTES_INIT(HEARD_LIMIT), .said = evbuffer_new() };
        must(outcome->said);
        must(ws_frames_init(&frames, MESSAGE_LIMIT, outcome->said, &fns, outcome) == 0);
        for (size_t at = 0; at < n && outcome->end == 0; at += step)
                outcome->end = ws_frames_take(&frames, (struct view){ p + at, MIN(step, n - at) }, 1);
        must(outcome->end >= 0);
        if (outcome->end == FRAMES_CLOSED)
                must(ws_frames_take(&frames, VIEW("\x81\x80xxxx"), 1) == FRAMES_CLOSED);
        must(ws_frames_say(&frames, VIEW("bye")) == 0);
        must(ws_frames_close(&frames, 1000, "end") == 0);
        ws_frames_deinit(&frames);
}

static bool same_said(struct evbuffer *a, struct evbuffer *b)
{
        size_t n = evbuffer_get_length(a);

        return n == evbuffer_get_length(b) &&
               (n == 0 || memcmp(evbuffer_pullup(a, -1), evbuffer_pullup(b, -1), n) == 0);
}

static void outcome_deinit(struct outcome *outcome)
{
        bytes_deinit(&outcome->heard);
        evbuffer_free(outcome->said);
}

/* Was a broken frame or broken UTF-8 what ended it?  wslay sees some of that sooner when it has more of the frame. */
static bool was_broken(struct outcome *outcome)
{
        size_t n = evbuffer_get_length(outcome->said);
        const unsigned char *p = evbuffer_pullup(outcome->said, -1);

        return outcome->end == FRAMES_CLOSED && n >= 4 && p[n - 4] == 0x88 && p[n - 3] == 2 &&
               p[n - 2] == 3 && (p[n - 1] == 0xea || p[n - 1] == 0xef);
}

static void compare(struct outcome *whole, struct outcome *pieces)
{
        must(view_eq(bytes_view(&whole->heard), bytes_view(&pieces->heard)));
        if (was_broken(whole) || was_broken(pieces))
                return;
        must(whole->end == pieces->end);
        must(same_said(whole->said, pieces->said));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const size_t steps[] = { 1, 7, 125 };
        struct outcome whole, pieces;

        read_all((const char *)data, size, MAX(size, (size_t)1), &whole);
        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
                read_all((const char *)data, size, steps[i], &pieces);
                compare(&whole, &pieces);
                outcome_deinit(&pieces);
        }
        outcome_deinit(&whole);
        return 0;
}

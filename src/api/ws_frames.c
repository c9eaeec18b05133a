/*
 * wslay takes frames apart and checks them (masks, lengths, fragments, UTF-8, close codes); messages are put together
 * here, where their memory is counted.  It also makes our frames; they go to `out` at once, so nothing ever waits
 * inside it.
 *
 * LIMIT: wslay answers a broken frame with a close that has no code, so the 1002 of that case is written by hand.
 */
#include "api/ws_frames.h"
#include "util/log.h"

#include <event2/buffer.h>
#include <wslay/wslay.h>

enum { MESSAGE_KEPT = 4096 }; /* memory kept for the next message */

/* Have wslay write what it holds to `out`. */
static int put(struct ws_frames *frames)
{
        if (wslay_event_send(frames->wslay) != 0)
                frames->failed = true;
        return frames->failed ? -ENOMEM : 0;
}

int ws_frames_close(struct ws_frames *frames, unsigned code, const char *reason)
{
        if (frames->closed)
                return 0;
        frames->closed = true;
        (void)wslay_event_queue_close(frames->wslay, (uint16_t)code, (const uint8_t *)reason, strlen(reason));
        return put(frames);
}

/* The client broke a rule of ours. */
static void expel(struct ws_frames *frames, unsigned code, const char *reason)
{
        log_debug("websocket closed: %u %s", code, reason);
        (void)!ws_frames_close(frames, code, reason);
}

static ssize_t on_recv(wslay_event_context_ptr ctx, uint8_t *p, size_t n, int flags, void *arg)
{
        struct ws_frames *frames = arg;

        n = frames->closed ? 0 : MIN(n, frames->input.n);
        if (n == 0) {
                wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
                return -1;
        }
        memcpy(p, frames->input.p, n);
        frames->input.p += n;
        frames->input.n -= n;
        return (ssize_t)n;
}

static ssize_t on_send(wslay_event_context_ptr ctx, const uint8_t *p, size_t n, int flags, void *arg)
{
        struct ws_frames *frames = arg;

        if (evbuffer_add(frames->out, p, n) == 0)
                return (ssize_t)n;
        wslay_event_set_error(ctx, WSLAY_ERR_NOMEM);
        return -1;
}

static void count_control(struct ws_frames *frames)
{
        if (frames->second != frames->now_s)
                frames->controls = 0;
        frames->second = frames->now_s;
        if (++frames->controls > FRAMES_CONTROLS_PER_SECOND)
                expel(frames, WSLAY_CODE_POLICY_VIOLATION, "too many pings");
}

static void on_frame(wslay_event_context_ptr ctx, const struct wslay_event_on_frame_recv_start_arg *frame,
                     void *arg)
{
        struct ws_frames *frames = arg;

        frames->control = wslay_is_ctrl_frame(frame->opcode);
        if (frames->closed)
                return;
        if (frame->opcode == WSLAY_CONNECTION_CLOSE && frame->payload_length == 1)
                expel(frames, WSLAY_CODE_PROTOCOL_ERROR, "");
        else if (frames->control)
                count_control(frames);
        else if (frame->payload_length > frames->message.cap - frames->message.n)
                expel(frames, WSLAY_CODE_MESSAGE_TOO_BIG, "message too big");
}

static void tell_room(struct ws_frames *frames)
{
        if (!frames->fns->on_room(frames->arg, frames->message.room))
                expel(frames, FRAMES_TRY_AGAIN_LATER, "too many large messages at once");
}

static void on_chunk(wslay_event_context_ptr ctx, const struct wslay_event_on_frame_recv_chunk_arg *chunk,
                     void *arg)
{
        struct ws_frames *frames = arg;

        if (frames->control || frames->closed)
                return;
        if (bytes_add(&frames->message, chunk->data, chunk->data_length) < 0)
                frames->failed = true;
        tell_room(frames);
}

static void on_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *message,
                       void *arg)
{
        struct ws_frames *frames = arg;

        if (wslay_is_ctrl_frame(message->opcode) || frames->closed) {
                (void)!put(frames); /* a pong goes before whatever comes next, and before the end of all */
                return;
        }
        frames->fns->on_message(frames->arg, &frames->message);
        if (frames->message.room > MESSAGE_KEPT)
                bytes_deinit(&frames->message);
        bytes_clear(&frames->message);
        tell_room(frames);
}

static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_recv,
        .send_callback = on_send,
        .on_frame_recv_start_callback = on_frame,
        .on_frame_recv_chunk_callback = on_chunk,
        .on_msg_recv_callback = on_message,
};

int ws_frames_init(struct ws_frames *frames, size_t message_limit, struct evbuffer *out,
                   const struct ws_frames_fns *fns, void *arg)
{
        *frames = (struct ws_frames){ fns, arg, out, .message = BYTES_INIT(message_limit) };
        if (wslay_event_context_server_init(&frames->wslay, &callbacks, frames) != 0)
                return -ENOMEM;
        wslay_event_config_set_no_buffering(frames->wslay, 1);
        return 0;
}

void ws_frames_deinit(struct ws_frames *frames)
{
        if (frames->wslay)
                wslay_event_context_free(frames->wslay);
        frames->wslay = NULL;
        bytes_deinit(&frames->message);
}

/* A frame that is none: see above. */
static int refuse_frame(struct ws_frames *frames)
{
        static const char close_1002[] = { '\x88', 2, '\x03', '\xea' };
        int r = frames->closed ? 0 : evbuffer_add(frames->out, close_1002, sizeof(close_1002));

        frames->closed = true;
        return r < 0 ? -ENOMEM : FRAMES_CLOSED;
}

int ws_frames_take(struct ws_frames *frames, struct view bytes, uint64_t now_s)
{
        if (frames->closed)
                return FRAMES_CLOSED;
        frames->input = bytes;
        frames->now_s = now_s;
        if (wslay_event_recv(frames->wslay) != 0)
                return refuse_frame(frames);
        if (put(frames) < 0)
                return -ENOMEM;
        if (!wslay_event_get_read_enabled(frames->wslay))
                frames->closed = true;
        return frames->closed ? FRAMES_CLOSED : 0;
}

static int queue(struct ws_frames *frames, uint8_t opcode, struct view payload)
{
        struct wslay_event_msg message = { opcode, (const uint8_t *)payload.p, payload.n };

        if (wslay_event_queue_msg(frames->wslay, &message) == WSLAY_ERR_NOMEM)
                frames->failed = true;
        return put(frames);
}

int ws_frames_say(struct ws_frames *frames, struct view text)
{
        return queue(frames, WSLAY_TEXT_FRAME, text);
}

int ws_frames_ping(struct ws_frames *frames)
{
        return queue(frames, WSLAY_PING, (struct view){ NULL, 0 });
}

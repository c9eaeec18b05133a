#pragma once

/*
 * Frames: what a WebSocket client sends, as whole messages, and what is said to it, as frames.  No socket and no clock:
 * bytes in, messages and bytes out, and the same ones however the network cut them.
 *
 * Broken frames, messages over their limit and too many pings end it: it says why, and listens to nothing more.
 */

#include "util/base.h"
#include "util/bytes.h"

struct evbuffer;
struct wslay_event_context;

enum {
        FRAMES_CONTROLS_PER_SECOND = 100, /* pings and pongs */
        FRAMES_TRY_AGAIN_LATER = 1013,    /* a close code that wslay has no name for */
};

struct ws_frames_fns {
        /* A whole message; it may be taken over.  May close. */
        void (*on_message)(void *arg, struct bytes *message);
        /* The message at hand takes @room bytes of memory now; false ends it with 1013. */
        bool (*on_room)(void *arg, size_t room);
};

struct ws_frames {
        const struct ws_frames_fns *fns;
        void *arg;
        struct evbuffer *out; /* the caller's: what is said goes there */
        struct wslay_event_context *wslay;
        struct view input; /* what wslay may read now */
        struct bytes message;
        bool control;           /* the frame at hand is no part of a message */
        bool closed;            /* by either side: nothing more is heard */
        bool failed;            /* memory is out */
        uint64_t now_s, second; /* in which the control frames are counted */
        unsigned controls;
};

enum { FRAMES_CLOSED = 1 };

int ws_frames_init(struct ws_frames *frames, size_t message_limit, struct evbuffer *out,
                   const struct ws_frames_fns *fns, void *arg) MUST_USE;
void ws_frames_deinit(struct ws_frames *frames);

/* Bytes of the client, in the second @now_s: 0, FRAMES_CLOSED, -ENOMEM.  What is behind a close is not looked at. */
int ws_frames_take(struct ws_frames *frames, struct view bytes, uint64_t now_s) MUST_USE;

/* What is said to it: 0 or -ENOMEM. */
int ws_frames_say(struct ws_frames *frames, struct view text) MUST_USE;
int ws_frames_ping(struct ws_frames *frames) MUST_USE;
int ws_frames_close(struct ws_frames *frames, unsigned code, const char *reason) MUST_USE;

#pragma once

/*
 * Wire: the frames between front and runner, both directions from one table (wire.def).
 *
 *   frame   magic, kind, the fields of its kind as 64-bit numbers, then a tail of bytes
 *   tail    JOB: words (main file name, source names, arguments, each NUL-terminated), stdin when inlined
 *           RESULT: for each stage its text, marks, output; in a sealed memfd when large
 *           INPUT, CHUNK: the bytes; END: the text of the stage
 *
 * An interactive job streams: the runner says BEGIN, CHUNK..., END for each stage and then the RESULT without
 * the outputs, the front sends INPUT for the run stage.  Neither direction ever holds more than
 * WIRE_WINDOW_BYTES that the other end has not said to be TAKEN; only what a box left in its pipes when it ended
 * may go beyond.
 *
 * Descriptors travel beside a frame: JOB the sealed pack of the files, then stdin when not inlined;
 * RESULT its tail when not inlined, then the pack of a compile stage.  One frame is one SOCK_SEQPACKET
 * message.  The two ends are different trust domains: decoding believes nothing and allocates nothing.
 */

#include "util/base.h"
#include "util/bytes.h"
#include "config/limits.h"
#include "job/job.h"
#include "job/result.h"

enum {
        WIRE_MAGIC = 0x63727735,      /* "crw5": changes with the layout */
        WIRE_FRAME_BYTES = 80 * 1024, /* largest message */
        WIRE_WORDS_BYTES = JOB_WORDS_MAX + JOB_NAME_MAX + 1,
        WIRE_INLINE_INPUT = 16 * 1024,
        WIRE_INLINE_TAIL = 48 * 1024,
        WIRE_CHUNK_BYTES = 32 * 1024,
        WIRE_WINDOW_BYTES = 64 * 1024,
        WIRE_TEXT_BYTES = 255,
        WIRE_FDS_MAX = 2,
};

struct err;

#define WIRE_INPUT_BYTES (4 * GIB)
#define WIRE_TAIL_BYTES  (64 * GIB)

enum wire_kind {
        WIRE_KIND_JOB = 1,
        WIRE_KIND_CANCEL,
        WIRE_KIND_SIGNAL,
        WIRE_KIND_RESULT,
        WIRE_KIND_INPUT,
        WIRE_KIND_TAKEN,
        WIRE_KIND_BEGIN,
        WIRE_KIND_CHUNK,
        WIRE_KIND_END,
        WIRE_KIND_COUNT,
};

#define WIRE_MEMBER(type, field, least, most) type field;

struct wire_job {
#define WIRE_JOB WIRE_MEMBER
#include "job/wire.def"
        struct limits limits[STAGE_COUNT];
        const char *words;
        const char *input; /* when inlined */
};

struct wire_cancel {
#define WIRE_CANCEL WIRE_MEMBER
#include "job/wire.def"
};

struct wire_signal {
#define WIRE_SIGNAL WIRE_MEMBER
#include "job/wire.def"
};

struct wire_stage {
#define WIRE_STAGE WIRE_MEMBER
#include "job/wire.def"
};

struct wire_input {
#define WIRE_INPUT WIRE_MEMBER
#include "job/wire.def"
        const char *p;
};

struct wire_taken {
#define WIRE_TAKEN WIRE_MEMBER
#include "job/wire.def"
};

struct wire_begin {
#define WIRE_BEGIN WIRE_MEMBER
#include "job/wire.def"
};

struct wire_chunk {
#define WIRE_CHUNK WIRE_MEMBER
#include "job/wire.def"
        const char *p;
};

struct wire_end {
#define WIRE_END WIRE_MEMBER
#include "job/wire.def"
        struct wire_stage result; /* without marks and output */
        const char *text;
};

struct wire_result {
#define WIRE_RESULT WIRE_MEMBER
#include "job/wire.def"
        struct wire_stage stages[STAGE_COUNT];
        const char *tail; /* when inlined */
};

struct wire_frame {
        enum wire_kind kind;
        union {
                struct wire_job job;
                struct wire_cancel cancel;
                struct wire_signal signal;
                struct wire_result result;
                struct wire_input input;
                struct wire_taken taken;
                struct wire_begin begin;
                struct wire_chunk chunk;
                struct wire_end end;
        };
};

/* A frame ready to go, with the descriptors it owns. */
struct wire_message {
        struct bytes bytes;
        int fds[WIRE_FDS_MAX];
        size_t n_fds;
};

#define WIRE_MESSAGE_INIT ((struct wire_message){ .bytes = BYTES_INIT(WIRE_FRAME_BYTES), .fds = { -1, -1 } })

void wire_message_deinit(struct wire_message *message);

/* Append the frame to @out.  0, -EINVAL with the field that is out of bounds, or -errno. */
int wire_encode(const struct wire_frame *frame, struct bytes *out, const char **ret_field) MUST_USE;

/*
 * Take a frame apart; what it points to lies in @p.  0, or -EBADMSG with the field (or part) that is wrong.
 * After 0: every number is in bounds, words are whole and names are safe (pack_name_ok), and @n_fds is
 * what the frame needs.
 */
int wire_decode(const void *p, size_t n, size_t n_fds, struct wire_frame *ret_frame,
                const char **ret_field) MUST_USE;

/* The frame of a job and the descriptors it needs; after a failure @message is the caller's to throw away.  0, or -errno
 * with text. */
int wire_job_encode(const struct job *job, uint64_t ticket, bool interactive, struct wire_message *message,
                    struct err *err) MUST_USE;

/* The frame of a result, its tail in a sealed memfd when it is large; the result keeps its pack.  0 or
 * -errno. */
int wire_result_encode(uint64_t ticket, const struct result *result,
                       struct wire_message *ret_message) MUST_USE;

/* Fill @result (after result_init()) from a decoded frame and its tail, wherever that came from. */
int wire_result_decode(const struct wire_result *wire, struct view tail, struct result *result) MUST_USE;

/* A stage that ended, without its output: into a frame (which borrows the text), and back. */
void wire_end_fill(struct wire_end *wire, const struct stage_result *result);
void wire_end_read(const struct wire_end *wire, struct stage_result *result);

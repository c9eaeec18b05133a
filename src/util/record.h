#pragma once

/*
 * Record: numbers and byte strings one behind the other, for what is stored or sent between our processes.
 *
 *   number   8 bytes, this machine's order
 *   bytes    a number, then so many bytes
 *
 * Both ends keep the first failure: write or read everything, then ask once.  The reader believes nothing and
 * allocates nothing; what it returns lies in the bytes it was given.
 */

#include "util/bytes.h"

struct record_out {
        struct bytes *bytes; /* borrowed */
        int error;
};

struct record_in {
        struct view left;
        bool bad;
};

void record_out_init(struct record_out *out, struct bytes *bytes);
void record_put(struct record_out *out, uint64_t number);
void record_put_bytes(struct record_out *out, struct view bytes);
void record_put_text(struct record_out *out, const char *text);

void record_in_init(struct record_in *in, struct view bytes);

/* A number of [least, most]; @least and a bad record when it is none. */
uint64_t record_take(struct record_in *in, uint64_t least, uint64_t most);

/* At most @most bytes; an empty view and a bad record when there are more. */
struct view record_take_bytes(struct record_in *in, uint64_t most);

/* Bytes without NUL into @room bytes at @text, which is always terminated. */
void record_take_text(struct record_in *in, char *text, size_t room);

/* 0 when everything was there and nothing is left over, else -EBADMSG. */
int record_in_end(const struct record_in *in) MUST_USE;

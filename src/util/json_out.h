#pragma once

/*
 * JSON out: an append-only writer into a struct bytes.
 *
 * What a program printed may be any bytes; what leaves here is always valid JSON: control bytes are escaped and
 * each maximal piece of broken UTF-8 becomes one U+FFFD.  Commas are set by themselves.  The first failure (out
 * of memory, cap) sticks: write everything, then ask json_out_error() once.
 */

#include "util/bytes.h"

struct json_out {
        struct bytes *bytes; /* borrowed */
        int error;
        bool comma;           /* a value stands before the next one */
        unsigned char cut[4]; /* a character split between two fragments of a string */
        size_t n_cut;
};

void json_out_init(struct json_out *json, struct bytes *bytes);

/* 0, -ENOSPC when the cap of the bytes was reached, or -ENOMEM. */
int json_out_error(const struct json_out *json) MUST_USE;

void json_out_object_begin(struct json_out *json);
void json_out_object_end(struct json_out *json);
void json_out_array_begin(struct json_out *json);
void json_out_array_end(struct json_out *json);

/* The key of the next value; @key is ours and needs no escaping. */
void json_out_key(struct json_out *json, const char *key);

void json_out_null(struct json_out *json);
void json_out_bool(struct json_out *json, bool value);
void json_out_int(struct json_out *json, int64_t value);
void json_out_uint(struct json_out *json, uint64_t value);
void json_out_string(struct json_out *json, struct view text);
void json_out_text(struct json_out *json, const char *text); /* NULL becomes null */

/* A string in fragments: a character may be cut anywhere between them. */
void json_out_string_begin(struct json_out *json);
void json_out_string_add(struct json_out *json, struct view fragment);
void json_out_string_end(struct json_out *json);

/* A value that is JSON already. */
void json_out_raw(struct json_out *json, struct view value);

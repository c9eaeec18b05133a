/*
 * Theory of operation: text is copied in spans.  A span is broken only by a byte that has to be written in
 * another way, so plain ASCII costs a look at eight bytes at a time and one memcpy, and valid UTF-8 one look per
 * character.
 *
 * Broken UTF-8 follows the "maximal subpart" practice of Unicode (chapter 3.9), as browsers do: a sequence is
 * given up at the first byte that cannot continue it, and that byte is looked at again as a first byte.
 */
#include "util/json_out.h"

#include <inttypes.h>
#include <stdio.h>

#define REPLACEMENT "\xEF\xBF\xBD"

void json_out_init(struct json_out *json, struct bytes *bytes)
{
        *json = (struct json_out){ .bytes = bytes };
}

int json_out_error(const struct json_out *json)
{
        return json->error;
}

static void put(struct json_out *json, const void *p, size_t n)
{
        if (json->error == 0)
                json->error = bytes_add(json->bytes, p, n);
}

static void before_value(struct json_out *json)
{
        if (json->comma)
                put(json, ",", 1);
        json->comma = true;
}

static void open_level(struct json_out *json, const char *bracket)
{
        before_value(json);
        put(json, bracket, 1);
        json->comma = false;
}

static void close_level(struct json_out *json, const char *bracket)
{
        put(json, bracket, 1);
        json->comma = true;
}

void json_out_object_begin(struct json_out *json)
{
        open_level(json, "{");
}

void json_out_object_end(struct json_out *json)
{
        close_level(json, "}");
}

void json_out_array_begin(struct json_out *json)
{
        open_level(json, "[");
}

void json_out_array_end(struct json_out *json)
{
        close_level(json, "]");
}

void json_out_key(struct json_out *json, const char *key)
{
        before_value(json);
        put(json, "\"", 1);
        put(json, key, strlen(key));
        put(json, "\":", 2);
        json->comma = false;
}

void json_out_raw(struct json_out *json, struct view value)
{
        before_value(json);
        put(json, value.p, value.n);
}

void json_out_null(struct json_out *json)
{
        json_out_raw(json, VIEW("null"));
}

void json_out_bool(struct json_out *json, bool value)
{
        json_out_raw(json, value ? VIEW("true") : VIEW("false"));
}

void json_out_int(struct json_out *json, int64_t value)
{
        char text[32];

        snprintf(text, sizeof(text), "%" PRId64, value);
        json_out_raw(json, view_of(text));
}

void json_out_uint(struct json_out *json, uint64_t value)
{
        char text[32];

        snprintf(text, sizeof(text), "%" PRIu64, value);
        json_out_raw(json, view_of(text));
}

/* Bytes that cannot be copied as they are: control, quote, backslash, and all that is not ASCII. */
static bool is_plain(unsigned char c)
{
        return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* The high bit of each byte of @x that is zero (Mycroft); may err above the first hit only, which is enough. */
static uint64_t zero_bytes(uint64_t x)
{
        return (x - UINT64_C(0x0101010101010101)) & ~x & UINT64_C(0x8080808080808080);
}

static size_t plain_span(const unsigned char *p, size_t n)
{
        size_t i = 0;

        for (; i + 8 <= n; i += 8) {
                uint64_t x, special;

                memcpy(&x, p + i, 8);
                special = (x & UINT64_C(0x8080808080808080)) | zero_bytes(x ^ UINT64_C(0x2222222222222222)) |
                          zero_bytes(x ^ UINT64_C(0x5c5c5c5c5c5c5c5c)) |
                          zero_bytes(x & UINT64_C(0xe0e0e0e0e0e0e0e0));
                if (special)
                        break;
        }
        while (i < n && is_plain(p[i]))
                i++;
        return i;
}

static void put_escape(struct json_out *json, unsigned char c)
{
        static const char short_forms[] = "\"\"\\\\\bb\ff\nn\rr\tt";
        char text[8];

        for (const char *s = short_forms; *s; s += 2)
                if ((unsigned char)s[0] == c) {
                        text[0] = '\\';
                        text[1] = s[1];
                        put(json, text, 2);
                        return;
                }
        put(json, text, (size_t)snprintf(text, sizeof(text), "\\u%04x", c));
}

/* How many bytes a sequence with this first byte has; 0 when none begins so. */
static size_t sequence_len(unsigned char first)
{
        if (first < 0xc2 || first > 0xf4)
                return 0;
        return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Second bytes are narrower after some first bytes: no overlong forms, no surrogates, nothing past U+10FFFF. */
static bool may_continue(const unsigned char *p, size_t i)
{
        unsigned char least = 0x80, most = 0xbf;

        if (i == 1) {
                least = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
                most = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
        }
        return p[i] >= least && p[i] <= most;
}

enum sequence { SEQUENCE_VALID, SEQUENCE_BROKEN, SEQUENCE_CUT };

/* Look at the sequence at @p; *ret_n is how many bytes belong to it (or to its broken beginning). */
static enum sequence look(const unsigned char *p, size_t n, size_t *ret_n)
{
        size_t want = sequence_len(p[0]);
        size_t i = 1;

        if (want == 0) {
                *ret_n = 1;
                return SEQUENCE_BROKEN;
        }
        while (i < want && i < n && may_continue(p, i))
                i++;
        *ret_n = i;
        return i == want ? SEQUENCE_VALID : i == n ? SEQUENCE_CUT : SEQUENCE_BROKEN;
}

/* Add bytes to a character that was cut until it is whole or broken; returns how many were used. */
static size_t finish_cut(struct json_out *json, const unsigned char *p, size_t n)
{
        size_t used = 0, len;

        while (used < n) {
                json->cut[json->n_cut] = p[used];
                switch (look(json->cut, json->n_cut + 1, &len)) {
                case SEQUENCE_CUT:
                        json->n_cut++;
                        used++;
                        continue;
                case SEQUENCE_VALID:
                        put(json, json->cut, len);
                        used++;
                        break;
                case SEQUENCE_BROKEN:
                        put(json, REPLACEMENT, 3);
                        break;
                }
                json->n_cut = 0;
                break;
        }
        return used;
}

void json_out_string_begin(struct json_out *json)
{
        before_value(json);
        put(json, "\"", 1);
        json->n_cut = 0;
}

void json_out_string_add(struct json_out *json, struct view fragment)
{
        const unsigned char *p = (const unsigned char *)fragment.p;
        size_t n = fragment.n, i = 0, start, len;

        if (json->n_cut > 0)
                i = finish_cut(json, p, n);
        for (start = i; i < n;) {
                enum sequence seen = SEQUENCE_VALID;

                i += plain_span(p + i, n - i);
                if (i == n)
                        break;
                if (p[i] >= 0x80) {
                        seen = look(p + i, n - i, &len);
                        if (seen == SEQUENCE_VALID) {
                                i += len;
                                continue;
                        }
                }
                put(json, p + start, i - start);
                if (seen == SEQUENCE_CUT) {
                        memcpy(json->cut, p + i, len);
                        json->n_cut = len;
                        return;
                }
                if (seen == SEQUENCE_BROKEN) {
                        put(json, REPLACEMENT, 3);
                        i += len;
                } else {
                        put_escape(json, p[i]);
                        i++;
                }
                start = i;
        }
        put(json, p + start, n - start);
}

void json_out_string_end(struct json_out *json)
{
        if (json->n_cut > 0)
                put(json, REPLACEMENT, 3);
        json->n_cut = 0;
        put(json, "\"", 1);
}

void json_out_string(struct json_out *json, struct view text)
{
        json_out_string_begin(json);
        json_out_string_add(json, text);
        json_out_string_end(json);
}

void json_out_text(struct json_out *json, const char *text)
{
        if (text)
                json_out_string(json, view_of(text));
        else
                json_out_null(json);
}

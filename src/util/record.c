/*
 * Theory of operation: see the header; a failure makes every later call do nothing, so code that writes or reads a
 * record needs no condition of its own.
 */
#include "util/record.h"

void record_out_init(struct record_out *out, struct bytes *bytes)
{
        *out = (struct record_out){ .bytes = bytes };
}

static void put(struct record_out *out, const void *p, size_t n)
{
        if (out->error == 0)
                out->error = bytes_add(out->bytes, p, n);
}

void record_put(struct record_out *out, uint64_t number)
{
        put(out, &number, sizeof(number));
}

void record_put_bytes(struct record_out *out, struct view bytes)
{
        record_put(out, bytes.n);
        put(out, bytes.p, bytes.n);
}

void record_put_text(struct record_out *out, const char *text)
{
        record_put_bytes(out, view_of(text));
}

void record_in_init(struct record_in *in, struct view bytes)
{
        *in = (struct record_in){ .left = bytes };
}

uint64_t record_take(struct record_in *in, uint64_t least, uint64_t most)
{
        uint64_t number;

        if (in->bad || in->left.n < sizeof(number)) {
                in->bad = true;
                return least;
        }
        memcpy(&number, in->left.p, sizeof(number));
        in->left.p += sizeof(number);
        in->left.n -= sizeof(number);
        in->bad = number < least || number > most;
        return in->bad ? least : number;
}

struct view record_take_bytes(struct record_in *in, uint64_t most)
{
        uint64_t n = record_take(in, 0, most);
        struct view bytes = { in->left.p, n };

        if (in->bad || n > in->left.n) {
                in->bad = true;
                return VIEW("");
        }
        in->left.p += n;
        in->left.n -= n;
        return bytes;
}

void record_take_text(struct record_in *in, char *text, size_t room)
{
        struct view bytes = record_take_bytes(in, room - 1);

        if (bytes.n > 0 && memchr(bytes.p, '\0', bytes.n)) {
                in->bad = true;
                bytes.n = 0;
        }
        if (bytes.n > 0)
                memcpy(text, bytes.p, bytes.n);
        text[bytes.n] = '\0';
}

int record_in_end(const struct record_in *in)
{
        return in->bad || in->left.n > 0 ? -EBADMSG : 0;
}

/* Theory of operation: five numbers, then one record; what is large travels as sealed memory, as in job/wire.c. */
#include "job/note.h"
#include "job/notice.h"
#include "util/fdio.h"

enum { TEXT_MAX = 511, ENTRIES_MAX = 100000, HEAD_NUMBERS = 5 };

int note_encode(enum note_kind kind, uint64_t ticket, struct view body, struct wire_message *ret_message)
{
        CLEANUP(wire_message_deinit) struct wire_message message = WIRE_MESSAGE_INIT;
        bool inlined = body.n <= NOTE_INLINE;
        struct record_out out;
        int fd;

        record_out_init(&out, &message.bytes);
        record_put(&out, NOTE_MAGIC);
        record_put(&out, kind);
        record_put(&out, ticket);
        record_put(&out, body.n);
        record_put(&out, inlined);
        if (inlined && out.error == 0)
                out.error = bytes_add(&message.bytes, body.p, body.n);
        if (out.error < 0)
                return out.error;
        if (!inlined) {
                fd = fdio_memfd_of("note", body.p, body.n);
                if (fd < 0)
                        return fd;
                message.fds[message.n_fds++] = fd;
        }
        *ret_message = message;
        message = WIRE_MESSAGE_INIT;
        return 0;
}

static int body_map(int fd, size_t bytes, struct note *note)
{
        const char *p;
        size_t n;
        int r = fdio_map(fd, &p, &n);

        if (r < 0)
                return r;
        note->body = (struct view){ p, n };
        note->mapped = true;
        return n == bytes ? 0 : -EBADMSG;
}

int note_decode(const char *p, size_t n, const int *fds, size_t n_fds, struct note *ret_note)
{
        struct note note = { 0 };
        struct record_in in;
        uint64_t bytes;
        bool inlined;
        int r = 0;

        record_in_init(&in, (struct view){ p, n });
        (void)record_take(&in, NOTE_MAGIC, NOTE_MAGIC);
        note.kind = (enum note_kind)record_take(&in, NOTE_SUBMIT, NOTE_KIND_COUNT - 1);
        note.ticket = record_take(&in, 1, INT64_MAX);
        bytes = record_take(&in, 0, NOTE_BODY_MAX);
        inlined = record_take(&in, 0, 1);
        if (in.bad || n_fds != (inlined ? 0 : 1) || in.left.n != (inlined ? bytes : 0))
                return -EBADMSG;
        note.body = in.left;
        if (!inlined)
                r = body_map(fds[0], bytes, &note);
        if (r < 0)
                note_deinit(&note);
        else
                *ret_note = note;
        return r;
}

void note_deinit(struct note *note)
{
        if (note->mapped)
                fdio_unmap(note->body.p, note->body.n);
        *note = (struct note){ 0 };
}

int note_ask_encode(const struct note_ask *ask, struct bytes *body)
{
        struct record_out out;

        record_out_init(&out, body);
        record_put_text(&out, ask->owner);
        record_put_text(&out, ask->id);
        record_put_text(&out, ask->door);
        record_put_text(&out, ask->lane);
        record_put_text(&out, ask->set);
        record_put(&out, ask->after);
        record_put(&out, ask->before);
        record_put(&out, ask->wait_ms);
        record_put(&out, ask->lease_ms);
        record_put(&out, ask->fence);
        record_put(&out, ask->states);
        record_put(&out, ask->most);
        record_put(&out, ask->want);
        record_put_bytes(&out, ask->payload);
        return out.error;
}

int note_ask_decode(struct view body, struct note_ask *ret_ask)
{
        struct record_in in;

        *ret_ask = (struct note_ask){ "" };
        record_in_init(&in, body);
        record_take_text(&in, ret_ask->owner, sizeof(ret_ask->owner));
        record_take_text(&in, ret_ask->id, sizeof(ret_ask->id));
        record_take_text(&in, ret_ask->door, sizeof(ret_ask->door));
        record_take_text(&in, ret_ask->lane, sizeof(ret_ask->lane));
        record_take_text(&in, ret_ask->set, sizeof(ret_ask->set));
        ret_ask->after = record_take(&in, 0, INT64_MAX);
        ret_ask->before = record_take(&in, 0, INT64_MAX);
        ret_ask->wait_ms = record_take(&in, 0, 24 * 3600 * 1000);
        ret_ask->lease_ms = record_take(&in, 0, 24 * 3600 * 1000);
        ret_ask->fence = record_take(&in, 0, INT64_MAX);
        ret_ask->states = (uint32_t)record_take(&in, 0, UINT32_MAX);
        ret_ask->most = (uint32_t)record_take(&in, 0, DESK_LIST_MAX);
        ret_ask->want = (uint32_t)record_take(&in, 0, DESK_WANT_MEMO | DESK_WANT_OUTCOMES);
        ret_ask->payload = record_take_bytes(&in, NOTE_BODY_MAX);
        return record_in_end(&in);
}

void note_answer_put(struct record_out *out, const struct desk_answer *answer, size_t n_entries)
{
        record_put(out, answer->status);
        record_put_text(out, answer->text ? answer->text : "");
        record_put(out, answer->last);
        record_put(out, answer->number);
        record_put_text(out, answer->set);
        record_put(out, n_entries);
}

void note_entry_put(struct record_out *out, const struct desk_entry *entry)
{
        entry_put(out, &entry->entry);
        record_put(out, entry->existed);
        record_put_bytes(out, entry->memo);
        record_put_bytes(out, entry->notice);
        record_put_bytes(out, entry->order);
        record_put(out, entry->n_outcomes);
        record_put_bytes(out, entry->outcomes);
}

static void entry_of(struct record_in *in, struct desk_entry *entry)
{
        entry_take(in, &entry->entry);
        entry->existed = record_take(in, 0, 1);
        entry->memo = record_take_bytes(in, ORDER_MEMO_MAX);
        entry->notice = record_take_bytes(in, NOTICE_BYTES_MAX);
        entry->order = record_take_bytes(in, ORDER_BYTES_MAX);
        entry->n_outcomes = (uint32_t)record_take(in, 0, ENTRY_CASES_MAX + 1);
        entry->outcomes = record_take_bytes(in, NOTE_BODY_MAX);
}

/* The sentence lies in the record without a NUL: it is given one of its own. */
static void text_take(struct record_in *in, struct desk_answer *answer)
{
        static char text[TEXT_MAX + 1]; /* one thread, one answer at a time */

        record_take_text(in, text, sizeof(text));
        answer->text = text;
}

int note_answer_decode(struct view body, struct desk_answer *ret_answer, struct desk_entry **ret_entries)
{
        struct desk_entry *entries;
        struct record_in in;

        *ret_answer = (struct desk_answer){ 0 };
        record_in_init(&in, body);
        ret_answer->status = (enum desk_status)record_take(&in, 0, DESK_STATUS_COUNT - 1);
        text_take(&in, ret_answer);
        ret_answer->last = record_take(&in, 0, 1);
        ret_answer->number = record_take(&in, 0, INT64_MAX);
        record_take_text(&in, ret_answer->set, sizeof(ret_answer->set));
        ret_answer->n_entries = record_take(&in, 0, ENTRIES_MAX);
        if (in.bad)
                return -EBADMSG;
        entries = calloc(ret_answer->n_entries + 1, sizeof(*entries));
        if (!entries)
                return -ENOMEM;
        for (size_t i = 0; i < ret_answer->n_entries && !in.bad; i++)
                entry_of(&in, &entries[i]);
        ret_answer->entries = entries;
        *ret_entries = entries;
        if (record_in_end(&in) == 0)
                return 0;
        free(entries);
        return -EBADMSG;
}

void note_outcome_put(struct record_out *out, uint64_t number, struct view outcome)
{
        record_put(out, number);
        record_put_bytes(out, outcome);
}

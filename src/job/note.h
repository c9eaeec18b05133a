#pragma once

/*
 * Note: the frames between front and ledger.
 *
 *   frame   magic, kind, ticket, size of the body, whether it is in the frame; then the body, or beside it a sealed memfd
 *   body    one record (util/record.h): an ask for every kind but ANSWER
 *
 * One frame is one SOCK_SEQPACKET message.  The two ends are different trust domains: decoding believes nothing.
 */

#include "job/desk.h"
#include "job/wire.h"

enum {
        NOTE_MAGIC = 0x63726e33, /* "crn3": changes with the layout */
        NOTE_INLINE = 48 * 1024,
};

#define NOTE_BODY_MAX (2 * GIB)

enum note_kind {
        NOTE_SUBMIT =
                1, /* payload: a number of orders, each as bytes; then the notice of each that has one */
        NOTE_GET,
        NOTE_LIST,
        NOTE_CANCEL,
        NOTE_WATCH,
        NOTE_ENDED,
        NOTE_LEASE,
        NOTE_RENEW,
        NOTE_FINISH,  /* payload: a number of outcomes, each as bytes */
        NOTE_SET_PUT, /* payload: the encoded cases */
        NOTE_SET_GET,
        NOTE_READY,
        NOTE_CARD_PUT, /* payload: the text; door and id: drawer and name, here and below */
        NOTE_CARD_DROP,
        NOTE_CARD_GET,
        NOTE_CARD_LIST, /* id: the name after which to begin */
        NOTE_FORGET,    /* nobody waits for the answer of this ticket; no answer */
        NOTE_ANSWER,
        NOTE_KIND_COUNT,
};

/* All that a small request can say; what its kind does not use is empty. */
struct note_ask {
        char owner[ENTRY_OWNER_MAX + 1];
        char id[ENTRY_ID_MAX + 1]; /* or of a batch */
        char door[ENTRY_DOOR_MAX + 1];
        char lane[ENTRY_LANE_MAX + 1];
        char set[ORDER_SET_TEXT];
        uint64_t after;
        uint64_t before;
        uint64_t wait_ms;
        uint64_t lease_ms;
        uint64_t fence;
        uint32_t states;
        uint32_t most;
        uint32_t want;
        struct view payload;
};

struct note {
        enum note_kind kind;
        uint64_t ticket;
        struct view body;
        bool mapped; /* the body is a mapping of the note's own */
};

/* Make a frame.  0 or -errno. */
int note_encode(enum note_kind kind, uint64_t ticket, struct view body,
                struct wire_message *ret_message) MUST_USE;

/* Take one apart; the body lies in @p or in a mapping that note_deinit() ends.  0, -EBADMSG or -errno. */
int note_decode(const char *p, size_t n, const int *fds, size_t n_fds, struct note *ret_note) MUST_USE;
void note_deinit(struct note *note);

int note_ask_encode(const struct note_ask *ask, struct bytes *body) MUST_USE;
int note_ask_decode(struct view body, struct note_ask *ret_ask) MUST_USE;

/* An answer: its head first, then so many entries. */
void note_answer_put(struct record_out *out, const struct desk_answer *answer, size_t n_entries);
void note_entry_put(struct record_out *out, const struct desk_entry *entry);

/* Everything of an answer; *ret_entries is the caller's to free.  0, -EBADMSG or -ENOMEM. */
int note_answer_decode(struct view body, struct desk_answer *ret_answer,
                       struct desk_entry **ret_entries) MUST_USE;

/* An outcome in `outcomes` of an entry: its number, then its bytes. */
void note_outcome_put(struct record_out *out, uint64_t number, struct view outcome);

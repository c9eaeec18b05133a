#pragma once

/*
 * Notice: the promise to tell a receiver that a job has ended, and what became of it so far.
 *
 * It is a card (job/desk.h) named after the job, written in the same commit as the job; when the job ends, in that commit again,
 * another card goes into the outbox, where the courier finds it.  The receiver is told at least once, always with the
 * same delivery id.
 */

#include "job/entry.h"
#include "job/receiver.h"

#define NOTICE_DRAWER "notice" /* cards by the ids of jobs; they go with the job */
#define NOTICE_OUTBOX "outbox" /* cards by the order in which jobs ended: NOTICE_OUTBOX_FORMAT */

enum {
        NOTICE_SECRET_MAX = 256,
        NOTICE_BYTES_MAX = 4096,
        NOTICE_NAME_TEXT = 21, /* the name of a card of the outbox, with its NUL */
};

enum notice_state {
        NOTICE_PENDING,
        NOTICE_DELIVERED,
        NOTICE_FAILED,  /* not tried any more */
        NOTICE_BLOCKED, /* it leads to an address nothing is sent to */
        NOTICE_STATE_COUNT,
};

struct notice {
        char url[RECEIVER_URL_MAX + 1];
        char secret[NOTICE_SECRET_MAX + 1]; /* "": unsigned; forgotten once nothing is sent any more */
        char delivery[ENTRY_ID_TEXT];
        enum notice_state state;
        uint32_t attempts;
        uint32_t status;               /* of the newest answer, 0: there was none */
        char text[ENTRY_TEXT_MAX + 1]; /* why the newest attempt failed */
        uint64_t tried_ms;             /* wall clock, 0: never */
        uint64_t next_ms;              /* 0: not again */
};

int notice_encode(const struct notice *notice, struct bytes *out) MUST_USE;
int notice_decode(struct view bytes, struct notice *ret_notice) MUST_USE;
const char *notice_state_name(enum notice_state state);

/* The bytes that sign: the secret's own, or after "whsec_" what its base64 stands for.  -EINVAL: there are none. */
int notice_key(const char *secret, unsigned char key[NOTICE_SECRET_MAX], size_t *ret_n) MUST_USE;

/* A card of the outbox: its name from the number of the end, its text from job and time; and back. */
void notice_outbox_name(uint64_t ended_number, char name[NOTICE_NAME_TEXT]);
int notice_outbox_encode(const struct entry *entry, struct bytes *out) MUST_USE;
int notice_outbox_decode(struct view bytes, char id[ENTRY_ID_MAX + 1], uint64_t *ret_ended_ms) MUST_USE;

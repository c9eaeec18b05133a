#pragma once

/*
 * Entry: what the ledger knows about one durable job, without what it runs (job/order.h) and what came out
 * (job/outcome.h).  Plain data, no pointers.
 */

#include "util/record.h"
#include "job/flow.h"
#include "job/verdict.h"

enum priority { PRIORITY_INTERACTIVE, PRIORITY_NORMAL, PRIORITY_BULK, PRIORITY_COUNT };

enum {
        ENTRY_ID_MAX = 63,
        ENTRY_OWNER_MAX = 63,
        ENTRY_DOOR_MAX = 15,
        ENTRY_LANE_MAX = 127,
        ENTRY_TOKEN_MAX = 255,
        ENTRY_DIGEST_BYTES = 32,
        ENTRY_TEXT_MAX = 255,
        ENTRY_CASES_MAX = 100000,
};

/* What a client of the ledger gives with a job and cannot change any more. */
struct entry_head {
        char id[ENTRY_ID_MAX + 1];       /* chosen by the door, unguessable, unique over all doors */
        char owner[ENTRY_OWNER_MAX + 1]; /* whose API key, "" when there are none; sees only its own */
        char door[ENTRY_DOOR_MAX + 1];   /* which door made it: "jobs", "exec", "dispatch", ... */
        char batch[ENTRY_ID_MAX + 1];    /* unguessable too; "" when it came alone */
        char lane[ENTRY_LANE_MAX + 1];   /* what outside runners ask for, "" when they may not have it */
        char token[ENTRY_TOKEN_MAX + 1]; /* idempotency key, "" without; unique per owner */
        unsigned char digest[ENTRY_DIGEST_BYTES]; /* of the request: the same key must mean the same job */
        enum priority priority;
        bool local;  /* our own runner may run it */
        bool notify; /* somebody wants to be told of its end (job/notice.h) */
        uint64_t
                patience_ms; /* it expires when it was not started so long after it came; 0: the ledger's own */
};

struct entry {
        uint64_t seq; /* place in the order of acceptance, from 1 */
        struct entry_head head;
        struct flow flow;
        enum verdict verdict;          /* of the whole job, once it has ended */
        char text[ENTRY_TEXT_MAX + 1]; /* why it expired, failed or waits for another attempt, else "" */
        bool outside;                  /* leased by an outside runner */
        uint32_t n_cases;
        uint32_t n_done;     /* cases with an outcome */
        uint32_t n_passed;   /* of those: ended ok and matched what was expected, where something was */
        uint64_t created_ms; /* wall clock, for people */
        uint64_t started_ms; /* of the newest attempt, 0: none yet */
        uint64_t ended_ms;
        uint64_t expires_ms;   /* while it was never started */
        uint64_t ended_number; /* place in the order of ends, from 1; 0: not yet */
        uint64_t bytes;        /* what it takes in the store */
};

void entry_put(struct record_out *out, const struct entry *entry);
void entry_take(struct record_in *in, struct entry *ret_entry);
void entry_head_put(struct record_out *out, const struct entry_head *head);
void entry_head_take(struct record_in *in, struct entry_head *ret_head);

/* "interactive", "normal", "bulk"; PRIORITY_COUNT when there is no such. */
const char *priority_name(enum priority priority);
enum priority priority_find(const char *name);

enum { ENTRY_ID_TEXT = 33 };

/* A new id of 128 random bits: 32 lower-case hex digits. */
void entry_id_make(char ret_id[ENTRY_ID_TEXT]);

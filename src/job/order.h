#pragma once

/*
 * Order: a durable job as its door hands it in: what to run (struct job), on which inputs, and how to judge.
 * It is stored as one byte string and read again by whoever runs it, perhaps much later and by a newer engine.
 *
 * A job has cases: one input each, and perhaps what is expected for it.  It compiles once and runs each case in a
 * fresh box.  A plain run is a job of one case that expects nothing.
 */

#include "job/compare.h"
#include "job/entry.h"
#include "job/job.h"

struct catalog;

enum stop { STOP_NEVER, STOP_FIRST_FAILURE, STOP_COUNT };

struct order_case {
        struct view input;
        struct view expected;
        bool judged; /* something is expected */
};

enum {
        ORDER_MEMO_MAX = 4 * 1024 * 1024,
        ORDER_SET_TEXT = 65, /* SHA-256 in hex, with its NUL */
        ORDER_PARALLEL_MAX = 64,
};

#define ORDER_BYTES_MAX (GIB - MIB)

struct order {
        struct entry_head head;
        struct view memo; /* the door's own words about the job, given back with it; at most ORDER_MEMO_MAX */
        struct view
                notice; /* with head.notify: an encoded struct notice; travels beside the order, not in it */
        enum stop stop;
        struct compare_rule compare;
        uint32_t parallel; /* cases at once; 0: as many as there are slots */
        bool fresh;        /* job.fresh of the job */
        bool cold;         /* job.cold of the job */
        bool no_output;    /* keep the output of judged cases only where they failed */

        /* NULL: only an outside runner can run it, and finds what to run in the memo.  Its input is not used. */
        const struct job *job;

        /* The cases: in a test set stored before (desk_set_put()), or these. */
        char set[ORDER_SET_TEXT]; /* "" without */
        const struct order_case *cases;
        size_t n_cases;
};

/* The order as bytes, appended to @out.  0 or -errno (-ENOSPC: the cap of @out). */
int order_encode(const struct order *order, struct bytes *out) MUST_USE;

/* An order read again.  Views lie in the bytes it was read from; the job is its own. */
struct order_read {
        struct order order;
        struct job job;
        bool has_job;
        struct view cases; /* encoded, empty when a test set is named */
};

enum {
        ORDER_NO_RUNTIME = 1, /* its runtime is not installed (any more); a sentence in @err */
};

/* Everything but the job itself; needs no catalog.  0 or -EBADMSG. */
int order_peek(struct view bytes, struct order *ret_order, struct view *ret_cases) MUST_USE;

/* Limits are cut down to what the runtime allows today.  0, the outcome above, -EBADMSG or -ENOMEM. */
int order_decode(struct view bytes, const struct catalog *catalog, struct order_read *ret_read,
                 struct err *err) MUST_USE;
void order_read_deinit(struct order_read *read);

/* Cases as bytes: what a test set consists of and is named after. */
int order_cases_encode(const struct order_case *cases, size_t n, struct bytes *out) MUST_USE;

/* How many there are; -EBADMSG unless every one is whole. */
int order_cases_count(struct view bytes, uint32_t *ret_n) MUST_USE;

struct order_cursor {
        struct record_in in;
        uint32_t left;
};

/* From the first case on; true and the next one, until there is none. */
void order_cases_begin(struct order_cursor *cursor, struct view bytes);
bool order_cases_next(struct order_cursor *cursor, struct order_case *ret_case);

/* The name of a test set: the SHA-256 of its bytes. */
void order_set_name(struct view bytes, char ret_name[ORDER_SET_TEXT]);

/* SHA-256 of a request body, for entry_head.digest. */
void order_digest(struct view bytes, unsigned char ret_digest[ENTRY_DIGEST_BYTES]);

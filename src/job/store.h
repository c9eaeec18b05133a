#pragma once

/*
 * Store: where durable jobs are kept.  The store is the truth, the queue is an index of it.
 *
 * One thread uses a store.  Everything between begin and commit happens or does not, and what commit has answered 0
 * survives the loss of the process and of the machine.  Reading outside of a group sees what was committed; inside, the
 * group's own writes too.  A failure (disk full, read-only) is -errno: roll back, answer 503, try again later.
 *
 * An implementation is one file below src/backend, a struct store_ops, and a row of backend.def; the conformance suite
 * (src/backend/store_test.c) runs against every row.
 */

#include "job/entry.h"

struct err;
struct store;

enum {
        STORE_NONE = 1, /* there is no such entry, or no further one */
        STORE_TAKEN,    /* the id, the idempotency key of this owner, or this outcome is there already */
        STORE_STALE,    /* the entry is not in the life it was expected to be in */
};

enum { STORE_SET_NAME = 65 }; /* room for the name of a test set */

/* Which entries a list wants; unset members do not restrict. */
struct store_filter {
        const char *owner; /* NULL: of everybody */
        const char *door;
        const char *batch;
        uint32_t states; /* 1 << enum flow_state, 0: all */
        uint64_t before; /* seq less than this; 0: from the newest on */
};

struct store_usage {
        uint64_t entries;
        uint64_t bytes; /* of entries that ended */
        uint64_t last_seq;
        uint64_t last_ended;
        uint64_t set_bytes; /* of test sets */
};

/* Return false to end the walk. */
typedef bool (*store_entry_fn)(void *arg, const struct entry *entry);
typedef bool (*store_outcome_fn)(void *arg, uint64_t number, struct view outcome);
typedef bool (*store_card_fn)(void *arg, const char *name, struct view text);

struct store_ops {
        const char *name;

        /* @directory is the store's own; NULL where it keeps nothing there. */
        int (*open)(const char *directory, struct store **ret_store, struct err *err);
        void (*close)(struct store *store);

        int (*begin)(struct store *store, struct err *err);
        int (*commit)(struct store *store, struct err *err);
        void (*rollback)(struct store *store);

        /* Add an entry with its order; sets entry->seq.  0 or STORE_TAKEN. */
        int (*add)(struct store *store, struct entry *entry, struct view order, struct err *err);

        /* 0 or STORE_NONE. */
        int (*find)(struct store *store, const char *id, struct entry *ret_entry, struct err *err);
        int (*find_token)(struct store *store, const char *owner, const char *token, struct entry *ret_entry,
                          struct err *err);
        int (*find_seq)(struct store *store, uint64_t seq, struct entry *ret_entry, struct err *err);
        int (*order)(struct store *store, uint64_t seq, struct bytes *ret_order, struct err *err);

        /*
         * Write what can change of an entry, if its life is still @expected (state, attempts and fence): compare and set.
         * A state that has ended gets its ended_number.  0, STORE_NONE or STORE_STALE.
         */
        int (*update)(struct store *store, struct entry *entry, const struct flow *expected, struct err *err);

        /* Add the outcome of part @which, once: 0 and its number from 1, or STORE_TAKEN. */
        int (*outcome_add)(struct store *store, uint64_t seq, uint32_t which, struct view outcome,
                           uint64_t *ret_number, struct err *err);

        /* Outcomes after number @after, in their order. */
        int (*outcomes)(struct store *store, uint64_t seq, uint64_t after, store_outcome_fn each, void *arg,
                        struct err *err);

        /* Newest first. */
        int (*list)(struct store *store, const struct store_filter *filter, store_entry_fn each, void *arg,
                    struct err *err);

        /* Entries that ended after number @after, in the order of their ends; @batch NULL: of all batches. */
        int (*ended)(struct store *store, const char *owner, const char *batch, uint64_t after,
                     store_entry_fn each, void *arg, struct err *err);

        /* Everything that has not ended, oldest first: from it the queue is built. */
        int (*open_entries)(struct store *store, store_entry_fn each, void *arg, struct err *err);

        /* Remove up to @most entries that ended, oldest first: those before @before_ms, and what is above @most_bytes;
         * with each its card in the drawer NOTICE_DRAWER.
         * Returns how many, or -errno.  Space that is not needed any more is given back bit by bit, by further calls. */
        int (*sweep)(struct store *store, uint64_t before_ms, uint64_t most_bytes, uint32_t most,
                     struct err *err);

        /* Test sets by name; putting one again is using it.  use, get: 0 or STORE_NONE.  The time of use is kept to the minute. */
        int (*set_put)(struct store *store, const char *name, struct view cases, uint64_t now_ms,
                       struct err *err);
        int (*set_use)(struct store *store, const char *name, uint64_t now_ms, struct err *err);
        int (*set_get)(struct store *store, const char *name, struct bytes *ret_cases, struct err *err);

        /* Remove the set that was not used for the longest time, if that was before @before_ms: 0 and its name, or STORE_NONE. */
        int (*set_sweep)(struct store *store, uint64_t before_ms, char ret_name[STORE_SET_NAME],
                         struct err *err);

        /* Cards: small documents by drawer and name.  A put replaces; drop and get: 0 or STORE_NONE; cards: those behind name
         * @after ("": all), in the order of their names. */
        int (*card_put)(struct store *store, const char *drawer, const char *name, struct view text,
                        struct err *err);
        int (*card_drop)(struct store *store, const char *drawer, const char *name, struct err *err);
        int (*card_get)(struct store *store, const char *drawer, const char *name, struct bytes *ret_text,
                        struct err *err);
        int (*cards)(struct store *store, const char *drawer, const char *after, store_card_fn each,
                     void *arg, struct err *err);

        /* Write something, for the sake of knowing whether it can be. */
        int (*touch)(struct store *store, struct err *err);

        int (*usage)(struct store *store, struct store_usage *ret_usage, struct err *err);
};

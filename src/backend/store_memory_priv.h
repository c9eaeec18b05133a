#pragma once

/* What the files of the memory store share: store_memory.c keeps entries, store_memory_shelf.c what doors put beside them. */

#include "job/store.h"

#include <sys/queue.h>

enum { BUCKETS = 4096 };

struct kept_outcome {
        uint32_t which;
        struct bytes bytes;
};

struct kept {
        TAILQ_ENTRY(kept) link; /* by seq */
        LIST_ENTRY(kept) by_id;
        LIST_ENTRY(kept) by_token; /* when it has one */
        LIST_ENTRY(kept) by_seq;
        struct entry entry;
        struct bytes order;
        struct kept_outcome *outcomes;
        size_t n_outcomes;
};

struct kept_set {
        LIST_ENTRY(kept_set) link;
        char *name;
        uint64_t used_ms;
        struct bytes cases;
};

struct kept_card {
        LIST_ENTRY(kept_card) link;
        char *drawer;
        char *name;
        struct bytes text;
};

/* What a group did, newest first. */
struct undo {
        SLIST_ENTRY(undo) link;
        struct kept *kept;
        enum { UNDO_ADD, UNDO_UPDATE, UNDO_OUTCOME } kind;
        struct entry before;
};

LIST_HEAD(kept_bucket, kept);

struct store {
        TAILQ_HEAD(kept_list, kept) entries;
        struct kept_bucket ids[BUCKETS], tokens[BUCKETS], seqs[BUCKETS];
        LIST_HEAD(, kept_set) sets;
        LIST_HEAD(, kept_card) cards; /* by drawer and name */
        SLIST_HEAD(, undo) undos;
        bool in_group;
        uint64_t n_entries, bytes, last_seq, last_ended, set_bytes;
        uint64_t seq_before, ended_before; /* the group began with */
};

/* Free all sets and cards. */
void store_memory_shelf_clear(struct store *store);

int store_memory_set_put(struct store *store, const char *name, struct view cases, uint64_t now_ms,
                         struct err *err);
int store_memory_set_use(struct store *store, const char *name, uint64_t now_ms, struct err *err);
int store_memory_set_get(struct store *store, const char *name, struct bytes *ret_cases, struct err *err);
int store_memory_set_sweep(struct store *store, uint64_t before_ms, char ret_name[STORE_SET_NAME],
                           struct err *err);
int store_memory_card_put(struct store *store, const char *drawer, const char *name, struct view text,
                          struct err *err);
int store_memory_card_drop(struct store *store, const char *drawer, const char *name, struct err *err);
int store_memory_card_get(struct store *store, const char *drawer, const char *name, struct bytes *ret_text,
                          struct err *err);
int store_memory_cards(struct store *store, const char *drawer, const char *after, store_card_fn each,
                       void *arg, struct err *err);

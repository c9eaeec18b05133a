#pragma once

/*
 * What the files of the SQLite store share: store_sqlite.c opens it and groups changes, _bind.c is the way to a prepared
 * statement, _entries.c writes and finds, _lists.c walks, _sweep.c removes, _sets.c and _cards.c keep what doors put there.
 */

#include "job/store.h"

#include <sqlite3.h>

enum statement {
#define STATEMENT(NAME, sql) STATEMENT_##NAME,
#include "backend/store_sqlite.def"
#undef STATEMENT
        STATEMENT_COUNT
};

struct store {
        sqlite3 *db;
        sqlite3_stmt *statements[STATEMENT_COUNT];
        struct store_usage usage;
        struct store_usage before; /* the group began with */
        bool in_group;
        bool full; /* since the group began the disk was */
};

/* Turn SQLite's last word into -errno and a sentence. */
int store_sqlite_failed(struct store *store, struct err *err);

/* ---- prepared statements ---- */

static inline sqlite3_stmt *sql_prepared(struct store *store, enum statement which)
{
        return store->statements[which];
}

/* What is put must stay until the statement was run.  NULL is SQL's. */
void sql_text(sqlite3_stmt *statement, int at, const char *text);
void sql_number(sqlite3_stmt *statement, int at, uint64_t number);
void sql_blob(sqlite3_stmt *statement, int at, struct view bytes);

uint64_t sql_number_of(sqlite3_stmt *statement, int column);
struct view sql_blob_of(sqlite3_stmt *statement, int column);

/* Run a statement that answers nothing.  0, STORE_TAKEN where a row is there already, or -errno. */
int sql_run(struct store *store, sqlite3_stmt *statement, struct err *err) MUST_USE;
int sql_run_plain(struct store *store, enum statement which, struct err *err) MUST_USE;

/* The blob in the first column of the first row, added to @ret_bytes: 0, STORE_NONE or -errno. */
int sql_take_blob(struct store *store, sqlite3_stmt *statement, struct bytes *ret_bytes,
                  struct err *err) MUST_USE;

/* The entry in the first column of this row. */
int sql_take_entry(sqlite3_stmt *statement, struct entry *ret_entry, struct err *err) MUST_USE;

/* ---- the operations, as in job/store.h ---- */

int store_sqlite_add(struct store *store, struct entry *entry, struct view order, struct err *err);
int store_sqlite_find(struct store *store, const char *id, struct entry *ret_entry, struct err *err);
int store_sqlite_find_token(struct store *store, const char *owner, const char *token,
                            struct entry *ret_entry, struct err *err);
int store_sqlite_find_seq(struct store *store, uint64_t seq, struct entry *ret_entry, struct err *err);
int store_sqlite_order(struct store *store, uint64_t seq, struct bytes *ret_order, struct err *err);
int store_sqlite_update(struct store *store, struct entry *entry, const struct flow *expected,
                        struct err *err);
int store_sqlite_outcome_add(struct store *store, uint64_t seq, uint32_t which, struct view outcome,
                             uint64_t *ret_number, struct err *err);
int store_sqlite_outcomes(struct store *store, uint64_t seq, uint64_t after, store_outcome_fn each, void *arg,
                          struct err *err);
int store_sqlite_list(struct store *store, const struct store_filter *filter, store_entry_fn each, void *arg,
                      struct err *err);
int store_sqlite_ended(struct store *store, const char *owner, const char *batch, uint64_t after,
                       store_entry_fn each, void *arg, struct err *err);
int store_sqlite_open_entries(struct store *store, store_entry_fn each, void *arg, struct err *err);
int store_sqlite_sweep(struct store *store, uint64_t before_ms, uint64_t most_bytes, uint32_t most,
                       struct err *err);
int store_sqlite_keep_counts(struct store *store, struct err *err);
int store_sqlite_set_put(struct store *store, const char *name, struct view cases, uint64_t now_ms,
                         struct err *err);
int store_sqlite_set_use(struct store *store, const char *name, uint64_t now_ms, struct err *err);
int store_sqlite_set_get(struct store *store, const char *name, struct bytes *ret_cases, struct err *err);
int store_sqlite_set_sweep(struct store *store, uint64_t before_ms, char ret_name[STORE_SET_NAME],
                           struct err *err);
int store_sqlite_card_put(struct store *store, const char *drawer, const char *name, struct view text,
                          struct err *err);
int store_sqlite_card_drop(struct store *store, const char *drawer, const char *name, struct err *err);
int store_sqlite_card_get(struct store *store, const char *drawer, const char *name, struct bytes *ret_text,
                          struct err *err);
int store_sqlite_cards(struct store *store, const char *drawer, const char *after, store_card_fn each,
                       void *arg, struct err *err);

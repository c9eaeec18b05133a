/*
 * Theory of operation: one file, jobs.db, with write-ahead log.  An entry is one record in a row, beside the few columns
 * that are searched; orders and outcomes lie in tables of their own, so that looking through entries does not read
 * them.  commit() waits for the disk (synchronous=FULL): what it has answered is on it.
 *
 * The file is locked for as long as it is open: one ledger per directory.  Statements are made once and kept.  Pages
 * that a sweep sets free are used again; the file does not shrink.
 */
#include "job/store.h"
#include "job/notice.h"
#include "backend/backend.h"
#include "backend/store_sqlite_priv.h"
#include "util/err.h"
#include "util/log.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>

enum { SCHEMA_VERSION = 1, RECORD_BYTES = 8192 };

enum statement {
#define STATEMENT(NAME, sql) STATEMENT_##NAME,
#include "backend/store_sqlite.def"
#undef STATEMENT
        STATEMENT_COUNT
};

static const char *const statement_texts[STATEMENT_COUNT] = {
#define STATEMENT(NAME, sql) sql,
#include "backend/store_sqlite.def"
#undef STATEMENT
};

static const char setup[] = "PRAGMA locking_mode = EXCLUSIVE;"
                            "PRAGMA journal_mode = WAL;"
                            "PRAGMA synchronous = FULL;"
                            "PRAGMA temp_store = MEMORY;"
                            "PRAGMA cache_size = -16384;"
                            "PRAGMA journal_size_limit = 67108864;";

static const char schema[] =
        "BEGIN IMMEDIATE;"
        "CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
        "INSERT OR IGNORE INTO meta VALUES('version', 1), ('last_seq', 0), ('last_ended', 0);"
        "CREATE TABLE IF NOT EXISTS entries(seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, owner TEXT NOT "
        "NULL,"
        " door TEXT NOT NULL, batch TEXT NOT NULL, token TEXT, state INTEGER NOT NULL, attempts INTEGER NOT "
        "NULL,"
        " fence INTEGER NOT NULL, ended INTEGER NOT NULL, ended_ms INTEGER NOT NULL, bytes INTEGER NOT NULL,"
        " record BLOB NOT NULL);"
        "CREATE UNIQUE INDEX IF NOT EXISTS entries_token ON entries(owner, token) WHERE token IS NOT NULL;"
        "CREATE INDEX IF NOT EXISTS entries_batch ON entries(batch, seq) WHERE batch <> '';"
        "CREATE INDEX IF NOT EXISTS entries_ended ON entries(ended) WHERE ended > 0;"
        "CREATE INDEX IF NOT EXISTS entries_open ON entries(seq) WHERE ended = 0;"
        "CREATE TABLE IF NOT EXISTS orders(seq INTEGER PRIMARY KEY, bytes BLOB NOT NULL);"
        "CREATE TABLE IF NOT EXISTS outcomes(at INTEGER PRIMARY KEY, seq INTEGER NOT NULL, which INTEGER NOT "
        "NULL,"
        " number INTEGER NOT NULL, bytes BLOB NOT NULL, UNIQUE(seq, number), UNIQUE(seq, which));"
        "CREATE TABLE IF NOT EXISTS sets(name TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS cards(drawer TEXT NOT NULL, name TEXT NOT NULL, bytes BLOB NOT NULL,"
        " PRIMARY KEY(drawer, name)) WITHOUT ROWID;"
        "COMMIT;";

struct store {
        sqlite3 *db;
        sqlite3_stmt *statements[STATEMENT_COUNT];
        struct store_usage usage;
        struct store_usage before; /* the group began with */
        bool in_group;
};

/* Turn SQLite's word into ours; the sentence says what to do where there is something. */
static int failed(struct store *store, struct err *err)
{
        int code = sqlite3_errcode(store->db);
        const char *text = sqlite3_errmsg(store->db);

        if (code == SQLITE_FULL)
                return err_set(err, -ENOSPC, "the disk of the data directory is full");
        if (code == SQLITE_READONLY)
                return err_set(err, -EROFS, "the data directory cannot be written: %s", text);
        if (code == SQLITE_NOMEM)
                return err_set(err, -ENOMEM, "no memory for the store");
        if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
                return err_set(err, -EUCLEAN, "jobs.db is damaged: %s", text);
        return err_set(err, -EIO, "the store failed: %s", text);
}

sqlite3 *store_sqlite_db(struct store *store)
{
        return store->db;
}

int store_sqlite_failed(struct store *store, struct err *err)
{
        return failed(store, err);
}

static sqlite3_stmt *prepared(struct store *store, enum statement which)
{
        return store->statements[which];
}

static void put_text(sqlite3_stmt *statement, int at, const char *text)
{
        if (text)
                sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
        else
                sqlite3_bind_null(statement, at);
}

static void put_number(sqlite3_stmt *statement, int at, uint64_t number)
{
        sqlite3_bind_int64(statement, at, (sqlite3_int64)number);
}

static void put_blob(sqlite3_stmt *statement, int at, struct view bytes)
{
        sqlite3_bind_blob64(statement, at, bytes.n ? bytes.p : "", bytes.n, SQLITE_STATIC);
}

static struct view blob_of(sqlite3_stmt *statement, int column)
{
        const char *p = sqlite3_column_blob(statement, column);

        return (struct view){ p ? p : "", (size_t)sqlite3_column_bytes(statement, column) };
}

/* Run a statement that answers nothing.  0, STORE_TAKEN where a row is there already, or -errno. */
static int run(struct store *store, sqlite3_stmt *statement, struct err *err)
{
        int code = sqlite3_step(statement), r = 0;

        if (code == SQLITE_CONSTRAINT)
                r = STORE_TAKEN;
        else if (code != SQLITE_DONE && code != SQLITE_ROW)
                r = failed(store, err);
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        return r;
}

static int run_plain(struct store *store, enum statement which, struct err *err)
{
        return run(store, prepared(store, which), err);
}

static int prepare_all(struct store *store, struct err *err)
{
        for (int i = 0; i < STATEMENT_COUNT; i++)
                if (sqlite3_prepare_v3(store->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                       &store->statements[i], NULL) != SQLITE_OK)
                        return failed(store, err);
        return 0;
}

static int read_totals(struct store *store, struct err *err)
{
        sqlite3_stmt *statement = prepared(store, STATEMENT_TOTALS);
        int r = sqlite3_step(statement) == SQLITE_ROW ? 0 : failed(store, err);

        if (r == 0)
                store->usage = (struct store_usage){
                        .entries = (uint64_t)sqlite3_column_int64(statement, 0),
                        .bytes = (uint64_t)sqlite3_column_int64(statement, 1),
                        .last_seq = (uint64_t)sqlite3_column_int64(statement, 2),
                        .last_ended = (uint64_t)sqlite3_column_int64(statement, 3),
                };
        sqlite3_reset(statement);
        return r;
}

static int check_version(struct store *store, struct err *err)
{
        sqlite3_stmt *statement = NULL;
        int version = 0;

        if (sqlite3_prepare_v2(store->db, "SELECT value FROM meta WHERE name = 'version'", -1, &statement,
                               NULL) == SQLITE_OK &&
            sqlite3_step(statement) == SQLITE_ROW)
                version = sqlite3_column_int(statement, 0);
        sqlite3_finalize(statement);
        if (version == SCHEMA_VERSION)
                return 0;
        return err_set(err, -EPROTO,
                       "jobs.db is of version %d and this engine knows %d: use the engine that made it",
                       version, SCHEMA_VERSION);
}

static void sqlite_close(struct store *store)
{
        if (!store)
                return;
        for (int i = 0; i < STATEMENT_COUNT; i++)
                sqlite3_finalize(store->statements[i]);
        sqlite3_close(store->db);
        free(store);
}

static int sqlite_open(const char *directory, struct store **ret_store, struct err *err)
{
        struct store *store = calloc(1, sizeof(*store));
        char path[PATH_MAX];
        int r = 0;

        if (!store)
                return err_set(err, -ENOMEM, "no memory for the store");
        snprintf(path, sizeof(path), "%s/jobs.db", directory);
        if (sqlite3_open_v2(path, &store->db,
                            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                            NULL) != SQLITE_OK ||
            sqlite3_exec(store->db, setup, NULL, NULL, NULL) != SQLITE_OK ||
            sqlite3_exec(store->db, schema, NULL, NULL, NULL) != SQLITE_OK)
                r = failed(store, err);
        r = r ? r : check_version(store, err);
        r = r ? r : prepare_all(store, err);
        r = r ? r : read_totals(store, err);
        if (r < 0)
                sqlite_close(store);
        else
                *ret_store = store;
        return r;
}

static int sqlite_begin(struct store *store, struct err *err)
{
        int r = run_plain(store, STATEMENT_BEGIN, err);

        if (r < 0)
                return r;
        store->before = store->usage;
        store->in_group = true;
        return 0;
}

static void sqlite_rollback(struct store *store)
{
        struct err err;

        /* WHY: some failures (a full disk) have rolled back already; then there is nothing to do. */
        if (sqlite3_get_autocommit(store->db) == 0 && run_plain(store, STATEMENT_ROLLBACK, &err) < 0)
                log_error("%s", err.text);
        if (store->in_group)
                store->usage = store->before;
        store->in_group = false;
}

static int sqlite_commit(struct store *store, struct err *err)
{
        int r = run_plain(store, STATEMENT_COMMIT, err);

        if (r == 0)
                store->in_group = false;
        return r;
}

static int record_of(const struct entry *entry, struct bytes *record)
{
        struct record_out out;

        record_out_init(&out, record);
        entry_put(&out, entry);
        return out.error;
}

static int sqlite_add(struct store *store, struct entry *entry, struct view order, struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes record = BYTES_INIT(RECORD_BYTES);
        sqlite3_stmt *add = prepared(store, STATEMENT_ADD), *add_order = prepared(store, STATEMENT_ADD_ORDER);
        const struct entry_head *head = &entry->head;
        int r;

        entry->seq = store->usage.last_seq + 1;
        r = record_of(entry, &record);
        if (r < 0)
                return err_set(err, r, "no memory for another job");
        put_number(add, 1, entry->seq);
        put_text(add, 2, head->id);
        put_text(add, 3, head->owner);
        put_text(add, 4, head->door);
        put_text(add, 5, head->batch);
        put_text(add, 6, head->token[0] ? head->token : NULL);
        put_number(add, 7, entry->flow.state);
        put_number(add, 8, entry->flow.attempts);
        put_number(add, 9, entry->flow.fence);
        put_number(add, 10, entry->ended_number);
        put_number(add, 11, entry->ended_ms);
        put_number(add, 12, entry->bytes);
        put_blob(add, 13, bytes_view(&record));
        r = run(store, add, err);
        if (r != 0)
                return r;
        put_number(add_order, 1, entry->seq);
        put_blob(add_order, 2, order);
        r = run(store, add_order, err);
        if (r != 0)
                return r;
        store->usage.last_seq = entry->seq;
        store->usage.entries++;
        return 0;
}

static int take_entry(sqlite3_stmt *statement, struct entry *ret_entry, struct err *err)
{
        struct record_in in;

        record_in_init(&in, blob_of(statement, 0));
        entry_take(&in, ret_entry);
        return record_in_end(&in) < 0 ? err_set(err, -EUCLEAN, "an entry of jobs.db cannot be read") : 0;
}

static int find(struct store *store, sqlite3_stmt *statement, struct entry *ret_entry, struct err *err)
{
        int code = sqlite3_step(statement), r;

        if (code == SQLITE_DONE)
                r = STORE_NONE;
        else if (code == SQLITE_ROW)
                r = take_entry(statement, ret_entry, err);
        else
                r = failed(store, err);
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        return r;
}

static int sqlite_find(struct store *store, const char *id, struct entry *ret_entry, struct err *err)
{
        put_text(prepared(store, STATEMENT_FIND), 1, id);
        return find(store, prepared(store, STATEMENT_FIND), ret_entry, err);
}

static int sqlite_find_token(struct store *store, const char *owner, const char *token,
                             struct entry *ret_entry, struct err *err)
{
        put_text(prepared(store, STATEMENT_FIND_TOKEN), 1, owner);
        put_text(prepared(store, STATEMENT_FIND_TOKEN), 2, token);
        return find(store, prepared(store, STATEMENT_FIND_TOKEN), ret_entry, err);
}

static int sqlite_find_seq(struct store *store, uint64_t seq, struct entry *ret_entry, struct err *err)
{
        put_number(prepared(store, STATEMENT_FIND_SEQ), 1, seq);
        return find(store, prepared(store, STATEMENT_FIND_SEQ), ret_entry, err);
}

static int take_blob(struct store *store, sqlite3_stmt *statement, struct bytes *ret_bytes, struct err *err)
{
        int code = sqlite3_step(statement), r;

        if (code == SQLITE_DONE) {
                r = STORE_NONE;
        } else if (code == SQLITE_ROW) {
                struct view bytes = blob_of(statement, 0);

                r = bytes_add(ret_bytes, bytes.p, bytes.n);
                if (r < 0)
                        err_set(err, r, "no memory to read the store");
        } else {
                r = failed(store, err);
        }
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        return r;
}

static int sqlite_order(struct store *store, uint64_t seq, struct bytes *ret_order, struct err *err)
{
        put_number(prepared(store, STATEMENT_ORDER), 1, seq);
        return take_blob(store, prepared(store, STATEMENT_ORDER), ret_order, err);
}

static int sqlite_update(struct store *store, struct entry *entry, const struct flow *expected,
                         struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes record = BYTES_INIT(RECORD_BYTES);
        sqlite3_stmt *update = prepared(store, STATEMENT_UPDATE);
        bool ends = flow_has_ended(entry->flow.state) && entry->ended_number == 0;
        int r;

        if (ends)
                entry->ended_number = store->usage.last_ended + 1;
        r = record_of(entry, &record);
        if (r < 0)
                return err_set(err, r, "no memory for an entry");
        put_number(update, 1, entry->seq);
        put_number(update, 2, entry->flow.state);
        put_number(update, 3, entry->flow.attempts);
        put_number(update, 4, entry->flow.fence);
        put_number(update, 5, entry->ended_number);
        put_number(update, 6, entry->ended_ms);
        put_number(update, 7, entry->bytes);
        put_blob(update, 8, bytes_view(&record));
        put_number(update, 9, expected->state);
        put_number(update, 10, expected->attempts);
        put_number(update, 11, expected->fence);
        r = run(store, update, err);
        if (r == 0 && sqlite3_changes(store->db) == 0)
                r = STORE_STALE;
        if (r == 0 && ends) {
                store->usage.last_ended = entry->ended_number;
                store->usage.bytes += entry->bytes;
        } else if (r != 0 && ends) {
                entry->ended_number = 0;
        }
        return r;
}

static int sqlite_outcome_add(struct store *store, uint64_t seq, uint32_t which, struct view outcome,
                              uint64_t *ret_number, struct err *err)
{
        sqlite3_stmt *next = prepared(store, STATEMENT_OUTCOME_NEXT),
                     *add = prepared(store, STATEMENT_OUTCOME_ADD);
        int r;

        put_number(next, 1, seq);
        if (sqlite3_step(next) != SQLITE_ROW) {
                r = failed(store, err);
                sqlite3_reset(next);
                return r;
        }
        *ret_number = (uint64_t)sqlite3_column_int64(next, 0);
        sqlite3_reset(next);
        put_number(add, 1, seq);
        put_number(add, 2, which);
        put_number(add, 3, *ret_number);
        put_blob(add, 4, outcome);
        return run(store, add, err);
}

static int sqlite_outcomes(struct store *store, uint64_t seq, uint64_t after, store_outcome_fn each,
                           void *arg, struct err *err)
{
        sqlite3_stmt *statement = prepared(store, STATEMENT_OUTCOMES);
        int code;

        put_number(statement, 1, seq);
        put_number(statement, 2, after);
        while ((code = sqlite3_step(statement)) == SQLITE_ROW)
                if (!each(arg, (uint64_t)sqlite3_column_int64(statement, 0), blob_of(statement, 1)))
                        break;
        code = code == SQLITE_ROW || code == SQLITE_DONE ? 0 : failed(store, err);
        sqlite3_reset(statement);
        return code;
}

static int walk(struct store *store, sqlite3_stmt *statement, store_entry_fn each, void *arg, struct err *err)
{
        struct entry entry;
        int code, r = 0;

        while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
                if (take_entry(statement, &entry, err) < 0) {
                        log_error("%s", err->text); /* one row: the others go on */
                        continue;
                }
                if (!each(arg, &entry))
                        break;
        }
        if (code != SQLITE_ROW && code != SQLITE_DONE)
                r = failed(store, err);
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        return r;
}

static int sqlite_list(struct store *store, const struct store_filter *filter, store_entry_fn each, void *arg,
                       struct err *err)
{
        sqlite3_stmt *list = prepared(store, filter->batch ? STATEMENT_LIST_BATCH : STATEMENT_LIST);

        put_number(list, 1, filter->before ? filter->before : INT64_MAX);
        put_text(list, 2, filter->owner);
        put_text(list, 3, filter->door);
        put_text(list, 4, filter->batch);
        put_number(list, 5, filter->states);
        return walk(store, list, each, arg, err);
}

static int sqlite_ended(struct store *store, const char *owner, const char *batch, uint64_t after,
                        store_entry_fn each, void *arg, struct err *err)
{
        sqlite3_stmt *ended = prepared(store, STATEMENT_ENDED);

        put_number(ended, 1, after);
        put_text(ended, 2, owner);
        put_text(ended, 3, batch);
        return walk(store, ended, each, arg, err);
}

static int sqlite_open_entries(struct store *store, store_entry_fn each, void *arg, struct err *err)
{
        return walk(store, prepared(store, STATEMENT_OPEN), each, arg, err);
}

static int remove_entry(struct store *store, uint64_t seq, uint64_t bytes, struct err *err)
{
        static const enum statement removals[] = { STATEMENT_REMOVE_OUTCOMES, STATEMENT_REMOVE_ORDER,
                                                   STATEMENT_REMOVE_NOTICE, STATEMENT_REMOVE };
        int r = 0;

        for (size_t i = 0; i < ARRAY_LEN(removals) && r == 0; i++) {
                put_number(prepared(store, removals[i]), 1, seq);
                r = run(store, prepared(store, removals[i]), err);
        }
        if (r == 0) {
                store->usage.entries--;
                store->usage.bytes -= MIN(bytes, store->usage.bytes);
        }
        return r;
}

/* Numbers are never given twice, even when the newest entry is swept. */
static int keep_counts(struct store *store, struct err *err)
{
        sqlite3_stmt *put = prepared(store, STATEMENT_META_PUT);
        int r;

        put_text(put, 1, "last_seq");
        put_number(put, 2, store->usage.last_seq);
        r = run(store, put, err);
        if (r < 0)
                return r;
        put_text(put, 1, "last_ended");
        put_number(put, 2, store->usage.last_ended);
        return run(store, put, err);
}

static int sqlite_sweep(struct store *store, uint64_t before_ms, uint64_t most_bytes, uint32_t most,
                        struct err *err)
{
        sqlite3_stmt *oldest = prepared(store, STATEMENT_OLDEST);
        int r = 0, n = 0;

        for (; (uint32_t)n < most && r == 0; n++) {
                uint64_t seq, bytes, ended_ms;
                int code = sqlite3_step(oldest);

                seq = (uint64_t)sqlite3_column_int64(oldest, 0);
                bytes = (uint64_t)sqlite3_column_int64(oldest, 1);
                ended_ms = (uint64_t)sqlite3_column_int64(oldest, 2);
                sqlite3_reset(oldest);
                if (code != SQLITE_ROW || (ended_ms >= before_ms && store->usage.bytes <= most_bytes))
                        break;
                r = remove_entry(store, seq, bytes, err);
        }
        if (r == 0 && n > 0)
                r = keep_counts(store, err);
        return r < 0 ? r : n;
}

static int sqlite_set_put(struct store *store, const char *name, struct view cases, struct err *err)
{
        put_text(prepared(store, STATEMENT_SET_PUT), 1, name);
        put_blob(prepared(store, STATEMENT_SET_PUT), 2, cases);
        return run(store, prepared(store, STATEMENT_SET_PUT), err);
}

static int sqlite_set_get(struct store *store, const char *name, struct bytes *ret_cases, struct err *err)
{
        put_text(prepared(store, STATEMENT_SET_GET), 1, name);
        return take_blob(store, prepared(store, STATEMENT_SET_GET), ret_cases, err);
}

static int sqlite_usage(struct store *store, struct store_usage *ret_usage, struct err *err)
{
        *ret_usage = store->usage;
        return 0;
}

const struct store_ops store_sqlite = {
        .name = "sqlite",
        .open = sqlite_open,
        .close = sqlite_close,
        .begin = sqlite_begin,
        .commit = sqlite_commit,
        .rollback = sqlite_rollback,
        .add = sqlite_add,
        .find = sqlite_find,
        .find_token = sqlite_find_token,
        .find_seq = sqlite_find_seq,
        .order = sqlite_order,
        .update = sqlite_update,
        .outcome_add = sqlite_outcome_add,
        .outcomes = sqlite_outcomes,
        .list = sqlite_list,
        .ended = sqlite_ended,
        .open_entries = sqlite_open_entries,
        .sweep = sqlite_sweep,
        .set_put = sqlite_set_put,
        .set_get = sqlite_set_get,
        .card_put = store_sqlite_card_put,
        .card_drop = store_sqlite_card_drop,
        .card_get = store_sqlite_card_get,
        .cards = store_sqlite_cards,
        .touch = keep_counts,
        .usage = sqlite_usage,
};

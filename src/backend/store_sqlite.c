/*
 * Theory of operation: one file, jobs.db, with write-ahead log.  An entry is one record in a row, beside the few columns
 * that are searched; orders and outcomes lie in tables of their own, so that looking through entries does not read
 * them.  commit() waits for the disk (synchronous=FULL): what it has answered is on it.
 *
 * The file is locked for as long as it is open: one ledger per directory.  Statements are made once and kept.
 */
#include "job/store.h"
#include "backend/backend.h"
#include "backend/store_sqlite_priv.h"
#include "job/notice.h"
#include "util/err.h"
#include "util/log.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>

enum { SCHEMA_VERSION = 2 };

static const char *const statement_texts[STATEMENT_COUNT] = {
#define STATEMENT(NAME, sql) sql,
#include "backend/store_sqlite.def"
#undef STATEMENT
};

/* WHY auto_vacuum first: it can be chosen only while the file is empty, and the log makes it not. */
static const char setup[] = "PRAGMA auto_vacuum = INCREMENTAL;"
                            "PRAGMA locking_mode = EXCLUSIVE;"
                            "PRAGMA journal_mode = WAL;"
                            "PRAGMA synchronous = FULL;"
                            "PRAGMA temp_store = MEMORY;"
                            "PRAGMA cache_size = -16384;"
                            "PRAGMA journal_size_limit = 67108864;"
                            "PRAGMA wal_autocheckpoint = 8000;";

static const char schema[] =
        "BEGIN IMMEDIATE;"
        "CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
        "INSERT OR IGNORE INTO meta VALUES('version', 2), ('last_seq', 0), ('last_ended', 0);"
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
        "CREATE TABLE IF NOT EXISTS sets(name TEXT PRIMARY KEY, used_ms INTEGER NOT NULL, size INTEGER NOT "
        "NULL,"
        " bytes BLOB NOT NULL) WITHOUT ROWID;"
        "CREATE INDEX IF NOT EXISTS sets_used ON sets(used_ms);"
        "CREATE TABLE IF NOT EXISTS cards(drawer TEXT NOT NULL, name TEXT NOT NULL, bytes BLOB NOT NULL,"
        " PRIMARY KEY(drawer, name)) WITHOUT ROWID;"
        "COMMIT;";

/* Turn SQLite's word into ours; the sentence says what to do where there is something. */
int store_sqlite_failed(struct store *store, struct err *err)
{
        int code = sqlite3_errcode(store->db);
        const char *text = sqlite3_errmsg(store->db);

        store->full = store->full || code == SQLITE_FULL;
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

static int prepare_all(struct store *store, struct err *err)
{
        for (int i = 0; i < STATEMENT_COUNT; i++)
                if (sqlite3_prepare_v3(store->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                       &store->statements[i], NULL) != SQLITE_OK)
                        return store_sqlite_failed(store, err);
        return 0;
}

static int read_totals(struct store *store, struct err *err)
{
        sqlite3_stmt *statement = sql_prepared(store, STATEMENT_TOTALS);
        int r = sqlite3_step(statement) == SQLITE_ROW ? 0 : store_sqlite_failed(store, err);

        if (r == 0)
                store->usage = (struct store_usage){
                        .entries = sql_number_of(statement, 0),
                        .bytes = sql_number_of(statement, 1),
                        .last_seq = sql_number_of(statement, 2),
                        .last_ended = sql_number_of(statement, 3),
                        .set_bytes = sql_number_of(statement, 4),
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
                r = store_sqlite_failed(store, err);
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
        int r = sql_run_plain(store, STATEMENT_BEGIN, err);

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
        if (sqlite3_get_autocommit(store->db) == 0 && sql_run_plain(store, STATEMENT_ROLLBACK, &err) < 0)
                log_error("%s", err.text);
        if (store->in_group)
                store->usage = store->before;
        store->in_group = false;
        /* WHY: the log may be what fills the disk, and is emptied by itself only after so many pages more. */
        if (store->full &&
            sqlite3_exec(store->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL) == SQLITE_OK)
                log_info("the log of jobs.db was emptied: the disk is full");
        store->full = false;
}

static int sqlite_commit(struct store *store, struct err *err)
{
        int r = sql_run_plain(store, STATEMENT_COMMIT, err);

        if (r == 0)
                store->in_group = false;
        return r;
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
        .add = store_sqlite_add,
        .find = store_sqlite_find,
        .find_token = store_sqlite_find_token,
        .find_seq = store_sqlite_find_seq,
        .order = store_sqlite_order,
        .update = store_sqlite_update,
        .outcome_add = store_sqlite_outcome_add,
        .outcomes = store_sqlite_outcomes,
        .list = store_sqlite_list,
        .ended = store_sqlite_ended,
        .open_entries = store_sqlite_open_entries,
        .sweep = store_sqlite_sweep,
        .set_put = store_sqlite_set_put,
        .set_use = store_sqlite_set_use,
        .set_get = store_sqlite_set_get,
        .set_sweep = store_sqlite_set_sweep,
        .card_put = store_sqlite_card_put,
        .card_drop = store_sqlite_card_drop,
        .card_get = store_sqlite_card_get,
        .cards = store_sqlite_cards,
        .touch = store_sqlite_keep_counts,
        .usage = sqlite_usage,
};

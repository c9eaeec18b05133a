/* Theory of operation: statements are made once, when the store is opened; after each use they are reset and bound to nothing. */
#include "backend/store_sqlite_priv.h"
#include "util/err.h"

void sql_text(sqlite3_stmt *statement, int at, const char *text)
{
        if (text)
                sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
        else
                sqlite3_bind_null(statement, at);
}

void sql_number(sqlite3_stmt *statement, int at, uint64_t number)
{
        sqlite3_bind_int64(statement, at, (sqlite3_int64)number);
}

void sql_blob(sqlite3_stmt *statement, int at, struct view bytes)
{
        sqlite3_bind_blob64(statement, at, bytes.n ? bytes.p : "", bytes.n, SQLITE_STATIC);
}

uint64_t sql_number_of(sqlite3_stmt *statement, int column)
{
        return (uint64_t)sqlite3_column_int64(statement, column);
}

struct view sql_blob_of(sqlite3_stmt *statement, int column)
{
        const char *p = sqlite3_column_blob(statement, column);

        return (struct view){ p ? p : "", (size_t)sqlite3_column_bytes(statement, column) };
}

int sql_run(struct store *store, sqlite3_stmt *statement, struct err *err)
{
        int code = sqlite3_step(statement), r = 0;

        if (code == SQLITE_CONSTRAINT)
                r = STORE_TAKEN;
        else if (code != SQLITE_DONE && code != SQLITE_ROW)
                r = store_sqlite_failed(store, err);
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        return r;
}

int sql_run_plain(struct store *store, enum statement which, struct err *err)
{
        return sql_run(store, sql_prepared(store, which), err);
}

int sql_take_blob(struct store *store, sqlite3_stmt *statement, struct bytes *ret_bytes, struct err *err)
{
        int code = sqlite3_step(statement), r;

        if (code == SQLITE_DONE) {
                r = STORE_NONE;
        } else if (code == SQLITE_ROW) {
                struct view bytes = sql_blob_of(statement, 0);

                r = bytes_add(ret_bytes, bytes.p, bytes.n);
                if (r < 0)
                        err_set(err, r, "no memory to read the store");
        } else {
                r = store_sqlite_failed(store, err);
        }
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        return r;
}

int sql_take_entry(sqlite3_stmt *statement, struct entry *ret_entry, struct err *err)
{
        struct record_in in;

        record_in_init(&in, sql_blob_of(statement, 0));
        entry_take(&in, ret_entry);
        return record_in_end(&in) < 0 ? err_set(err, -EUCLEAN, "an entry of jobs.db cannot be read") : 0;
}

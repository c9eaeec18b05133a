/* Theory of operation: a set's time of use is written when it is a minute old: most uses write nothing. */
#include "backend/store_sqlite_priv.h"
#include "util/err.h"

#include <stdio.h>

#define USED_STEP_MS (60 * UINT64_C(1000))

int store_sqlite_set_use(struct store *store, const char *name, uint64_t now_ms, struct err *err)
{
        sqlite3_stmt *used = sql_prepared(store, STATEMENT_SET_USED),
                     *use = sql_prepared(store, STATEMENT_SET_USE);
        uint64_t used_ms;
        int code;

        sql_text(used, 1, name);
        code = sqlite3_step(used);
        used_ms = code == SQLITE_ROW ? sql_number_of(used, 0) : 0;
        sqlite3_reset(used);
        if (code == SQLITE_DONE)
                return STORE_NONE;
        if (code != SQLITE_ROW)
                return store_sqlite_failed(store, err);
        if (used_ms + USED_STEP_MS > now_ms)
                return 0;
        sql_text(use, 1, name);
        sql_number(use, 2, now_ms);
        return sql_run(store, use, err);
}

int store_sqlite_set_put(struct store *store, const char *name, struct view cases, uint64_t now_ms,
                         struct err *err)
{
        sqlite3_stmt *put = sql_prepared(store, STATEMENT_SET_PUT);
        int r = store_sqlite_set_use(store, name, now_ms, err);

        if (r != STORE_NONE)
                return r;
        sql_text(put, 1, name);
        sql_number(put, 2, now_ms);
        sql_number(put, 3, cases.n);
        sql_blob(put, 4, cases);
        r = sql_run(store, put, err);
        if (r == 0)
                store->usage.set_bytes += cases.n;
        return r;
}

int store_sqlite_set_get(struct store *store, const char *name, struct bytes *ret_cases, struct err *err)
{
        sql_text(sql_prepared(store, STATEMENT_SET_GET), 1, name);
        return sql_take_blob(store, sql_prepared(store, STATEMENT_SET_GET), ret_cases, err);
}

int store_sqlite_set_sweep(struct store *store, uint64_t before_ms, char ret_name[STORE_SET_NAME],
                           struct err *err)
{
        sqlite3_stmt *oldest = sql_prepared(store, STATEMENT_SET_OLDEST);
        sqlite3_stmt *removal = sql_prepared(store, STATEMENT_SET_REMOVE);
        uint64_t size;
        int code, r;

        sql_number(oldest, 1, before_ms);
        code = sqlite3_step(oldest);
        if (code == SQLITE_ROW)
                snprintf(ret_name, STORE_SET_NAME, "%s", (const char *)sqlite3_column_text(oldest, 0));
        size = code == SQLITE_ROW ? sql_number_of(oldest, 1) : 0;
        sqlite3_reset(oldest);
        if (code == SQLITE_DONE)
                return STORE_NONE;
        if (code != SQLITE_ROW)
                return store_sqlite_failed(store, err);
        sql_text(removal, 1, ret_name);
        r = sql_run(store, removal, err);
        if (r == 0)
                store->usage.set_bytes -= MIN(size, store->usage.set_bytes);
        return r;
}

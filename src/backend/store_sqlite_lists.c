/* Theory of operation: a walk reads row by row; a row that cannot be read is told and passed over, so the others go on. */
#include "backend/store_sqlite_priv.h"
#include "util/err.h"
#include "util/log.h"

static int walk(struct store *store, sqlite3_stmt *statement, store_entry_fn each, void *arg, struct err *err)
{
        struct entry entry;
        int code, r = 0;

        while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
                if (sql_take_entry(statement, &entry, err) < 0) {
                        log_error("%s", err->text); /* one row: the others go on */
                        continue;
                }
                if (!each(arg, &entry))
                        break;
        }
        if (code != SQLITE_ROW && code != SQLITE_DONE)
                r = store_sqlite_failed(store, err);
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        return r;
}

int store_sqlite_list(struct store *store, const struct store_filter *filter, store_entry_fn each, void *arg,
                      struct err *err)
{
        sqlite3_stmt *list = sql_prepared(store, filter->batch ? STATEMENT_LIST_BATCH : STATEMENT_LIST);

        sql_number(list, 1, filter->before ? filter->before : INT64_MAX);
        sql_text(list, 2, filter->owner);
        sql_text(list, 3, filter->door);
        sql_text(list, 4, filter->batch);
        sql_number(list, 5, filter->states);
        return walk(store, list, each, arg, err);
}

int store_sqlite_ended(struct store *store, const char *owner, const char *batch, uint64_t after,
                       store_entry_fn each, void *arg, struct err *err)
{
        sqlite3_stmt *ended = sql_prepared(store, STATEMENT_ENDED);

        sql_number(ended, 1, after);
        sql_text(ended, 2, owner);
        sql_text(ended, 3, batch);
        return walk(store, ended, each, arg, err);
}

int store_sqlite_open_entries(struct store *store, store_entry_fn each, void *arg, struct err *err)
{
        return walk(store, sql_prepared(store, STATEMENT_OPEN), each, arg, err);
}

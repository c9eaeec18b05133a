/*
 * Theory of operation: what is removed leaves free pages, which are used again; while they are many, each sweep gives some
 * of them back to the disk (auto_vacuum=INCREMENTAL), so the file follows what is kept and no sweep takes long.
 */
#include "backend/store_sqlite_priv.h"
#include "util/err.h"

enum {
        FREE_PAGES_KEPT = 1024, /* of 4 KiB: used again soon */
        FREE_PART = 4,          /* or a part of the file */
        PAGES_AT_ONCE = 1024,
};

static int remove_entry(struct store *store, uint64_t seq, uint64_t bytes, struct err *err)
{
        static const enum statement removals[] = { STATEMENT_REMOVE_OUTCOMES, STATEMENT_REMOVE_ORDER,
                                                   STATEMENT_REMOVE_NOTICE, STATEMENT_REMOVE };
        int r = 0;

        for (size_t i = 0; i < ARRAY_LEN(removals) && r == 0; i++) {
                sql_number(sql_prepared(store, removals[i]), 1, seq);
                r = sql_run(store, sql_prepared(store, removals[i]), err);
        }
        if (r == 0) {
                store->usage.entries--;
                store->usage.bytes -= MIN(bytes, store->usage.bytes);
        }
        return r;
}

/* Numbers are never given twice, even when the newest entry is swept. */
int store_sqlite_keep_counts(struct store *store, struct err *err)
{
        sqlite3_stmt *put = sql_prepared(store, STATEMENT_META_PUT);
        int r;

        sql_text(put, 1, "last_seq");
        sql_number(put, 2, store->usage.last_seq);
        r = sql_run(store, put, err);
        if (r < 0)
                return r;
        sql_text(put, 1, "last_ended");
        sql_number(put, 2, store->usage.last_ended);
        return sql_run(store, put, err);
}

static int count_pages(struct store *store, enum statement which, uint64_t *ret_n, struct err *err)
{
        sqlite3_stmt *statement = sql_prepared(store, which);
        int r = sqlite3_step(statement) == SQLITE_ROW ? 0 : store_sqlite_failed(store, err);

        *ret_n = r == 0 ? sql_number_of(statement, 0) : 0;
        sqlite3_reset(statement);
        return r;
}

static int give_back(struct store *store, struct err *err)
{
        sqlite3_stmt *vacuum = sql_prepared(store, STATEMENT_VACUUM);
        uint64_t pages, spare;
        int code, r = count_pages(store, STATEMENT_FREE_PAGES, &spare, err);

        if (r < 0 || spare <= FREE_PAGES_KEPT)
                return r;
        r = count_pages(store, STATEMENT_PAGES, &pages, err);
        if (r < 0 || spare < pages / FREE_PART)
                return r;
        /* WHY a loop: each step of this statement frees one page. */
        for (int i = 0; (code = sqlite3_step(vacuum)) == SQLITE_ROW && i < PAGES_AT_ONCE; i++)
                ;
        r = code == SQLITE_ROW || code == SQLITE_DONE ? 0 : store_sqlite_failed(store, err);
        sqlite3_reset(vacuum);
        return r;
}

int store_sqlite_sweep(struct store *store, uint64_t before_ms, uint64_t most_bytes, uint32_t most,
                       struct err *err)
{
        sqlite3_stmt *oldest = sql_prepared(store, STATEMENT_OLDEST);
        int r = 0, n = 0;

        for (; (uint32_t)n < most && r == 0; n++) {
                uint64_t seq, bytes, ended_ms;
                int code = sqlite3_step(oldest);

                seq = sql_number_of(oldest, 0);
                bytes = sql_number_of(oldest, 1);
                ended_ms = sql_number_of(oldest, 2);
                sqlite3_reset(oldest);
                if (code != SQLITE_ROW || (ended_ms >= before_ms && store->usage.bytes <= most_bytes))
                        break;
                r = remove_entry(store, seq, bytes, err);
        }
        if (r == 0 && n > 0)
                r = store_sqlite_keep_counts(store, err);
        r = r ? r : give_back(store, err);
        return r < 0 ? r : n;
}

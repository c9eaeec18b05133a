/* Theory of operation: what is searched lies in columns beside the record, which is written whole.  An update is a compare and set. */
#include "backend/store_sqlite_priv.h"
#include "util/err.h"

enum { RECORD_BYTES = 8192 };

static int record_of(const struct entry *entry, struct bytes *record)
{
        struct record_out out;

        record_out_init(&out, record);
        entry_put(&out, entry);
        return out.error;
}

int store_sqlite_add(struct store *store, struct entry *entry, struct view order, struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes record = BYTES_INIT(RECORD_BYTES);
        sqlite3_stmt *add = sql_prepared(store, STATEMENT_ADD),
                     *add_order = sql_prepared(store, STATEMENT_ADD_ORDER);
        const struct entry_head *head = &entry->head;
        int r;

        entry->seq = store->usage.last_seq + 1;
        r = record_of(entry, &record);
        if (r < 0)
                return err_set(err, r, "no memory for another job");
        sql_number(add, 1, entry->seq);
        sql_text(add, 2, head->id);
        sql_text(add, 3, head->owner);
        sql_text(add, 4, head->door);
        sql_text(add, 5, head->batch);
        sql_text(add, 6, head->token[0] ? head->token : NULL);
        sql_number(add, 7, entry->flow.state);
        sql_number(add, 8, entry->flow.attempts);
        sql_number(add, 9, entry->flow.fence);
        sql_number(add, 10, entry->ended_number);
        sql_number(add, 11, entry->ended_ms);
        sql_number(add, 12, entry->bytes);
        sql_blob(add, 13, bytes_view(&record));
        r = sql_run(store, add, err);
        if (r != 0)
                return r;
        sql_number(add_order, 1, entry->seq);
        sql_blob(add_order, 2, order);
        r = sql_run(store, add_order, err);
        if (r != 0)
                return r;
        store->usage.last_seq = entry->seq;
        store->usage.entries++;
        return 0;
}

static int find(struct store *store, sqlite3_stmt *statement, struct entry *ret_entry, struct err *err)
{
        int code = sqlite3_step(statement), r;

        if (code == SQLITE_DONE)
                r = STORE_NONE;
        else if (code == SQLITE_ROW)
                r = sql_take_entry(statement, ret_entry, err);
        else
                r = store_sqlite_failed(store, err);
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        return r;
}

int store_sqlite_find(struct store *store, const char *id, struct entry *ret_entry, struct err *err)
{
        sql_text(sql_prepared(store, STATEMENT_FIND), 1, id);
        return find(store, sql_prepared(store, STATEMENT_FIND), ret_entry, err);
}

int store_sqlite_find_token(struct store *store, const char *owner, const char *token,
                            struct entry *ret_entry, struct err *err)
{
        sql_text(sql_prepared(store, STATEMENT_FIND_TOKEN), 1, owner);
        sql_text(sql_prepared(store, STATEMENT_FIND_TOKEN), 2, token);
        return find(store, sql_prepared(store, STATEMENT_FIND_TOKEN), ret_entry, err);
}

int store_sqlite_find_seq(struct store *store, uint64_t seq, struct entry *ret_entry, struct err *err)
{
        sql_number(sql_prepared(store, STATEMENT_FIND_SEQ), 1, seq);
        return find(store, sql_prepared(store, STATEMENT_FIND_SEQ), ret_entry, err);
}

int store_sqlite_order(struct store *store, uint64_t seq, struct bytes *ret_order, struct err *err)
{
        sql_number(sql_prepared(store, STATEMENT_ORDER), 1, seq);
        return sql_take_blob(store, sql_prepared(store, STATEMENT_ORDER), ret_order, err);
}

int store_sqlite_update(struct store *store, struct entry *entry, const struct flow *expected,
                        struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes record = BYTES_INIT(RECORD_BYTES);
        sqlite3_stmt *update = sql_prepared(store, STATEMENT_UPDATE);
        bool ends = flow_has_ended(entry->flow.state) && entry->ended_number == 0;
        int r;

        if (ends)
                entry->ended_number = store->usage.last_ended + 1;
        r = record_of(entry, &record);
        if (r < 0)
                return err_set(err, r, "no memory for an entry");
        sql_number(update, 1, entry->seq);
        sql_number(update, 2, entry->flow.state);
        sql_number(update, 3, entry->flow.attempts);
        sql_number(update, 4, entry->flow.fence);
        sql_number(update, 5, entry->ended_number);
        sql_number(update, 6, entry->ended_ms);
        sql_number(update, 7, entry->bytes);
        sql_blob(update, 8, bytes_view(&record));
        sql_number(update, 9, expected->state);
        sql_number(update, 10, expected->attempts);
        sql_number(update, 11, expected->fence);
        r = sql_run(store, update, err);
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

int store_sqlite_outcome_add(struct store *store, uint64_t seq, uint32_t which, struct view outcome,
                             uint64_t *ret_number, struct err *err)
{
        sqlite3_stmt *next = sql_prepared(store, STATEMENT_OUTCOME_NEXT),
                     *add = sql_prepared(store, STATEMENT_OUTCOME_ADD);
        int r;

        sql_number(next, 1, seq);
        if (sqlite3_step(next) != SQLITE_ROW) {
                r = store_sqlite_failed(store, err);
                sqlite3_reset(next);
                return r;
        }
        *ret_number = (uint64_t)sqlite3_column_int64(next, 0);
        sqlite3_reset(next);
        sql_number(add, 1, seq);
        sql_number(add, 2, which);
        sql_number(add, 3, *ret_number);
        sql_blob(add, 4, outcome);
        return sql_run(store, add, err);
}

int store_sqlite_outcomes(struct store *store, uint64_t seq, uint64_t after, store_outcome_fn each, void *arg,
                          struct err *err)
{
        sqlite3_stmt *statement = sql_prepared(store, STATEMENT_OUTCOMES);
        int code;

        sql_number(statement, 1, seq);
        sql_number(statement, 2, after);
        while ((code = sqlite3_step(statement)) == SQLITE_ROW)
                if (!each(arg, (uint64_t)sqlite3_column_int64(statement, 0), sql_blob_of(statement, 1)))
                        break;
        code = code == SQLITE_ROW || code == SQLITE_DONE ? 0 : store_sqlite_failed(store, err);
        sqlite3_reset(statement);
        return code;
}

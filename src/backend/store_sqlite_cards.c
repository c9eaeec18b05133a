/* Theory of operation: cards are few and rarely asked for, so their statements are made when they are needed. */
#include "backend/store_sqlite_priv.h"
#include "util/err.h"

static void finish(sqlite3_stmt **statement)
{
        sqlite3_finalize(*statement);
}

static int prepare(struct store *store, const char *sql, const char *drawer, const char *name,
                   sqlite3_stmt **statement, struct err *err)
{
        if (sqlite3_prepare_v2(store->db, sql, -1, statement, NULL) != SQLITE_OK)
                return store_sqlite_failed(store, err);
        sqlite3_bind_text(*statement, 1, drawer, -1, SQLITE_STATIC);
        sqlite3_bind_text(*statement, 2, name, -1, SQLITE_STATIC);
        return 0;
}

int store_sqlite_card_put(struct store *store, const char *drawer, const char *name, struct view text,
                          struct err *err)
{
        CLEANUP(finish) sqlite3_stmt *put = NULL;
        int r = prepare(store,
                        "INSERT INTO cards(drawer, name, bytes) VALUES(?1, ?2, ?3) "
                        "ON CONFLICT(drawer, name) DO UPDATE SET bytes = ?3",
                        drawer, name, &put, err);

        if (r < 0)
                return r;
        sqlite3_bind_blob64(put, 3, text.n ? text.p : "", text.n, SQLITE_STATIC);
        return sqlite3_step(put) == SQLITE_DONE ? 0 : store_sqlite_failed(store, err);
}

int store_sqlite_card_drop(struct store *store, const char *drawer, const char *name, struct err *err)
{
        CLEANUP(finish) sqlite3_stmt *drop = NULL;
        int r = prepare(store, "DELETE FROM cards WHERE drawer = ?1 AND name = ?2", drawer, name, &drop, err);

        if (r < 0)
                return r;
        if (sqlite3_step(drop) != SQLITE_DONE)
                return store_sqlite_failed(store, err);
        return sqlite3_changes(store->db) > 0 ? 0 : STORE_NONE;
}

int store_sqlite_card_get(struct store *store, const char *drawer, const char *name, struct bytes *ret_text,
                          struct err *err)
{
        CLEANUP(finish) sqlite3_stmt *get = NULL;
        int code, r = prepare(store, "SELECT bytes FROM cards WHERE drawer = ?1 AND name = ?2", drawer, name,
                              &get, err);

        if (r < 0)
                return r;
        code = sqlite3_step(get);
        if (code == SQLITE_DONE)
                return STORE_NONE;
        if (code != SQLITE_ROW)
                return store_sqlite_failed(store, err);
        r = bytes_add(ret_text, sqlite3_column_blob(get, 0), (size_t)sqlite3_column_bytes(get, 0));
        return r < 0 ? err_set(err, r, "no memory for a card") : 0;
}

int store_sqlite_cards(struct store *store, const char *drawer, const char *after, store_card_fn each,
                       void *arg, struct err *err)
{
        CLEANUP(finish) sqlite3_stmt *list = NULL;
        int code, r = prepare(store,
                              "SELECT name, bytes FROM cards WHERE drawer = ?1 AND name > ?2 ORDER BY name",
                              drawer, after, &list, err);

        if (r < 0)
                return r;
        while ((code = sqlite3_step(list)) == SQLITE_ROW) {
                struct view text = { sqlite3_column_blob(list, 1), (size_t)sqlite3_column_bytes(list, 1) };

                if (!each(arg, (const char *)sqlite3_column_text(list, 0), text))
                        return 0;
        }
        return code == SQLITE_DONE ? 0 : store_sqlite_failed(store, err);
}

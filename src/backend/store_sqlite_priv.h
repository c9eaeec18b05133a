#pragma once

/* What the files of the SQLite store share. */

#include "job/store.h"

#include <sqlite3.h>

sqlite3 *store_sqlite_db(struct store *store);

/* Turn SQLite's last word into -errno and a sentence. */
int store_sqlite_failed(struct store *store, struct err *err);

int store_sqlite_card_put(struct store *store, const char *drawer, const char *name, struct view text,
                          struct err *err);
int store_sqlite_card_drop(struct store *store, const char *drawer, const char *name, struct err *err);
int store_sqlite_card_get(struct store *store, const char *drawer, const char *name, struct bytes *ret_text,
                          struct err *err);
int store_sqlite_cards(struct store *store, const char *drawer, const char *after, store_card_fn each,
                       void *arg, struct err *err);

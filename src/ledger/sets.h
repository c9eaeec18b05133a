#pragma once

/* Sets: test sets in memory while something uses them, and the recently used ones as far as there is room. */

#include "job/order.h"

struct book;
struct err;
struct set;
struct sets;

int sets_new(struct book *book, struct sets **ret_sets, struct err *err) MUST_USE;
void sets_free(struct sets *sets);

/* A set by name, to be given back with set_put(): 0, STORE_NONE or -errno. */
int sets_get(struct sets *sets, const char *name, struct set **ret_set, struct err *err) MUST_USE;
void sets_put(struct sets *sets, struct set *set);

/*
 * Remove what was not used for a long time, and while there is too much the longest unused; never what a job that has
 * not ended needs.  Inside of a group.
 */
int sets_sweep(struct sets *sets, uint64_t now_ms, struct err *err) MUST_USE;

struct view set_cases(const struct set *set);
uint32_t set_count(const struct set *set);

#pragma once

/*
 * Index: the list of packages that can be installed, as text: one `name,version,sha256,url` per line.  Blank and
 * malformed lines, and names that could not be a folder, are skipped.
 */

#include "util/base.h"
#include "util/bytes.h"
#include "runtime/semver.h"

enum { INDEX_NAME_MAX = 64, INDEX_LINES_MAX = 65536, INDEX_SUM_TEXT = 65 };
#define INDEX_BYTES_MAX (8 * MIB)

struct index_line {
        char name[INDEX_NAME_MAX + 1];
        char version[INDEX_NAME_MAX + 1];
        char sum[INDEX_SUM_TEXT]; /* lower case */
        char *url;                /* absolute, or relative to the index */
};

struct index {
        struct index_line *lines;
        size_t n;
};

/* 0 or -ENOMEM. */
int index_parse(struct view text, struct index *ret_index) MUST_USE;
void index_deinit(struct index *index);

/* The newest version of @name in @range; the first of equals. */
const struct index_line *index_find(const struct index *index, const char *name, const char *range);

/* Letters, digits and . _ + # -, not beginning with a dot: what a folder may be called. */
bool index_name_ok(struct view name);

/* As semver_parse(), but "3" and "3.12" will do. */
int index_version(const char *text, struct semver *ret_version) MUST_USE;

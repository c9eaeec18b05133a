#pragma once

/*
 * Compare: is what a program printed what was expected?  Always outside the box: the program never sees the
 * expectation.  Linear in time, constant in memory, any bytes.
 */

#include "util/base.h"
#include "util/bytes.h"

enum compare_kind {
#define COMPARE(NAME, name, text) COMPARE_##NAME,
#include "job/compare.def"
#undef COMPARE
        COMPARE_COUNT
};

struct compare_rule {
        enum compare_kind kind;
        /* FLOAT: equal when |a - b| <= absolute, or <= relative * |expected|; both finite and not negative. */
        double absolute;
        double relative;
};

enum { COMPARE_SNIPPET = 96 };

/* Where the first difference is, in the bytes of either side; what stands there, cut to COMPARE_SNIPPET bytes. */
struct compare_difference {
        uint64_t line;        /* from 1, in the expectation */
        uint64_t column;      /* bytes from 1, in the expectation */
        uint64_t token;       /* from 1, 0 where the rule knows no tokens */
        uint64_t expected_at; /* offset into the expectation; its size: it ended there */
        uint64_t actual_at;
        char expected[COMPARE_SNIPPET];
        char actual[COMPARE_SNIPPET];
        uint32_t n_expected; /* bytes of the snippets */
        uint32_t n_actual;
};

/* True when they match; else *ret_difference, which may be NULL, tells the first place where they do not. */
bool compare(const struct compare_rule *rule, struct view expected, struct view actual,
             struct compare_difference *ret_difference);

/* Without the white space at both ends, Unicode's too. */
struct view compare_strip(struct view text);

const char *compare_name(enum compare_kind kind);

/* COMPARE_COUNT when there is no such. */
enum compare_kind compare_find(const char *name);

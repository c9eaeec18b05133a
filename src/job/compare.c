/*
 * Theory of operation: every rule walks both texts once, piece by piece (bytes, lines or words), to the first pair that
 * differs.  Only then, and once, are lines counted up to that place.
 */
#include "job/compare.h"

#include <math.h>
#include <stdio.h>

enum { NUMBER_MAX = 400, CONTEXT = 32 };

static const char *const names[COMPARE_COUNT] = {
#define COMPARE(NAME, name, text) #name,
#include "job/compare.def"
#undef COMPARE
};

/* A place in one of the texts, and the piece that begins there. */
struct cursor {
        struct view text;
        size_t at;
        struct view piece;
        size_t piece_at;
};

static bool is_space(char c)
{
        return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool next_word(struct cursor *cursor)
{
        while (cursor->at < cursor->text.n && is_space(cursor->text.p[cursor->at]))
                cursor->at++;
        cursor->piece_at = cursor->at;
        while (cursor->at < cursor->text.n && !is_space(cursor->text.p[cursor->at]))
                cursor->at++;
        cursor->piece = (struct view){ cursor->text.p + cursor->piece_at, cursor->at - cursor->piece_at };
        return cursor->piece.n > 0;
}

static size_t trim(const char *p, size_t n)
{
        while (n > 0 && is_space(p[n - 1]))
                n--;
        return n;
}

/* The next line without white space at its end; the text has none at its own. */
static bool next_line(struct cursor *cursor)
{
        const char *from = cursor->text.p + cursor->at, *end;
        size_t left = cursor->text.n - cursor->at;

        cursor->piece_at = cursor->at;
        cursor->piece = (struct view){ from, 0 };
        if (left == 0)
                return false;
        end = memchr(from, '\n', left);
        cursor->piece.n = trim(from, end ? (size_t)(end - from) : left);
        cursor->at += end ? (size_t)(end - from) + 1 : left;
        return true;
}

static size_t first_difference(struct view a, struct view b)
{
        size_t n = MIN(a.n, b.n), i = 0;

        while (i < n && a.p[i] == b.p[i])
                i++;
        return i;
}

static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool same_caseless(struct view a, struct view b)
{
        if (a.n != b.n)
                return false;
        for (size_t i = 0; i < a.n; i++)
                if (lower(a.p[i]) != lower(b.p[i]))
                        return false;
        return true;
}

/* A number as people and programs write them: no hex, no "inf", no more digits than anybody needs. */
static bool read_number(struct view word, double *ret_number)
{
        char text[NUMBER_MAX + 1], *end;
        bool digits = false;

        if (word.n == 0 || word.n > NUMBER_MAX)
                return false;
        for (size_t i = 0; i < word.n; i++) {
                if (!memchr("0123456789+-.eE", word.p[i], 15))
                        return false;
                digits = digits || (word.p[i] >= '0' && word.p[i] <= '9');
        }
        memcpy(text, word.p, word.n);
        text[word.n] = '\0';
        *ret_number = strtod(text, &end);
        return digits && end == text + word.n && isfinite(*ret_number);
}

static bool same_number(const struct compare_rule *rule, struct view expected, struct view actual)
{
        double a, b, apart;

        if (!read_number(expected, &a) || !read_number(actual, &b))
                return false;
        apart = fabs(a - b);
        return apart <= rule->absolute || apart <= rule->relative * fabs(a);
}

static bool same_word(const struct compare_rule *rule, struct view expected, struct view actual)
{
        if (view_eq(expected, actual))
                return true;
        if (rule->kind == COMPARE_CASELESS)
                return same_caseless(expected, actual);
        return rule->kind == COMPARE_FLOAT && same_number(rule, expected, actual);
}

static uint32_t cut(struct view text, size_t from, char snippet[COMPARE_SNIPPET])
{
        size_t n = MIN(text.n - from, (size_t)COMPARE_SNIPPET);

        memcpy(snippet, text.p + from, n);
        return (uint32_t)n;
}

/* @expected and @actual: the whole texts and where they differ; @from: how far before that the snippets begin. */
static void tell(const struct cursor *expected, const struct cursor *actual, uint64_t token, size_t from,
                 struct compare_difference *difference)
{
        const char *at = expected->text.p, *end = at + expected->at, *newline;

        if (!difference)
                return;
        *difference = (struct compare_difference){ .line = 1, .token = token };
        difference->expected_at = expected->at;
        difference->actual_at = actual->at;
        while (at < end && (newline = memchr(at, '\n', (size_t)(end - at)))) {
                difference->line++;
                at = newline + 1;
        }
        difference->column = (uint64_t)(end - at) + 1;
        difference->n_expected = cut(expected->text, expected->at - from, difference->expected);
        difference->n_actual = cut(actual->text, actual->at - from, difference->actual);
}

static bool compare_exact(struct view expected, struct view actual, struct compare_difference *difference)
{
        struct cursor a = { .text = expected }, b = { .text = actual };
        size_t from = 0;

        if (view_eq(expected, actual))
                return true;
        a.at = b.at = first_difference(expected, actual);
        while (from < MIN(a.at, (size_t)CONTEXT) && expected.p[a.at - from - 1] != '\n')
                from++;
        tell(&a, &b, 0, from, difference);
        return false;
}

static bool compare_lines(struct view expected, struct view actual, struct compare_difference *difference)
{
        struct cursor a = { .text = { expected.p, trim(expected.p, expected.n) } };
        struct cursor b = { .text = { actual.p, trim(actual.p, actual.n) } };
        size_t same, from;

        for (;;) {
                bool more_a = next_line(&a), more_b = next_line(&b);

                if (!more_a && !more_b)
                        return true;
                if (more_a == more_b && view_eq(a.piece, b.piece))
                        continue;
                same = first_difference(a.piece, b.piece);
                from = MIN(same, (size_t)CONTEXT);
                a.at = a.piece_at + same;
                b.at = b.piece_at + same;
                tell(&a, &b, 0, from, difference);
                return false;
        }
}

static bool compare_words(const struct compare_rule *rule, struct view expected, struct view actual,
                          struct compare_difference *difference)
{
        struct cursor a = { .text = expected }, b = { .text = actual };

        for (uint64_t token = 1;; token++) {
                bool more_a = next_word(&a), more_b = next_word(&b);

                if (!more_a && !more_b)
                        return true;
                if (more_a == more_b && same_word(rule, a.piece, b.piece))
                        continue;
                a.at = a.piece_at;
                b.at = b.piece_at;
                tell(&a, &b, token, 0, difference);
                if (difference) {
                        difference->n_expected = cut(a.piece, 0, difference->expected);
                        difference->n_actual = cut(b.piece, 0, difference->actual);
                }
                return false;
        }
}

/* The bytes of a Unicode space that begins at @p, 0: there is none. */
static size_t space_at(const char *p, size_t n)
{
        static const char *const spaces[] = {
                " ",
                "\t",
                "\n",
                "\v",
                "\f",
                "\r",
                "\xc2\x85",
                "\xc2\xa0",
                "\xe1\x9a\x80",
                "\xe2\x80\x80",
                "\xe2\x80\x81",
                "\xe2\x80\x82",
                "\xe2\x80\x83",
                "\xe2\x80\x84",
                "\xe2\x80\x85",
                "\xe2\x80\x86",
                "\xe2\x80\x87",
                "\xe2\x80\x88",
                "\xe2\x80\x89",
                "\xe2\x80\x8a",
                "\xe2\x80\xa8",
                "\xe2\x80\xa9",
                "\xe2\x80\xaf",
                "\xe2\x81\x9f",
                "\xe3\x80\x80",
        };

        for (size_t i = 0; i < ARRAY_LEN(spaces); i++) {
                size_t length = strlen(spaces[i]);

                if (n >= length && memcmp(p, spaces[i], length) == 0)
                        return length;
        }
        return 0;
}

struct view compare_strip(struct view text)
{
        size_t space;

        while ((space = space_at(text.p, text.n)) > 0) {
                text.p += space;
                text.n -= space;
        }
        for (size_t length = 1; length <= MIN(text.n, (size_t)3); length++)
                if (space_at(text.p + text.n - length, length) == length) {
                        text.n -= length;
                        length = 0;
                }
        return text;
}

bool compare(const struct compare_rule *rule, struct view expected, struct view actual,
             struct compare_difference *ret_difference)
{
        if (rule->kind == COMPARE_EXACT)
                return compare_exact(expected, actual, ret_difference);
        if (rule->kind == COMPARE_STRIPPED)
                return compare_exact(compare_strip(expected), compare_strip(actual), ret_difference);
        if (rule->kind == COMPARE_TRIMMED)
                return compare_lines(expected, actual, ret_difference);
        return compare_words(rule, expected, actual, ret_difference);
}

const char *compare_name(enum compare_kind kind)
{
        return names[kind];
}

enum compare_kind compare_find(const char *name)
{
        int i = 0;

        while (i < COMPARE_COUNT && !streq(names[i], name))
                i++;
        return (enum compare_kind)i;
}

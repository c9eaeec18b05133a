/*
 * A range is alternatives ("||") of comparators that must all hold.  Every comparator is turned into one
 * half-open interval [from, to) (or the complement of one for "!="), so matching is two comparisons.
 *
 * A version with a prerelease tag satisfies an alternative only if one of its comparators names the same three
 * numbers with a tag: nobody gets a release candidate by asking for "*".
 */
#include "runtime/semver.h"

#include <ctype.h>

enum op { OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_TILDE, OP_CARET };

/* A version in a range: trailing numbers may be missing or be x, X or *. */
struct partial {
        struct semver version;
        int given; /* how many of the three numbers */
};

struct match {
        const struct semver *version;
        bool all;    /* every comparator of this alternative held so far */
        bool tagged; /* one of them names the version's numbers with a tag */
};

static void skip_blanks(const char **p)
{
        while (**p == ' ' || **p == '\t')
                (*p)++;
}

static bool is_tag_byte(char c)
{
        return isalnum((unsigned char)c) || c == '-' || c == '.';
}

static int parse_number(const char **p, uint32_t *ret_number)
{
        uint64_t value = 0;

        if (!isdigit((unsigned char)**p))
                return -EINVAL;
        if (**p == '0' && isdigit((unsigned char)(*p)[1]))
                return -EINVAL;
        for (; isdigit((unsigned char)**p); (*p)++) {
                value = value * 10 + (uint64_t)(**p - '0');
                if (value > SEMVER_NUMBER_MAX)
                        return -EINVAL;
        }
        *ret_number = (uint32_t)value;
        return 0;
}

/* Dot-separated parts, none empty, numbers without leading zeros. */
static bool tag_ok(const char *tag, size_t n)
{
        size_t start = 0;

        for (size_t i = 0; i <= n; i++) {
                if (i < n && tag[i] != '.')
                        continue;
                if (i == start)
                        return false;
                if (tag[start] == '0' && i - start > 1 && strspn(tag + start, "0123456789") >= i - start)
                        return false;
                start = i + 1;
        }
        return true;
}

/* "-rc.1" and "+build" behind the numbers. */
static int parse_tag(const char **p, struct semver *version)
{
        size_t n;

        if (**p == '-') {
                for (n = 0; is_tag_byte((*p)[1 + n]); n++)
                        ;
                if (n >= SEMVER_TAG_MAX || !tag_ok(*p + 1, n))
                        return -EINVAL;
                memcpy(version->tag, *p + 1, n);
                version->tag[n] = '\0';
                *p += 1 + n;
        }
        if (**p == '+') {
                for (n = 0; is_tag_byte((*p)[1 + n]); n++)
                        ;
                if (n == 0)
                        return -EINVAL;
                *p += 1 + n;
        }
        return 0;
}

int semver_parse(const char *text, struct semver *ret_version)
{
        struct semver version = { 0 };
        uint32_t *const numbers[] = { &version.major, &version.minor, &version.patch };

        if (*text == 'v' || *text == '=')
                text++;
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
                if (i > 0 && *text++ != '.')
                        return -EINVAL;
                if (parse_number(&text, numbers[i]) < 0)
                        return -EINVAL;
        }
        if (parse_tag(&text, &version) < 0 || *text)
                return -EINVAL;
        *ret_version = version;
        return 0;
}

/* One part of two tags: numbers before words, numbers by size, words by bytes. */
static int compare_part(const char *a, size_t na, const char *b, size_t nb)
{
        bool a_number = strspn(a, "0123456789") >= na, b_number = strspn(b, "0123456789") >= nb;
        int r;

        if (a_number != b_number)
                return a_number ? -1 : 1;
        if (a_number && na != nb)
                return na < nb ? -1 : 1;
        r = memcmp(a, b, MIN(na, nb));
        return r ? r : (na > nb) - (na < nb);
}

static int compare_tags(const char *a, const char *b)
{
        if (!*a || !*b)
                return !*a - !*b;
        while (*a && *b) {
                size_t na = strcspn(a, "."), nb = strcspn(b, ".");
                int r = compare_part(a, na, b, nb);

                if (r)
                        return r;
                a += na + (a[na] == '.');
                b += nb + (b[nb] == '.');
        }
        return (*a != '\0') - (*b != '\0');
}

static int compare_numbers(const struct semver *a, const struct semver *b)
{
        if (a->major != b->major)
                return a->major < b->major ? -1 : 1;
        if (a->minor != b->minor)
                return a->minor < b->minor ? -1 : 1;
        return (a->patch > b->patch) - (a->patch < b->patch);
}

int semver_compare(const struct semver *a, const struct semver *b)
{
        int r = compare_numbers(a, b);

        return r ? r : compare_tags(a->tag, b->tag);
}

static bool is_wild(char c)
{
        return c == 'x' || c == 'X' || c == '*';
}

/* "3", "3.x", "v3.11.2-rc.1", "*"; a number behind a wild one is read and means nothing. */
static int parse_partial(const char **p, struct partial *ret_partial)
{
        struct partial partial = { 0 };
        uint32_t *const numbers[] = { &partial.version.major, &partial.version.minor,
                                      &partial.version.patch };
        bool wild = false;
        int n = 0;

        while (**p == 'v' || **p == '=')
                (*p)++;
        for (; n < 3; n++) {
                if (n > 0 && **p != '.')
                        break;
                *p += n > 0;
                if (is_wild(**p)) {
                        (*p)++;
                        wild = true;
                } else if (parse_number(p, numbers[n]) < 0) {
                        return -EINVAL;
                }
                if (wild)
                        *numbers[n] = 0;
                else
                        partial.given = n + 1;
        }
        if (n == 3 && parse_tag(p, &partial.version) < 0)
                return -EINVAL;
        if (wild)
                partial.version.tag[0] = '\0';
        *ret_partial = partial;
        return 0;
}

/* The first version behind everything that starts with the first @keep numbers of @version. */
static struct semver step(struct semver version, int keep)
{
        uint32_t *const numbers[] = { &version.major, &version.minor, &version.patch };

        must(keep > 0);
        for (int i = keep; i < 3; i++)
                *numbers[i] = 0;
        (*numbers[keep - 1])++;
        /* "-0" is the smallest tag: prereleases of the next version are not below it. */
        version.tag[0] = '0';
        version.tag[1] = '\0';
        return version;
}

static bool below(const struct semver *version, struct semver limit)
{
        return semver_compare(version, &limit) < 0;
}

/* How many numbers a caret holds still: up to the first that is not 0. */
static int caret_keep(const struct partial *p)
{
        if (p->version.major > 0 || p->given == 1)
                return 1;
        if (p->version.minor > 0 || p->given == 2)
                return 2;
        return 3;
}

static bool in_from(const struct semver *version, const struct partial *p, int keep)
{
        return semver_compare(version, &p->version) >= 0 && below(version, step(p->version, keep));
}

/* Does @version hold against "op partial"? */
static bool holds(const struct semver *version, enum op op, const struct partial *p)
{
        int r = semver_compare(version, &p->version);

        if (p->given == 0)
                return op != OP_LT && op != OP_GT && op != OP_NE;
        switch (op) {
        case OP_EQ:
                return p->given == 3 ? r == 0 : in_from(version, p, p->given);
        case OP_NE:
                return p->given == 3 ? r != 0 : !in_from(version, p, p->given);
        case OP_LT:
                if (p->given < 3) { /* <3.12 keeps out the prereleases of 3.12.0 too */
                        struct semver limit = p->version;

                        memcpy(limit.tag, "0", 2);
                        return below(version, limit);
                }
                return r < 0;
        case OP_LE:
                return p->given == 3 ? r <= 0 : below(version, step(p->version, p->given));
        case OP_GT:
                return p->given == 3 ? r > 0 : !below(version, step(p->version, p->given));
        case OP_GE:
                return r >= 0;
        case OP_TILDE:
                return in_from(version, p, MIN(p->given, 2));
        case OP_CARET:
                return in_from(version, p, caret_keep(p));
        }
        return false;
}

static enum op parse_op(const char **p)
{
        static const struct {
                const char *text;
                enum op op;
        } ops[] = {
                { ">=", OP_GE },   { "=>", OP_GE },    { "<=", OP_LE }, { "=<", OP_LE },
                { "!=", OP_NE },   { "~>", OP_TILDE }, { ">", OP_GT },  { "<", OP_LT },
                { "~", OP_TILDE }, { "^", OP_CARET },  { "=", OP_EQ },
        };

        for (size_t i = 0; i < ARRAY_LEN(ops); i++)
                if (strncmp(*p, ops[i].text, strlen(ops[i].text)) == 0) {
                        *p += strlen(ops[i].text);
                        return ops[i].op;
                }
        return OP_EQ;
}

static void take(struct match *match, enum op op, const struct partial *p)
{
        if (!holds(match->version, op, p))
                match->all = false;
        /* Masterminds lets "!=" speak for prereleases; node-semver has no such operator. */
        if (op == OP_NE || (p->version.tag[0] && compare_numbers(&p->version, match->version) == 0))
                match->tagged = true;
}

/* " - upper" behind a plain version: node wants blanks around the hyphen. */
static bool has_hyphen(const char *p)
{
        if (*p != ' ' && *p != '\t')
                return false;
        skip_blanks(&p);
        return *p == '-' && (p[1] == ' ' || p[1] == '\t');
}

static int parse_comparator(const char **p, struct match *match)
{
        const char *start = *p;
        struct partial low, high;
        enum op op = parse_op(p);
        bool plain = *p == start;

        skip_blanks(p);
        /* "==" is an error to Masterminds and "=" to node; what follows an operator is a version. */
        if (!plain && (**p == '=' || **p == '>' || **p == '<'))
                return -EINVAL;
        if (parse_partial(p, &low) < 0)
                return -EINVAL;
        if (!plain || !has_hyphen(*p)) {
                take(match, op, &low);
                return 0;
        }
        skip_blanks(p);
        (*p)++;
        skip_blanks(p);
        if (parse_partial(p, &high) < 0)
                return -EINVAL;
        take(match, OP_GE, &low);
        take(match, OP_LE, &high);
        return 0;
}

/* One alternative, up to "||" or the end; an empty one is "*". */
static int parse_alternative(const char **p, const struct semver *version, bool *matches)
{
        struct match match = { version, true, false };

        for (;;) {
                skip_blanks(p);
                if (!**p || (*p)[0] == '|')
                        break;
                if (parse_comparator(p, &match) < 0)
                        return -EINVAL;
                if (**p && !strchr(" \t,|<>=~^!", **p))
                        return -EINVAL;
                skip_blanks(p);
                if (**p == ',') {
                        (*p)++;
                        skip_blanks(p);
                        if (!**p || **p == '|' || **p == ',')
                                return -EINVAL;
                }
        }
        if (match.all && (!version->tag[0] || match.tagged))
                *matches = true;
        return 0;
}

/* 1 when @version satisfies @range, 0 when not, -EINVAL when it cannot be read: to the end, match or not. */
static int evaluate(const struct semver *version, const char *range)
{
        bool matches = false;

        if (strnlen(range, SEMVER_RANGE_MAX + 1) > SEMVER_RANGE_MAX)
                return -EINVAL;
        for (;;) {
                if (parse_alternative(&range, version, &matches) < 0)
                        return -EINVAL;
                if (!*range)
                        return matches;
                if (range[1] != '|')
                        return -EINVAL;
                range += 2;
        }
}

bool semver_satisfies(const struct semver *version, const char *range)
{
        return evaluate(version, range) > 0;
}

bool semver_range_ok(const char *range)
{
        const struct semver any = { 0 };

        return evaluate(&any, range) >= 0;
}

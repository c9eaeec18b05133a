/*
 * Theory of operation: nothing is taken apart before somebody asks for a member; then the body is walked from its
 * beginning.  Requests have a handful of members, so this costs less than a table of them.
 */
#include "api/fields.h"

#include <strings.h>

static int digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c |= 32;
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %xx and "+".  What is no escape is FIELDS_BROKEN. */
static int unescape(struct view text, struct bytes *out)
{
        int r = bytes_reserve(out, text.n);

        for (size_t i = 0; r == 0 && i < text.n; i++) {
                char c = text.p[i] == '+' ? ' ' : text.p[i];

                if (c == '%') {
                        int high = text.n - i > 2 ? digit(text.p[i + 1]) : -1;
                        int low = text.n - i > 2 ? digit(text.p[i + 2]) : -1;

                        if (high < 0 || low < 0)
                                return FIELDS_BROKEN;
                        c = (char)(high << 4 | low);
                        i += 2;
                }
                r = bytes_add(out, &c, 1);
        }
        return r;
}

static int pairs_text(struct view pairs, const char *name, struct bytes *out)
{
        const char *at = pairs.p, *end = at + pairs.n;
        size_t n = strlen(name);

        while (pairs.n > 0 && at < end) {
                const char *stop = memchr(at, '&', (size_t)(end - at));
                size_t length = (size_t)((stop ? stop : end) - at);

                if (length > n && memcmp(at, name, n) == 0 && at[n] == '=')
                        return unescape((struct view){ at + n + 1, length - n - 1 }, out);
                at += length + 1;
        }
        return FIELDS_NONE;
}

/* Where the line "--<boundary>" begins, at or behind @from; NULL when there is none. */
static const char *delimiter_find(const struct fields *fields, const char *from)
{
        const char *end = fields->body.p + fields->body.n;

        while (from < end) {
                const char *p = memmem(from, (size_t)(end - from), fields->boundary.p, fields->boundary.n);

                if (!p)
                        return NULL;
                if (p - fields->body.p >= 2 && memcmp(p - 2, "--", 2) == 0 &&
                    (p - 2 == fields->body.p || p[-3] == '\n'))
                        return p - 2;
                from = p + 1;
        }
        return NULL;
}

/* Does the head of a part name it @name? */
static bool part_is(struct view head, const char *name)
{
        static const char key[] = "name=";
        const char *end = head.p + head.n, *p = head.p;
        size_t n = strlen(name);

        while ((p = memmem(p, (size_t)(end - p), key, sizeof(key) - 1))) {
                bool whole = p > head.p && (p[-1] == ' ' || p[-1] == ';' || p[-1] == '\t');

                p += sizeof(key) - 1;
                if (whole && (size_t)(end - p) >= n + 2 && p[0] == '"' && memcmp(p + 1, name, n) == 0 &&
                    p[n + 1] == '"')
                        return true;
                if (whole && (size_t)(end - p) >= n && memcmp(p, name, n) == 0 &&
                    ((size_t)(end - p) == n || strchr("; \r", p[n])))
                        return true;
        }
        return false;
}

static int parts_text(const struct fields *fields, const char *name, struct bytes *out)
{
        const char *end = fields->body.p + fields->body.n;
        const char *at = delimiter_find(fields, fields->body.p), *next;

        if (!at)
                return FIELDS_BROKEN;
        for (;; at = next) {
                const char *head = at + 2 + fields->boundary.n, *text;

                if (end - head >= 2 && memcmp(head, "--", 2) == 0)
                        return FIELDS_NONE;
                next = delimiter_find(fields, head);
                text = memmem(head, (size_t)(end - head), "\r\n\r\n", 4);
                if (!next || !text || text + 4 > next - 2 || memcmp(next - 2, "\r\n", 2) != 0)
                        return FIELDS_BROKEN;
                if (part_is((struct view){ head, (size_t)(text - head) }, name))
                        return bytes_add(out, text + 4, (size_t)(next - 2 - (text + 4)));
        }
}

static bool is_type(struct view type, const char *word)
{
        size_t n = strlen(word);

        return type.p && type.n >= n && strncasecmp(type.p, word, n) == 0 &&
               (type.n == n || strchr("; \t", type.p[n]));
}

/* 0, or FIELDS_BROKEN when there is none. */
static int boundary_find(struct view type, struct view *ret_boundary)
{
        static const char key[] = "boundary=";
        size_t left = type.n;
        const char *p = type.p;

        while (left >= sizeof(key) - 1 && strncasecmp(p, key, sizeof(key) - 1) != 0) {
                p++;
                left--;
        }
        if (left < sizeof(key))
                return FIELDS_BROKEN;
        p += sizeof(key) - 1;
        left -= sizeof(key) - 1;
        if (*p == '"') {
                const char *stop = memchr(p + 1, '"', left - 1);

                *ret_boundary = (struct view){ p + 1, stop ? (size_t)(stop - p - 1) : 0 };
        } else {
                const char *stop = memchr(p, ';', left);

                *ret_boundary = (struct view){ p, stop ? (size_t)(stop - p) : left };
        }
        return ret_boundary->n > 0 ? 0 : FIELDS_BROKEN;
}

static bool looks_like_json(struct view body)
{
        size_t i = 0;

        while (i < body.n && memchr(" \t\r\n", body.p[i], 4))
                i++;
        return i < body.n && body.p[i] == '{';
}

int fields_open(struct fields *fields, struct view type, struct view query, struct view body)
{
        *fields = (struct fields){ .query = query, .body = body };
        if (is_type(type, "multipart/form-data"))
                return boundary_find(type, &fields->boundary);
        if (is_type(type, "application/x-www-form-urlencoded") && !looks_like_json(body))
                return 0;
        fields->root = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
        return json_is_object(fields->root) ? 0 : FIELDS_BROKEN;
}

void fields_close(struct fields *fields)
{
        json_decref(fields->root);
        fields->root = NULL;
}

int fields_text(const struct fields *fields, const char *name, struct bytes *text)
{
        const json_t *value = json_object_get(fields->root, name);
        int r;

        if (fields->root) {
                if (!value || json_is_null(value))
                        return FIELDS_NONE;
                if (!json_is_string(value))
                        return FIELDS_WRONG;
                return bytes_add(text, json_string_value(value), json_string_length(value));
        }
        r = fields->boundary.p ? parts_text(fields, name, text) : pairs_text(fields->body, name, text);
        return r == FIELDS_NONE ? pairs_text(fields->query, name, text) : r;
}

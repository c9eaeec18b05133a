/* Theory of operation: a walk from "&" to "&"; nothing is decoded but the value that is wanted. */
#include "api/query.h"

static int digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if ((c | 32) >= 'a' && (c | 32) <= 'f')
                return (c | 32) - 'a' + 10;
        return -1;
}

static int decode(struct view value, char *text, size_t room)
{
        size_t n = 0;

        for (size_t i = 0; i < value.n; i++) {
                char c = value.p[i] == '+' ? ' ' : value.p[i];

                if (c == '%') {
                        int high = i + 2 < value.n ? digit(value.p[i + 1]) : -1;
                        int low = i + 2 < value.n ? digit(value.p[i + 2]) : -1;

                        if (high < 0 || low < 0)
                                return -EINVAL;
                        c = (char)(high << 4 | low);
                        i += 2;
                }
                if (c == '\0' || n + 1 >= room)
                        return -EINVAL;
                text[n++] = c;
        }
        text[n] = '\0';
        return 0;
}

int query_text(struct view query, const char *name, char *text, size_t room)
{
        const char *at = query.p, *end = at + query.n;
        size_t n = strlen(name);

        while (at < end) {
                const char *stop = memchr(at, '&', (size_t)(end - at));
                size_t length = (size_t)((stop ? stop : end) - at);

                if (length >= n && memcmp(at, name, n) == 0 && (length == n || at[n] == '=')) {
                        size_t skip = MIN(length, n + 1);

                        return decode((struct view){ at + skip, length - skip }, text, room);
                }
                at += length + 1;
        }
        return QUERY_NONE;
}

int query_count(struct view query, const char *name, uint64_t most, uint64_t *ret_value)
{
        char text[24];
        uint64_t value = 0;
        int r = query_text(query, name, text, sizeof(text));

        if (r != 0)
                return r;
        if (!text[0])
                return -EINVAL;
        for (const char *p = text; *p; p++) {
                if (*p < '0' || *p > '9' || value > (UINT64_MAX - 9) / 10)
                        return -EINVAL;
                value = value * 10 + (uint64_t)(*p - '0');
        }
        if (value > most)
                return -EINVAL;
        *ret_value = value;
        return 0;
}

/*
 * Growth doubles and stops at the cap; nothing is ever cut silently: what does not fit is refused whole.
 */
#include "util/bytes.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

enum { FIRST_ROOM = 256, READ_STEP = 16384 };

bool view_eq(struct view a, struct view b)
{
        return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool view_eq_text(struct view a, const char *text)
{
        return view_eq(a, view_of(text));
}

int bytes_reserve(struct bytes *b, size_t n)
{
        size_t want, room;
        char *p;

        if (n > b->cap - b->n)
                return -ENOSPC;
        want = b->n + n;
        if (b->p && want <= b->room)
                return 0;
        room = MAX(b->room * 2, MAX(want, (size_t)FIRST_ROOM));
        room = MIN(room, MAX(b->cap, want));
        p = realloc(b->p, room + 1);
        if (!p)
                return -ENOMEM;
        b->p = p;
        b->room = room;
        b->p[b->n] = '\0';
        return 0;
}

int bytes_add(struct bytes *b, const void *p, size_t n)
{
        int r = bytes_reserve(b, n);

        if (r < 0)
                return r;
        if (n > 0)
                memcpy(b->p + b->n, p, n);
        b->n += n;
        b->p[b->n] = '\0';
        return 0;
}

int bytes_add_text(struct bytes *b, const char *text)
{
        return bytes_add(b, text, strlen(text));
}

int bytes_printf(struct bytes *b, const char *format, ...)
{
        va_list ap;
        int n, r;

        va_start(ap, format);
        n = vsnprintf(NULL, 0, format, ap);
        va_end(ap);
        if (n < 0)
                return -EINVAL;
        r = bytes_reserve(b, (size_t)n);
        if (r < 0)
                return r;
        va_start(ap, format);
        vsnprintf(b->p + b->n, (size_t)n + 1, format, ap);
        va_end(ap);
        b->n += (size_t)n;
        return 0;
}

void bytes_take(struct bytes *b, size_t n)
{
        must(n <= b->n);
        if (n == 0)
                return;
        b->n -= n;
        memmove(b->p, b->p + n, b->n + 1);
}

void bytes_clear(struct bytes *b)
{
        b->n = 0;
        if (b->p)
                b->p[0] = '\0';
}

void bytes_deinit(struct bytes *b)
{
        free(b->p);
        *b = (struct bytes){ .cap = b->cap };
}

int bytes_read_fd(struct bytes *b, int fd)
{
        for (;;) {
                size_t want = MIN((size_t)READ_STEP, b->cap - b->n);
                ssize_t got;
                char probe;
                int r;

                if (want == 0) {
                        got = read(fd, &probe, 1);
                        return got == 0 ? 0 : got < 0 ? -errno : -EFBIG;
                }
                r = bytes_reserve(b, want);
                if (r < 0)
                        return r;
                got = read(fd, b->p + b->n, want);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return -errno;
                if (got == 0)
                        return 0;
                b->n += (size_t)got;
                b->p[b->n] = '\0';
        }
}

int bytes_read_file(struct bytes *b, const char *path)
{
        CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        return bytes_read_fd(b, fd);
}

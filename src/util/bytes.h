#pragma once

/*
 * Bytes: borrowed (struct view) and owned (struct bytes).
 *
 * A struct bytes cannot be made without its largest size: what a stranger can grow has a cap.
 * INVARIANT: n <= room <= cap; p[n] is NUL whenever p is set, so text can be handed to libc.
 */

#include "util/base.h"

struct view {
        const char *p;
        size_t n;
};

struct bytes {
        char *p;
        size_t n;
        size_t room;
        size_t cap;
};

#define VIEW(literal)     ((struct view){ (literal), sizeof(literal) - 1 })
#define BYTES_INIT(limit) ((struct bytes){ .cap = (limit) })

static inline struct view view_of(const char *text)
{
        return (struct view){ text, text ? strlen(text) : 0 };
}

static inline struct view bytes_view(const struct bytes *b)
{
        return (struct view){ b->p ? b->p : "", b->n };
}

bool view_eq(struct view a, struct view b);
bool view_eq_text(struct view a, const char *text);

/* Append; -ENOSPC when the cap would be passed (nothing is appended then), -ENOMEM. */
int bytes_add(struct bytes *b, const void *p, size_t n) MUST_USE;
int bytes_add_text(struct bytes *b, const char *text) MUST_USE;
int bytes_printf(struct bytes *b, const char *format, ...) PRINTF(2, 3) MUST_USE;

/* Room for @n more bytes, to be filled by the caller who then adds to b->n. */
int bytes_reserve(struct bytes *b, size_t n) MUST_USE;

/* Forget the first @n bytes. */
void bytes_take(struct bytes *b, size_t n);

/* Empty but keep the memory; free the memory.  Both may be called on a zeroed struct. */
void bytes_clear(struct bytes *b);
void bytes_deinit(struct bytes *b);

/* Everything in @fd up to the cap; -EFBIG when there is more. */
int bytes_read_fd(struct bytes *b, int fd) MUST_USE;
int bytes_read_file(struct bytes *b, const char *path) MUST_USE;

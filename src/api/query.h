#pragma once

/* Query: the words of a request's query string. */

#include "util/base.h"
#include "util/bytes.h"

enum { QUERY_NONE = 1 };

/*
 * The value of the first @name, decoded (%xx and +) into @room bytes with its NUL.  0, QUERY_NONE, or -EINVAL when it is
 * too long, holds a NUL or is broken.  A name without "=" has the empty value.
 */
int query_text(struct view query, const char *name, char *text, size_t room) MUST_USE;

/* A whole number of at most @most.  0, QUERY_NONE or -EINVAL. */
int query_count(struct view query, const char *name, uint64_t most, uint64_t *ret_value) MUST_USE;

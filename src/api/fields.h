#pragma once

/*
 * Fields: the members of a small request, whether it came as JSON or as a form.
 *
 * A form says so in its Content-Type (urlencoded, in the body or behind the "?", or multipart); everything else is
 * read as JSON, and so is an urlencoded body that begins with "{": what curl sends when nobody told it the type.
 */

#include "util/bytes.h"

#include <jansson.h>

enum {
        FIELDS_NONE = 1, /* no such member, or null */
        FIELDS_WRONG,    /* there is one, but it is no text */
        FIELDS_BROKEN,   /* the body is not what it says it is */
};

struct fields {
        json_t *root; /* NULL: a form */
        struct view body;
        struct view query;
        struct view boundary; /* of a multipart form, else p is NULL */
};

/* Views are borrowed.  0, FIELDS_BROKEN or -ENOMEM. */
int fields_open(struct fields *fields, struct view type, struct view query, struct view body) MUST_USE;
void fields_close(struct fields *fields);

/* Append the text of @name to @text.  0, FIELDS_NONE, FIELDS_WRONG, FIELDS_BROKEN, -ENOSPC or -ENOMEM. */
int fields_text(const struct fields *fields, const char *name, struct bytes *text) MUST_USE;

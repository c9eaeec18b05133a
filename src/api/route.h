#pragma once

/* Route: from method and path to the handler of routes.def. */

#include "config/keys.h"
#include "util/base.h"
#include "util/bytes.h"

struct exchange;

/* What an API key must be for, where there are keys. */
enum route_need {
        NEED_NOTHING, /* not even a key */
        NEED_KEY,     /* any */
        NEED_SCOPE,   /* from here on: a scope */
#define SCOPE(NAME, word, text) NEED_##NAME = NEED_SCOPE + SCOPE_##NAME,
#include "config/scopes.def"
#undef SCOPE
};

/* How its door says no. */
enum route_words {
        ROUTE_MESSAGE, /* {"message": "..."} */
        ROUTE_ERROR,   /* {"error": "..."} */
        ROUTE_TEXT,    /* a line */
};

struct route {
        const char *method;
        const char *path;
        void (*handle)(struct exchange *exchange);
        enum route_need need;
        enum route_words words;
};

enum {
        ROUTE_NO_PATH = 1, /* nothing lives at this path */
        ROUTE_NO_METHOD,   /* something does, but not by this method */
        ROUTE_OPTIONS,     /* the list of methods is asked for */
        ROUTE_NEVER,       /* TRACE and CONNECT, which no path has */
};

enum { ROUTE_ALLOW_MAX = 128, ROUTE_PARAMS_MAX = 2 };

/*
 * Find the route: the first row of the method whose path fits, where "{name}" fits one part of a path.  @allow gets the methods of the path ("GET,HEAD"), or of all paths where none matches.
 * Returns 0 and *ret_route, or one of the above.
 */
int route_find(struct view method, struct view path, char allow[ROUTE_ALLOW_MAX],
               const struct route **ret_route) MUST_USE;

/* Give the exchange, whose route the gate has looked for, to its handler, or answer it. */
void route_dispatch(struct exchange *exchange);

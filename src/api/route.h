#pragma once

/* Route: from method and path to the handler of routes.def. */

#include "util/base.h"
#include "util/bytes.h"

struct exchange;

struct route {
        const char *method;
        const char *path;
        void (*handle)(struct exchange *exchange);
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

/* Give the exchange to its handler, or answer it. */
void route_dispatch(struct exchange *exchange);

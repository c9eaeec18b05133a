#pragma once

/* Request: the body of POST /api/v2/execute, made from what the command line says. */

#include "util/bytes.h"
#include "main/arguments.h"

#include <jansson.h>

struct err;

struct request {
        const char *language;
        const char *version;
        const char *file;         /* "-": from stdin */
        const char *stdin_file;   /* NULL: our stdin unless it is a terminal */
        bool fresh;               /* no compile cache */
        bool cold;                /* no interpreter that is up already */
        bool timing;              /* ask where the time went */
        bool no_stdin;            /* nothing is read, whatever our stdin is */
        struct words extra_files; /* placed beside it, by their base names */
        const char *const *args;
        const char *limits[6]; /* by request_limits, NULL: the runtime's own */
};

/* The limits a request can ask for, with the flags that name them. */
extern const struct request_limit {
        const char *key;
        bool is_time; /* milliseconds on the wire, else bytes */
} request_limits[6];

/* Read the files and stdin and write the JSON.  @ret_body's cap is the caller's. */
int request_build(const struct request *request, struct bytes *ret_body, struct err *err) MUST_USE;

/* The same as an object, which the caller owns. */
int request_object(const struct request *request, json_t **ret_body, struct err *err) MUST_USE;

/*
 * The number a limit flag means: milliseconds of "500ms", "2s", "500"; bytes of "64MiB", "1000".
 * Zero and below are refused: they would mean "as much as allowed" and are better left out.
 */
int request_amount(const char *text, bool is_time, uint64_t *ret_value, struct err *err) MUST_USE;

/* "src/main.c" -> "main.c"; the extension without its dot, "" when there is none. */
const char *request_base_name(const char *path);
const char *request_extension(const char *path);

#pragma once

/*
 * WebSocket dialects: what CodeRunr and Piston say to each other's clients over /api/v2/connect.  One table per dialect;
 * pure: no socket, no clock.
 */

#include "job/result.h"
#include "util/base.h"
#include "util/bytes.h"

#include <jansson.h>

struct catalog;
struct err;
struct json_out;
struct runtime;

/* What can be wrong with a message or a job. */
enum ws_fault {
        WS_INIT_TWICE,
        WS_INIT_LATE,
        WS_BAD_JSON,
        WS_BAD_FIELDS,
        WS_UNKNOWN_TYPE,
        WS_TOO_EARLY,
        WS_BAD_STREAM,
        WS_BAD_SIGNAL,
        WS_REFUSED, /* an init that asks for what cannot be run */
        WS_FAILED,  /* the engine's fault */
        WS_OUTPUT_LIMIT,
        WS_FAULT_COUNT,
};

/* What is said then, and how the connection goes on. */
struct ws_answer {
        const char *message; /* of the error event, with at most one %s; NULL: no event */
        unsigned code;       /* of the close; 0: stays open */
        const char *reason;
};

struct ws_dialect {
        const char *name;
        uint64_t init_ns;            /* time for the first valid init */
        bool wraps;                  /* the fields of init may stand in a "payload" */
        const char *acknowledgement; /* type of a second event after "runtime"; NULL: none */
        const char *stage_type, *end_type;
        bool marks_partial;         /* a "data" that is no whole line says so */
        bool error_twice;           /* the text of an error stands in "error" too */
        const char *const *signals; /* that may be sent; NULL: all that have names */
        struct ws_answer answers[WS_FAULT_COUNT];
        /* The next piece of what a program wrote that is ready to be sent; how many bytes it takes from @held, 0: none. */
        size_t (*cut)(struct view held, struct view *ret_piece);
        void (*put_ending)(struct json_out *json, const struct stage_result *result);
        /* Its own checks of an init, before the common ones.  0, or 400 with text. */
        int (*check)(const json_t *root, const struct catalog *catalog, struct err *err);
};

/* NULL when there is none of this name. */
const struct ws_dialect *ws_dialect_find(const char *name);

/* How many bytes of @text are whole characters: all but what may become one when more comes. */
size_t ws_whole(struct view text);

/* The number of a signal the dialect lets through, or 0. */
int ws_signal(const struct ws_dialect *dialect, struct view name);

/* One event each, appended to @out.  0 or -errno. */
int ws_put_runtime(struct bytes *out, const struct runtime *runtime) MUST_USE;
int ws_put_type(struct bytes *out, const char *type) MUST_USE;
int ws_put_stage(struct bytes *out, const struct ws_dialect *dialect, enum stage stage) MUST_USE;
int ws_put_data(struct bytes *out, enum stream stream, struct view data, bool partial) MUST_USE;
int ws_put_end(struct bytes *out, const struct ws_dialect *dialect, enum stage stage,
               const struct stage_result *result) MUST_USE;
int ws_put_error(struct bytes *out, const struct ws_dialect *dialect, enum ws_fault fault,
                 const char *what) MUST_USE;

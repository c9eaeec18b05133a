#pragma once

/*
 * Piston v2: the wire dialect of engineer-man/piston 3.1.1, with the fields CodeRunr added.
 *
 * Where we differ on purpose: a limit of 0 means the runtime's own, never "none"; bad names and arguments are 400 with a
 * message, not 500 without; malformed JSON is 400 with a message; output up to the limit is kept when it is passed;
 * a program ended by a signal is SG with its name (no shell stands between that would make it 128+n); memory exhausted is
 * RE with code 137 and a message that names the limit; a fault of the engine is 500, never a stage's status.
 */

#include "api/reply.h"
#include "runtime/runtime.h"

#include <jansson.h>

struct catalog;
struct config;
struct err;
struct exchange;
struct job;
struct result;
struct stage_result;

enum { DOOR_PISTON_SIGNAL_MAX = 32 };

/*
 * The body of POST execute.  Returns 0 and a job (job_deinit() it), a status with the client's message in @err,
 * or a negative errno.
 */
int door_piston_parse(struct view body, const struct config *config, const struct catalog *catalog,
                      struct job *ret_job, struct err *err) MUST_USE;

/* The same from JSON that was parsed already. */
int door_piston_parse_json(const json_t *root, const struct config *config, const struct catalog *catalog,
                           struct job *ret_job, struct err *err) MUST_USE;

/* The name of a signal: "SIGTERM", "SIGRTMIN+1"; false when it has none and is told by its number. */
bool door_piston_signal(int number, char text[DOOR_PISTON_SIGNAL_MAX]);

/* How a stage ended: its code, or -1 and, when it was a signal, the name of that, else "". */
int door_piston_ending(const struct stage_result *stage, char ret_signal[DOOR_PISTON_SIGNAL_MAX]);

/* The answer to a job that ran on @runtime with @limits (by enum stage). */
void door_piston_render(const struct runtime *runtime, const struct limits *limits, bool detail,
                        const struct result *result, struct reply *ret_reply);

/* Is this Content-Type the one JSON is sent with? */
bool door_piston_is_json(struct view content_type);

void door_piston_banner(struct exchange *exchange);
void door_piston_health(struct exchange *exchange);
void door_piston_runtimes(struct exchange *exchange);
void door_piston_execute(struct exchange *exchange);

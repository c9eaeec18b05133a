#pragma once

/*
 * Engine: the one a command speaks to: where it is, and questions to it in JSON.  What goes wrong has been said in one
 * sentence on stderr when a function here returns an exit status.
 */

#include "util/base.h"

#include <jansson.h>

/* The usual flags, for the tables of the commands. */
#define ENGINE_FLAG(to)                                                                                      \
        { "url", 'u', FLAG_VALUE, (to), "URL", "the engine; default CODERUNR_URL, else port 2000 here" },    \
        {                                                                                                    \
                "key", 0, FLAG_VALUE, &engine_key, "KEY",                                                    \
                        "the API key; default CODERUNR_KEY, which ps does not show"                          \
        }

/* What --key said, NULL: nothing. */
extern const char *engine_key;

/* The key to send: --key, else CODERUNR_KEY, else NULL. */
const char *engine_key_in_force(void);

/* CODERUNR_URL, else the port 2000 of this host. */
const char *engine_url(void);

/*
 * Ask with @method, sending @body (NULL: none).  0 with the answer's status and its JSON (NULL: an empty body), or the
 * exit status.
 */
int engine_ask(const char *url, const char *method, const char *path, const json_t *body, json_t **ret_reply,
               long *ret_status) MUST_USE;

/* Wait up to @patience ("60s") until the engine answers; the exit status. */
int engine_wait(const char *url, const char *patience) MUST_USE;

/* What an answer that is no success says; never NULL. */
const char *engine_message(const json_t *reply);

#pragma once

/* HTTP as the command line needs it: one request, its whole answer. */

#include "util/bytes.h"

struct err;

/*
 * Send @body (NULL: GET) to @url, with the API key @key (NULL: without one), and collect the answer in @ret_answer, whose cap the caller has set.
 * Returns 0 whatever the status, which goes to *ret_status; negative with a sentence when there was no answer.
 */
int http_call(const char *url, const char *key, const struct bytes *body, struct bytes *ret_answer,
              long *ret_status, struct err *err) MUST_USE;

/* The same with a method of one's own; NULL: GET, or POST where there is a body. */
int http_send(const char *url, const char *key, const char *method, const struct bytes *body,
              struct bytes *ret_answer, long *ret_status, struct err *err) MUST_USE;

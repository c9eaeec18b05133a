#pragma once

/*
 * Jobs: the native door, /v3.  Durable jobs of many tests: handed in alone or by the thousand, asked for, waited for, watched
 * as they finish, cancelled.  What every address takes and answers is told by /openapi.json (openapi.json), which a test
 * checks against the server.
 */

#include "api/ask.h"
#include "api/intake.h"
#include "util/json_out.h"

#include <jansson.h>

enum {
        JOBS_BATCH_MAX = 10000,
        JOBS_TAG_MAX = 4096,
        JOBS_WAIT_MAX = 300, /* seconds */
};

/* One job of a request: everything its order points to. */
struct jobs_item {
        json_t *root;
        struct job job;
        bool has_job;
        struct order_case *cases;
        struct bytes memo;
        struct bytes notice;   /* encoded, empty without a webhook */
        struct bytes *decoded; /* what came as base64 */
        size_t n_decoded;
};

struct jobs_request {
        struct jobs_item *items;
        struct order *orders;
        size_t n;
        bool is_batch;
        unsigned char digest[ENTRY_DIGEST_BYTES]; /* of the whole body */
};

/*
 * The body of POST /v3/jobs (one object) or of a batch (one object per line).  0 and a request to jobs_request_free(), a
 * status with the client's message, or -errno.
 */
int jobs_parse(struct view body, bool is_batch, const struct front *front, struct jobs_request **ret_request,
               struct err *err) MUST_USE;
void jobs_request_free(void *request);

/* `webhook` of a job into its order: 0, a status, or -errno. */
int jobs_take_webhook(const json_t *root, const struct front *front, struct jobs_item *item,
                      struct order *order, struct err *err) MUST_USE;

/* The body of POST /v3/test-sets: 0, a status, or -errno; the cases lie in @item. */
int jobs_parse_set(struct view body, struct jobs_item *item, size_t *ret_n, struct err *err) MUST_USE;
void jobs_item_deinit(struct jobs_item *item);

/* Set once before serving: the JSON object `isolation` of every job, borrowed. */
void jobs_set_isolation(const char *json);

/* An entry as an object, with the outcomes that came with it when @whole. */
void jobs_render_entry(struct json_out *json, const struct desk_entry *entry, bool whole);

/* What a receiver is told (courier/courier.h): appended to @out.  0, -ENOSPC or -ENOMEM. */
int jobs_render_notice(const struct desk_entry *entry, const char *delivery, bool whole,
                       struct bytes *out) MUST_USE;
void jobs_render_outcome(struct json_out *json, const struct outcome *outcome, uint64_t number);

/* How large an entry with its outcomes may become as JSON. */
size_t jobs_render_cap(const struct desk_entry *entries, size_t n);

/* Answer what every request may be told; true when it was that. */
bool jobs_refused(struct exchange *exchange, const struct desk_answer *answer);

/* The id in the path; "" for what can be none. */
void jobs_id(const struct exchange *exchange, char id[ENTRY_ID_MAX + 1]);

/* The seconds of ?wait=, cut to JOBS_WAIT_MAX: 0, or -EINVAL after it has been answered. */
int jobs_wait(struct exchange *exchange, uint64_t *ret_ms) MUST_USE;

void door_jobs_submit(struct exchange *exchange);
void door_jobs_list(struct exchange *exchange);
void door_jobs_get(struct exchange *exchange);
void door_jobs_cancel(struct exchange *exchange);
void door_jobs_watch(struct exchange *exchange);
void door_jobs_batch(struct exchange *exchange);
void door_jobs_ended(struct exchange *exchange);
void door_jobs_ready(struct exchange *exchange);
void door_jobs_set_put(struct exchange *exchange);
void door_jobs_set_get(struct exchange *exchange);

/*
 * Theory of operation: a request is read into orders, handed in, and answered from the entries that come back.  Waiting for
 * the end of a job is a second question to the ledger, asked when the first is answered.
 */
#include "api/door_jobs.h"
#include "api/exchange.h"
#include "api/front.h"
#include "api/query.h"

#include <stdio.h>
#include <strings.h>

enum { TOKEN_MAX = ENTRY_TOKEN_MAX - 8, LIST_DEFAULT = 50, LOCATION_MAX = 96, ACCEPTED_BYTES = 96 };

/* ---- what all of them need ---- */

bool jobs_refused(struct exchange *exchange, const struct desk_answer *answer)
{
        static const int statuses[DESK_STATUS_COUNT] = {
                [DESK_NOT_FOUND] = 404, [DESK_CONFLICT] = 409, [DESK_FULL] = 503,        [DESK_STALE] = 409,
                [DESK_EMPTY] = 404,     [DESK_BAD] = 422,      [DESK_UNAVAILABLE] = 503,
        };

        if (answer->status == DESK_OK)
                return false;
        exchange_fail(exchange, statuses[answer->status], answer->text);
        return true;
}

void jobs_id(const struct exchange *exchange, char id[ENTRY_ID_MAX + 1])
{
        struct view part = exchange->params[0];

        snprintf(id, ENTRY_ID_MAX + 1, "%.*s", part.n <= ENTRY_ID_MAX ? (int)part.n : 0, part.p);
}

int jobs_wait(struct exchange *exchange, uint64_t *ret_ms)
{
        uint64_t seconds = 0;

        if (query_count(exchange->http.request.query, "wait", UINT64_MAX, &seconds) < 0) {
                exchange_fail(exchange, 400, "wait must be a whole number of seconds");
                return -EINVAL;
        }
        *ret_ms = MIN(seconds, (uint64_t)JOBS_WAIT_MAX) * 1000;
        return 0;
}

static void answer_json(struct exchange *exchange, int status, struct bytes *body,
                        const struct json_out *json, const char *location)
{
        struct reply reply = { .status = status, .type = REPLY_JSON, .body = *body, .location = location };

        if (json_out_error(json) == 0) {
                exchange_reply(exchange, &reply);
                return;
        }
        bytes_deinit(body);
        exchange_fail(exchange, 500, "no memory for the answer");
}

static void answer_entry(struct exchange *exchange, int status, const struct desk_entry *entry, bool whole)
{
        struct bytes body = BYTES_INIT(jobs_render_cap(entry, 1));
        char location[LOCATION_MAX];
        struct json_out json;

        snprintf(location, sizeof(location), "/v3/jobs/%s", entry->entry.head.id);
        json_out_init(&json, &body);
        jobs_render_entry(&json, entry, whole);
        answer_json(exchange, status, &body, &json, status == 202 ? location : NULL);
}

/* ---- POST /v3/jobs ---- */

struct handing {
        struct ask ask; /* first */
        uint64_t wait_ms;
        bool is_batch;
};

static void on_waited(struct exchange *exchange, const struct desk_answer *answer)
{
        const struct desk_entry *entry = answer->entries;

        if (!jobs_refused(exchange, answer))
                answer_entry(exchange, flow_has_ended(entry->entry.flow.state) ? 200 : 202, entry, true);
}

static void answer_batch(struct exchange *exchange, const struct desk_answer *answer)
{
        struct bytes body = BYTES_INIT(1024 + answer->n_entries * ACCEPTED_BYTES);
        struct json_out json;

        json_out_init(&json, &body);
        json_out_object_begin(&json);
        json_out_key(&json, "batch");
        json_out_text(&json, answer->entries[0].entry.head.batch);
        json_out_key(&json, "jobs");
        json_out_array_begin(&json);
        for (size_t i = 0; i < answer->n_entries; i++) {
                json_out_object_begin(&json);
                json_out_key(&json, "id");
                json_out_text(&json, answer->entries[i].entry.head.id);
                json_out_key(&json, "existed");
                json_out_bool(&json, answer->entries[i].existed);
                json_out_object_end(&json);
        }
        json_out_array_end(&json);
        json_out_object_end(&json);
        answer_json(exchange, 202, &body, &json, NULL);
}

static void on_submitted(struct exchange *exchange, const struct desk_answer *answer)
{
        struct handing *handing = exchange->state;

        if (jobs_refused(exchange, answer))
                return;
        if (handing->is_batch) {
                answer_batch(exchange, answer);
        } else if (handing->wait_ms == 0) {
                answer_entry(exchange, 202, answer->entries, false);
        } else {
                handing->ask.fn = on_waited;
                ASK(&handing->ask, desk_get, exchange->owner, answer->entries[0].entry.head.id,
                    handing->wait_ms, DESK_WANT_MEMO | DESK_WANT_OUTCOMES);
        }
}

/* The header Idempotency-Key: empty without one; false when it has been answered. */
static bool take_key(struct exchange *exchange, struct view *ret_key)
{
        struct view key = http1_field(&exchange->http.request, "Idempotency-Key");

        *ret_key = key;
        if (!key.p)
                return true;
        for (size_t i = 0; i < key.n; i++)
                if (key.p[i] < '!' || key.p[i] > '~')
                        key.n = 0;
        if (key.n > 0 && key.n <= TOKEN_MAX)
                return true;
        exchange_fail(exchange, 400, "Idempotency-Key must be 1 to 247 visible characters");
        return false;
}

/* One key for a batch stands for one per line of it. */
static void set_heads(const struct exchange *exchange, struct jobs_request *request, struct view key)
{
        char batch[ENTRY_ID_TEXT] = "";

        if (request->is_batch)
                entry_id_make(batch);
        for (size_t i = 0; i < request->n; i++) {
                struct entry_head *head = &request->orders[i].head;

                memcpy(head->batch, batch, sizeof(batch));
                memcpy(head->owner, exchange->owner, sizeof(head->owner));
                if (key.n == 0)
                        continue;
                memcpy(head->digest, request->digest, sizeof(head->digest));
                if (request->is_batch)
                        snprintf(head->token, sizeof(head->token), "%.*s#%zu", (int)key.n, key.p, i);
                else
                        snprintf(head->token, sizeof(head->token), "%.*s", (int)key.n, key.p);
        }
}

static void submit_ready(struct exchange *exchange, struct intake *intake)
{
        struct jobs_request *request = intake->more;
        struct handing *handing;
        uint64_t wait_ms;
        struct view key;

        if (intake->r != 0) {
                exchange_fail(exchange, intake->r > 0 ? intake->r : 500,
                              intake->r > 0 ? intake->err.text : "out of memory");
                return;
        }
        if (!take_key(exchange, &key) || jobs_wait(exchange, &wait_ms) < 0)
                return;
        set_heads(exchange, request, key);
        handing = ask_new(exchange, sizeof(*handing), on_submitted);
        if (!handing)
                return;
        handing->wait_ms = wait_ms;
        handing->is_batch = request->is_batch;
        ASK(&handing->ask, desk_submit, request->orders, request->n);
}

static bool is_type(const char *type, const char *wanted)
{
        size_t n = strlen(wanted);

        return strncasecmp(type, wanted, n) == 0 && (type[n] == '\0' || strchr("; \t", type[n]));
}

static void submit_read(struct intake *intake)
{
        bool is_batch = is_type(intake->type, REPLY_NDJSON);
        struct jobs_request *request = NULL;

        if (!is_batch && !is_type(intake->type, "application/json")) {
                intake->r =
                        err_set(&intake->err, 415, "jobs are application/json, batches application/x-ndjson");
                return;
        }
        intake->r = jobs_parse(bytes_view(&intake->body), is_batch, intake->front, &request, &intake->err);
        intake->more = request;
        intake->more_free = jobs_request_free;
}

void door_jobs_submit(struct exchange *exchange)
{
        intake_begin(exchange, submit_read, submit_ready);
}

/* ---- one job ---- */

static void on_got(struct exchange *exchange, const struct desk_answer *answer)
{
        if (!jobs_refused(exchange, answer))
                answer_entry(exchange, 200, answer->entries, true);
}

void door_jobs_get(struct exchange *exchange)
{
        char id[ENTRY_ID_MAX + 1];
        uint64_t wait_ms;
        struct ask *ask;

        jobs_id(exchange, id);
        if (jobs_wait(exchange, &wait_ms) < 0)
                return;
        ask = ask_new(exchange, sizeof(*ask), on_got);
        if (ask)
                ASK(ask, desk_get, exchange->owner, id, wait_ms, DESK_WANT_MEMO | DESK_WANT_OUTCOMES);
}

static void on_cancelled(struct exchange *exchange, const struct desk_answer *answer)
{
        if (!jobs_refused(exchange, answer))
                answer_entry(exchange, 200, answer->entries, false);
}

void door_jobs_cancel(struct exchange *exchange)
{
        struct ask *ask = ask_new(exchange, sizeof(*ask), on_cancelled);
        char id[ENTRY_ID_MAX + 1];

        jobs_id(exchange, id);
        if (ask)
                ASK(ask, desk_cancel, exchange->owner, id);
}

/* ---- list ---- */

struct listing {
        struct ask ask; /* first */
        uint32_t most;
};

static void on_listed(struct exchange *exchange, const struct desk_answer *answer)
{
        const struct listing *listing = exchange->state;
        struct bytes body = BYTES_INIT(jobs_render_cap(answer->entries, answer->n_entries));
        struct json_out json;

        if (jobs_refused(exchange, answer))
                return;
        json_out_init(&json, &body);
        json_out_object_begin(&json);
        json_out_key(&json, "jobs");
        json_out_array_begin(&json);
        for (size_t i = 0; i < answer->n_entries; i++)
                jobs_render_entry(&json, &answer->entries[i], false);
        json_out_array_end(&json);
        json_out_key(&json, "before");
        if (answer->n_entries == listing->most)
                json_out_uint(&json, answer->entries[answer->n_entries - 1].entry.seq);
        else
                json_out_null(&json);
        json_out_object_end(&json);
        answer_json(exchange, 200, &body, &json, NULL);
}

static int take_filter(struct exchange *exchange, char batch[ENTRY_ID_MAX + 1],
                       struct desk_filter *ret_filter)
{
        struct view query = exchange->http.request.query;
        uint64_t most = LIST_DEFAULT;
        char state[16] = "";
        enum flow_state found;

        *ret_filter = (struct desk_filter){ .owner = exchange->owner, .door = "jobs", .batch = batch };
        ret_filter->want = DESK_WANT_MEMO;
        batch[0] = '\0';
        if (query_count(query, "limit", DESK_LIST_MAX, &most) < 0 ||
            query_count(query, "before", INT64_MAX, &ret_filter->before) < 0 ||
            query_text(query, "batch", batch, ENTRY_ID_MAX + 1) < 0 ||
            query_text(query, "state", state, sizeof(state)) < 0 || most == 0)
                return -EINVAL;
        ret_filter->most = (uint32_t)most;
        found = flow_state_find(state);
        if (state[0] && found == FLOW_STATE_COUNT)
                return -EINVAL;
        ret_filter->states = state[0] ? 1u << found : 0;
        return 0;
}

void door_jobs_list(struct exchange *exchange)
{
        char batch[ENTRY_ID_MAX + 1];
        struct desk_filter filter;
        struct listing *listing;

        if (take_filter(exchange, batch, &filter) < 0) {
                exchange_fail(exchange, 400,
                              "limit is 1 to 1000, before a number, state one of the states of a job");
                return;
        }
        listing = ask_new(exchange, sizeof(*listing), on_listed);
        if (!listing)
                return;
        listing->most = filter.most;
        ASK(&listing->ask, desk_list, &filter);
}

/* ---- readiness ---- */

static void on_ready(struct exchange *exchange, const struct desk_answer *answer)
{
        if (!jobs_refused(exchange, answer))
                exchange_fail(exchange, 200, "ready");
}

void door_jobs_ready(struct exchange *exchange)
{
        struct ask *ask = ask_new(exchange, sizeof(*ask), on_ready);
        uint64_t *ticket = ask ? &ask->ticket : NULL;
        struct err err = { "" };

        if (ask)
                ask_sent(ask, desk_ready(ask_desk(ask), ask_arrived, ask, ticket, &err), &err);
}

/* ---- test sets ---- */

static void answer_set(struct exchange *exchange, int status, const struct desk_answer *answer)
{
        struct bytes body = BYTES_INIT(1024);
        struct json_out json;

        json_out_init(&json, &body);
        json_out_object_begin(&json);
        json_out_key(&json, "test_set");
        json_out_text(&json, answer->set);
        json_out_key(&json, "tests");
        json_out_uint(&json, answer->number);
        json_out_object_end(&json);
        answer_json(exchange, status, &body, &json, NULL);
}

static void on_set_put(struct exchange *exchange, const struct desk_answer *answer)
{
        if (!jobs_refused(exchange, answer))
                answer_set(exchange, 201, answer);
}

static void on_set_got(struct exchange *exchange, const struct desk_answer *answer)
{
        if (!jobs_refused(exchange, answer))
                answer_set(exchange, 200, answer);
}

struct set_request {
        struct jobs_item item;
        size_t n;
};

static void set_request_free(void *arg)
{
        struct set_request *request = arg;

        jobs_item_deinit(&request->item);
        free(request);
}

static void set_read(struct intake *intake)
{
        struct set_request *request = NULL;

        if (!is_type(intake->type, "application/json")) {
                intake->r = err_set(&intake->err, 415, "test sets are application/json");
                return;
        }
        request = calloc(1, sizeof(*request));
        if (!request) {
                intake->r = -ENOMEM;
                return;
        }
        intake->more = request;
        intake->more_free = set_request_free;
        intake->r = jobs_parse_set(bytes_view(&intake->body), &request->item, &request->n, &intake->err);
}

static void set_ready(struct exchange *exchange, struct intake *intake)
{
        const struct set_request *request = intake->more;
        struct ask *ask;

        if (intake->r != 0) {
                exchange_fail(exchange, intake->r > 0 ? intake->r : 500,
                              intake->r > 0 ? intake->err.text : "out of memory");
                return;
        }
        ask = ask_new(exchange, sizeof(*ask), on_set_put);
        if (ask)
                ASK(ask, desk_set_put, request->item.cases, request->n);
}

void door_jobs_set_put(struct exchange *exchange)
{
        intake_begin(exchange, set_read, set_ready);
}

void door_jobs_set_get(struct exchange *exchange)
{
        struct ask *ask = ask_new(exchange, sizeof(*ask), on_set_got);
        char name[ENTRY_ID_MAX + 2];

        /* A name is one byte longer than an id may be. */
        snprintf(name, sizeof(name), "%.*s", (int)MIN(exchange->params[0].n, sizeof(name) - 1),
                 exchange->params[0].p);
        if (ask)
                ASK(ask, desk_set_get, exchange->params[0].n < sizeof(name) ? name : "");
}

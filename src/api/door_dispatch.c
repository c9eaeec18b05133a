/*
 * Theory of operation: a job's request is kept word for word as its memo, which is what an outside runner is given and where
 * a status finds stdin and expected again.  What our runner did and what an outside one posted are both outcomes,
 * and rendered by the same lines.
 */
#include "api/door_dispatch.h"
#include "api/ask.h"
#include "api/door_dispatch_priv.h"
#include "api/exchange.h"
#include "api/gate.h"
#include "api/front.h"
#include "api/query.h"
#include "config/config.h"
#include "util/json_out.h"

#include <stdio.h>

enum {
        LEASE_SECONDS = 60, /* for runners that do not say */
        LEASE_MOST = 3600,
        WAIT_SECONDS = 1, /* of a poll that does not say: as long as the original's runners sleep */
        WAIT_MOST = 60,
        FULL_RETRY_SECONDS = 5,
};

static void answer_text(struct exchange *exchange, int status, const char *text)
{
        struct reply reply;

        reply_message(&reply, status, "");
        bytes_clear(&reply.body);
        reply.type = REPLY_TEXT;
        if (status == 503)
                reply.retry_after = FULL_RETRY_SECONDS;
        if (bytes_printf(&reply.body, "%s\n", text) < 0)
                bytes_clear(&reply.body);
        exchange_reply(exchange, &reply);
}

static void answer_json(struct exchange *exchange, int status, struct bytes *body, struct json_out *json)
{
        struct reply reply = { .status = status, .type = REPLY_JSON, .body = *body };

        if (json_out_error(json) < 0) {
                bytes_deinit(body);
                answer_text(exchange, 500, "no memory for the answer");
                return;
        }
        exchange_reply(exchange, &reply);
}

static void answer_nothing(struct exchange *exchange)
{
        struct reply reply = { .status = 204 };

        exchange_reply(exchange, &reply);
}

/* What every request may be told by the ledger; true when it was that. */
static bool refused(struct exchange *exchange, const struct desk_answer *answer)
{
        switch (answer->status) {
        case DESK_FULL:
                answer_text(exchange, 503, "queue full");
                return true;
        case DESK_UNAVAILABLE:
                answer_text(exchange, 503, answer->text);
                return true;
        case DESK_BAD:
                answer_text(exchange, 400, answer->text);
                return true;
        case DESK_STALE:
        case DESK_CONFLICT:
                answer_text(exchange, 409, answer->text);
                return true;
        case DESK_NOT_FOUND:
                answer_text(exchange, 404, "job not found");
                return true;
        default:
                return false;
        }
}

/* The id in the path as text; "" for what can be no id. */
static void id_take(const struct exchange *exchange, char id[ENTRY_ID_MAX + 1])
{
        struct view part = exchange->params[0];

        snprintf(id, ENTRY_ID_MAX + 1, "%.*s", part.n <= ENTRY_ID_MAX ? (int)part.n : 0, part.p);
}

/* A number of the query; false: there is one that cannot be taken, and it has been answered. */
static bool take_count(struct exchange *exchange, const char *name, uint64_t most, uint64_t *value,
                       bool *given)
{
        int r = query_count(exchange->http.request.query, name, most, value);
        char text[64];

        if (given)
                *given = r == 0;
        if (r >= 0)
                return true;
        snprintf(text, sizeof(text), "%s must be a whole number of at most %llu", name,
                 (unsigned long long)most);
        answer_text(exchange, 400, text);
        return false;
}

/* ---- POST /run ---- */

static void on_submitted(struct exchange *exchange, const struct desk_answer *answer)
{
        struct bytes body = BYTES_INIT(1024);
        const char *id;
        struct json_out json;
        char status[ENTRY_ID_MAX + 16];

        if (refused(exchange, answer))
                return;
        id = answer->entries[0].entry.head.id;
        snprintf(status, sizeof(status), "/status/%s", id);
        json_out_init(&json, &body);
        json_out_object_begin(&json);
        json_out_key(&json, "jobID");
        json_out_text(&json, id);
        json_out_key(&json, "status");
        json_out_text(&json, status);
        json_out_object_end(&json);
        answer_json(exchange, 202, &body, &json);
}

static void run_ready(struct exchange *exchange, struct intake *intake)
{
        struct dispatch_request *request = intake->more;
        struct order order;
        struct ask *ask;

        if (intake->r != 0) {
                answer_text(exchange, intake->r > 0 ? intake->r : 500,
                            intake->r > 0 ? intake->err.text : "out of memory");
                return;
        }
        memcpy(request->head.owner, exchange->owner, sizeof(request->head.owner));
        order = (struct order){ .head = request->head,
                                .memo = bytes_view(&request->memo),
                                .stop = STOP_NEVER,
                                .job = intake->has_job ? &intake->job : NULL,
                                .cases = request->cases,
                                .n_cases = request->n_cases };
        ask = ask_new(exchange, sizeof(*ask), on_submitted);
        if (ask)
                ASK(ask, desk_submit, &order, 1);
}

void door_dispatch_run(struct exchange *exchange)
{
        intake_begin(exchange, dispatch_read_request, run_ready);
}

/* ---- GET /status/{id} ---- */

static void on_status(struct exchange *exchange, const struct desk_answer *answer)
{
        const struct desk_entry *entry = answer->n_entries > 0 ? &answer->entries[0] : NULL;
        struct bytes body = BYTES_INIT(GIB);
        struct json_out json;
        int r;

        if (answer->status != DESK_NOT_FOUND && refused(exchange, answer))
                return;
        if (!entry || !streq(entry->entry.head.door, DISPATCH_DOOR) ||
            !flow_has_ended(entry->entry.flow.state)) {
                answer_text(exchange, 404, "job not found or not finished");
                return;
        }
        json_out_init(&json, &body);
        r = dispatch_render(&json, entry);
        if (r == 0) {
                answer_json(exchange, 200, &body, &json);
                return;
        }
        bytes_deinit(&body);
        answer_text(exchange, 500, "the stored job cannot be read");
}

void door_dispatch_status(struct exchange *exchange)
{
        char id[ENTRY_ID_MAX + 1];
        uint64_t wait = 0;
        struct ask *ask;

        id_take(exchange, id);
        if (!take_count(exchange, "wait", WAIT_MOST, &wait, NULL))
                return;
        ask = ask_new(exchange, sizeof(*ask), on_status);
        if (ask)
                ASK(ask, desk_get, exchange->owner, id, wait * 1000, DESK_WANT_MEMO | DESK_WANT_OUTCOMES);
}

/* ---- for runners ---- */

struct next {
        struct ask ask;
        bool tell_lease;
};

/*
 * What a runner shows for its lease: the fencing number, and with keys behind it a number that only the key to which it was
 * told can have, so that no runner posts what another has leased.
 */
static uint64_t lease_show(const struct exchange *exchange, const struct entry *entry)
{
        uint64_t fence = entry->flow.fence;

        return exchange->caller ? fence << GATE_SIGN_BITS | gate_sign(exchange, entry->head.id, fence)
                                : fence;
}

/* The fencing number of ?lease=; false after the answer. */
static bool lease_take(struct exchange *exchange, const char *id, uint64_t *ret_fence)
{
        uint64_t shown = 0;

        if (!take_count(exchange, "lease", INT64_MAX, &shown, NULL))
                return false;
        *ret_fence = exchange->caller ? shown >> GATE_SIGN_BITS : shown;
        if (gate_is_signed(exchange, id, *ret_fence, shown & GATE_SIGN_MASK))
                return true;
        answer_text(exchange, 409, "the lease is not held any more");
        return false;
}

static void on_leased(struct exchange *exchange, const struct desk_answer *answer)
{
        const struct next *next = exchange->state;
        const struct desk_entry *entry = answer->n_entries > 0 ? &answer->entries[0] : NULL;
        struct bytes body = BYTES_INIT(ORDER_MEMO_MAX + KIB);
        struct json_out json;

        if (answer->status == DESK_EMPTY) {
                answer_nothing(exchange);
                return;
        }
        if (refused(exchange, answer))
                return;
        json_out_init(&json, &body);
        json_out_object_begin(&json);
        json_out_key(&json, "id");
        json_out_text(&json, entry->entry.head.id);
        json_out_key(&json, "request");
        json_out_raw(&json, entry->memo);
        if (next->tell_lease || exchange->caller) {
                json_out_key(&json, "lease");
                json_out_uint(&json, lease_show(exchange, &entry->entry));
        }
        json_out_object_end(&json);
        answer_json(exchange, 200, &body, &json);
}

void door_dispatch_next(struct exchange *exchange)
{
        uint64_t wait = WAIT_SECONDS, lease = LEASE_SECONDS;
        char lane[ENTRY_LANE_MAX + 1];
        struct next *next;
        bool tell_lease;
        int r = query_text(exchange->http.request.query, "lang", lane, sizeof(lane));

        if (r != 0 || !lane[0]) {
                answer_text(exchange, 400,
                            r < 0 ? "lang query parameter is too long" : "lang query parameter required");
                return;
        }
        if (!take_count(exchange, "wait", WAIT_MOST, &wait, NULL) ||
            !take_count(exchange, "lease", LEASE_MOST, &lease, &tell_lease))
                return;
        next = ask_new(exchange, sizeof(*next), on_leased);
        if (!next)
                return;
        next->tell_lease = tell_lease;
        ASK(&next->ask, desk_lease, lane, wait * 1000, MAX(lease, (uint64_t)1) * 1000);
}

static void on_said(struct exchange *exchange, const struct desk_answer *answer)
{
        if (!refused(exchange, answer))
                answer_nothing(exchange);
}

void door_dispatch_renew(struct exchange *exchange)
{
        uint64_t fence = 0, seconds = LEASE_SECONDS;
        char id[ENTRY_ID_MAX + 1];
        struct ask *ask;

        id_take(exchange, id);
        if (!lease_take(exchange, id, &fence) || !take_count(exchange, "seconds", LEASE_MOST, &seconds, NULL))
                return;
        ask = ask_new(exchange, sizeof(*ask), on_said);
        if (ask)
                ASK(ask, desk_renew, id, fence, MAX(seconds, (uint64_t)1) * 1000);
}

static void result_ready(struct exchange *exchange, struct intake *intake)
{
        const struct dispatch_results *results = intake->more;
        uint64_t fence = 0;
        char id[ENTRY_ID_MAX + 1];
        struct ask *ask;

        if (intake->r != 0) {
                answer_text(exchange, intake->r > 0 ? intake->r : 500,
                            intake->r > 0 ? intake->err.text : "out of memory");
                return;
        }
        id_take(exchange, id);
        if (!lease_take(exchange, id, &fence))
                return;
        ask = ask_new(exchange, sizeof(*ask), on_said);
        if (ask)
                ASK(ask, desk_finish, id, fence, results->outcomes, results->n);
}

void door_dispatch_result(struct exchange *exchange)
{
        intake_begin(exchange, dispatch_read_results, result_ready);
}

void door_dispatch_method(struct exchange *exchange)
{
        answer_text(exchange, 405, "method not allowed");
}

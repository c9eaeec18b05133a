/*
 * Theory of operation: the ledger is asked for what comes after the last number told, the answer is written, and when the client
 * has taken it the ledger is asked again.  So a slow client holds one answer in memory, and a client that was cut off
 * goes on with ?after= or Last-Event-ID where it stopped.
 */
#include "api/door_jobs.h"
#include "api/exchange.h"
#include "api/query.h"

#include <stdio.h>

enum { SILENCE_MS = 15000 }; /* then a sign of life */

struct feed {
        struct ask ask; /* first */
        bool events;    /* text/event-stream, else one object per line */
        bool begun;
        bool of_job; /* outcomes of one job; else ended jobs */
        unsigned want;
        uint64_t after;
        char id[ENTRY_ID_MAX + 1]; /* of the job, or of a batch, or "" */
};

static void ask_more(struct exchange *exchange)
{
        struct feed *feed = exchange->state;
        uint64_t wait_ms = feed->begun ? SILENCE_MS : 0;

        if (feed->of_job)
                ASK(&feed->ask, desk_watch, exchange->owner, feed->id, feed->after, wait_ms);
        else
                ASK(&feed->ask, desk_ended, exchange->owner, feed->id, feed->after, wait_ms, feed->want);
}

/* One event; @number 0: it has none and cannot be gone on from. */
static void event_begin(const struct feed *feed, struct json_out *json, const char *name, uint64_t number)
{
        int r = 0;

        if (feed->events && number > 0)
                r = bytes_printf(json->bytes, "id: %llu\n", (unsigned long long)number);
        if (feed->events && r == 0)
                r = bytes_printf(json->bytes, "event: %s\ndata: ", name);
        if (r < 0)
                json->error = r;
        json->comma = false;
        if (feed->events)
                return;
        json_out_object_begin(json);
        json_out_key(json, name);
}

static void event_end(const struct feed *feed, struct json_out *json)
{
        if (!feed->events)
                json_out_object_end(json);
        if (bytes_add_text(json->bytes, feed->events ? "\n\n" : "\n") < 0)
                json->error = -ENOMEM;
}

static void write_outcomes(const struct feed *feed, struct json_out *json, const struct desk_entry *entry)
{
        struct outcome outcome;
        uint64_t number;
        size_t at = 0;

        while (desk_outcome(entry, &at, &outcome, &number) > 0) {
                event_begin(feed, json, "outcome", number);
                jobs_render_outcome(json, &outcome, number);
                event_end(feed, json);
                outcome_deinit(&outcome);
        }
}

static void write_answer(const struct feed *feed, struct json_out *json, const struct desk_answer *answer)
{
        for (size_t i = 0; i < answer->n_entries; i++) {
                const struct desk_entry *entry = &answer->entries[i];

                if (feed->of_job) {
                        write_outcomes(feed, json, entry);
                        continue;
                }
                event_begin(feed, json, "job", entry->entry.ended_number);
                jobs_render_entry(json, entry, (feed->want & DESK_WANT_OUTCOMES) != 0);
                event_end(feed, json);
        }
        if (!answer->last)
                return;
        event_begin(feed, json, "end", 0);
        if (feed->of_job)
                jobs_render_entry(json, answer->entries, false);
        else
                json_out_text(json, feed->id);
        event_end(feed, json);
}

static void begin(struct exchange *exchange)
{
        struct feed *feed = exchange->state;

        exchange_stream(exchange, feed->events ? REPLY_EVENTS : REPLY_NDJSON);
        feed->begun = true;
}

static void on_answer(struct exchange *exchange, const struct desk_answer *answer)
{
        struct feed *feed = exchange->state;
        CLEANUP(bytes_deinit)
        struct bytes bytes = BYTES_INIT(2 * jobs_render_cap(answer->entries, answer->n_entries));
        struct json_out json;

        if (!feed->begun && jobs_refused(exchange, answer))
                return;
        if (!feed->begun)
                begin(exchange);
        json_out_init(&json, &bytes);
        if (answer->status == DESK_OK)
                write_answer(feed, &json, answer);
        if (bytes.n == 0 && bytes_add_text(&bytes, feed->events ? ": \n\n" : "\n") < 0)
                json.error = -ENOMEM;
        if (json_out_error(&json) == 0)
                exchange_stream_add(exchange, bytes_view(&bytes));
        feed->after = answer->number;
        /* What cannot be told now (no ledger, no memory) ends the stream; its client goes on later. */
        if (answer->last || answer->status != DESK_OK || json_out_error(&json) < 0 ||
            view_eq(exchange->http.request.method, VIEW("HEAD")))
                exchange_stream_end(exchange);
        else
                exchange_stream_want(exchange, ask_more);
}

/* Where to go on: ?after=, else the header a browser sends when it reconnects. */
static int take_after(const struct exchange *exchange, uint64_t *ret_after)
{
        struct view last = http1_field(&exchange->http.request, "Last-Event-ID");
        char text[32] = "after=";

        if (query_count(exchange->http.request.query, "after", INT64_MAX, ret_after) != QUERY_NONE)
                return query_count(exchange->http.request.query, "after", INT64_MAX, ret_after);
        if (!last.p || last.n == 0)
                return 0;
        snprintf(text, sizeof(text), "after=%.*s", (int)MIN(last.n, (size_t)24), last.p);
        return query_count(view_of(text), "after", INT64_MAX, ret_after);
}

static bool wants_events(const struct exchange *exchange)
{
        struct view accept = http1_field(&exchange->http.request, "Accept");

        return accept.p && memmem(accept.p, accept.n, REPLY_EVENTS, strlen(REPLY_EVENTS));
}

static void start(struct exchange *exchange, bool of_job, bool has_id)
{
        uint64_t after = 0, outcomes = 0;
        struct feed *feed;

        if (take_after(exchange, &after) < 0 ||
            query_count(exchange->http.request.query, "outcomes", 1, &outcomes) < 0) {
                exchange_fail(exchange, 400, "after must be the number of an event, outcomes 0 or 1");
                return;
        }
        feed = ask_new(exchange, sizeof(*feed), on_answer);
        if (!feed)
                return;
        feed->events = wants_events(exchange);
        feed->of_job = of_job;
        feed->after = after;
        feed->want = DESK_WANT_MEMO | (outcomes ? DESK_WANT_OUTCOMES : 0);
        if (has_id)
                jobs_id(exchange, feed->id);
        if (has_id && !feed->id[0])
                exchange_fail(exchange, 404, "there is no such job");
        else
                ask_more(exchange);
}

void door_jobs_watch(struct exchange *exchange)
{
        start(exchange, true, true);
}

void door_jobs_batch(struct exchange *exchange)
{
        start(exchange, false, true);
}

void door_jobs_ended(struct exchange *exchange)
{
        start(exchange, false, false);
}

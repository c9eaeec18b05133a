/*
 * Theory of operation
 *
 *   WAITING ──init──► RUNNING ──result──► closed
 *      └── late, bad ──► closed or told, by the answers of the dialect
 *
 * A session lives from the upgrade to the first of: our close, the client's end.  Whatever ends it passes through
 * finish() or on_gone(), both of which cancel its job and free it; a function that may end it returns whether it is
 * still there.
 *
 * Output: the runner keeps at most a window of it on the way; a window is given back only when most of what was said
 * has left for the client.  What is no whole line (or character) yet is held back until more comes or the stage ends,
 * but only for a moment: it may be a prompt.
 *
 * Stdin: what the runner does not take waits here, and as long as something waits nothing is read from the client.
 *
 * Large messages are parsed on a thread; what comes behind one waits for it.
 */
#include "api/door_ws.h"
#include "api/door_piston.h"
#include "api/exchange.h"
#include "api/front.h"
#include "api/gate.h"
#include "api/pool.h"
#include "api/query.h"
#include "api/server.h"
#include "api/websocket.h"
#include "api/ws_dialect.h"
#include "config/config.h"
#include "job/client.h"
#include "job/job.h"
#include "job/wire.h"
#include "util/err.h"
#include "util/log.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <jansson.h>

enum {
        PARSE_ON_THREAD = 64 * 1024, /* bytes of a message from which parsing would hold up the loop */
        LATER_MAX = 128 * 1024,      /* of small messages behind a large one */
        HELD_MAX = 64 * 1024 + WIRE_CHUNK_BYTES,
        HELD_KEPT = 4096,                /* memory kept for the next line */
        EVENT_MAX = 6 * HELD_MAX + 4096, /* a byte can become \u0000 */
        TAKEN_AT_ONCE = WIRE_WINDOW_BYTES / 4,
        LATE_MS = 100, /* then a line without its end is sent */
};

struct session {
        struct websocket *ws;
        struct server *server;
        struct caller *seat; /* whose key it is; NULL: there are none */
        const struct ws_dialect *dialect;
        struct event timer; /* for init; later for quiet */
        uint64_t ticket;    /* of the job; 0: none, or it is done */
        bool begun;         /* init was taken */
        bool ended;         /* the last stage told has ended */
        enum stage stage;
        struct bytes held[STREAM_COUNT];
        size_t shown; /* bytes of output to be told as taken */
        struct bytes input;
        size_t input_at;
        bool last; /* no more stdin */
        struct work *work;
        struct bytes later; /* messages behind the one being parsed, each after its length */
};

struct parse {
        struct work work;
        struct bytes text;
        json_t *root;
        json_error_t error;
};

static void session_free(struct session *session)
{
        if (session->ticket)
                client_cancel(session->server->client, session->ticket);
        if (session->work)
                session->work->owner = NULL;
        event_del(&session->timer);
        for (int i = 0; i < STREAM_COUNT; i++)
                bytes_deinit(&session->held[i]);
        bytes_deinit(&session->input);
        bytes_deinit(&session->later);
        gate_seat_free(session->server, session->seat);
        free(session);
}

static bool finish(struct session *session, unsigned code, const char *reason)
{
        websocket_close(session->ws, code, reason);
        session_free(session);
        return false;
}

/* The event that is being put together: one thread, and never kept over a return. */
static struct bytes event = { .cap = EVENT_MAX };

static struct bytes *event_begin(void)
{
        bytes_clear(&event);
        return &event;
}

static void say(struct session *session, int r)
{
        if (r == 0)
                websocket_send(session->ws, bytes_view(&event));
        else
                log_error("websocket: an event was not sent: %s", strerror(-r));
}

/* Returns whether the session goes on. */
static bool answer(struct session *session, enum ws_fault fault, const char *what)
{
        const struct ws_answer *row = &session->dialect->answers[fault];

        if (row->message)
                say(session, ws_put_error(event_begin(), session->dialect, fault, what));
        return row->code == 0 || finish(session, row->code, row->reason);
}

static void wait_for(struct session *session, uint64_t ns)
{
        struct timeval tv = { .tv_sec = (time_t)(ns / NSEC_PER_SEC),
                              .tv_usec = (suseconds_t)(ns % NSEC_PER_SEC / NSEC_PER_USEC) };

        event_add(&session->timer, &tv);
}

static void settle_pause(struct session *session)
{
        websocket_pause(session->ws, session->work || session->input_at < session->input.n);
}

/* Give the runner what it takes. */
static void push_input(struct session *session)
{
        struct view rest = { session->input.p + session->input_at, session->input.n - session->input_at };

        if (session->ticket && (rest.n > 0 || session->last))
                session->input_at +=
                        client_input(session->server->client, session->ticket, rest, session->last);
        if (session->input_at == session->input.n) {
                session->input_at = 0;
                bytes_deinit(&session->input);
        }
        settle_pause(session);
}

/* Whatever is held back, for its stage is over; or the whole characters of it. */
static void say_held(struct session *session, enum stream stream, bool over)
{
        struct bytes *held = &session->held[stream];
        size_t n = over ? held->n : ws_whole(bytes_view(held));

        if (n > 0)
                say(session, ws_put_data(event_begin(), stream, (struct view){ held->p, n },
                                         !over && session->dialect->marks_partial));
        bytes_take(held, n);
        if (held->n == 0 && held->room > HELD_KEPT)
                bytes_deinit(held);
}

static void give_back(struct session *session)
{
        if (session->shown < TAKEN_AT_ONCE)
                return;
        if (!websocket_has_room(session->ws)) {
                websocket_want_room(session->ws);
                return;
        }
        client_output_taken(session->server->client, session->ticket, session->shown);
        session->shown = 0;
}

static void on_stage(void *arg, enum stage stage)
{
        struct session *session = arg;

        session->stage = stage;
        session->ended = false;
        say(session, ws_put_stage(event_begin(), session->dialect, stage));
}

static void on_output(void *arg, enum stream stream, struct view bytes)
{
        struct session *session = arg;
        struct bytes *held = &session->held[stream];
        size_t at = 0, n;

        if (bytes_add(held, bytes.p, bytes.n) < 0) {
                finish(session, 1011, "out of memory");
                return;
        }
        do {
                struct view piece;

                n = session->dialect->cut((struct view){ held->p + at, held->n - at }, &piece);
                if (n > 0)
                        say(session, ws_put_data(event_begin(), stream, piece, false));
                at += n;
        } while (n > 0);
        bytes_take(held, at);
        if (held->n > 0 && !evtimer_pending(&session->timer, NULL))
                wait_for(session, LATE_MS * NSEC_PER_MSEC);
        else if (held->n == 0 && held->room > HELD_KEPT)
                bytes_deinit(held);
        session->shown += bytes.n;
        give_back(session);
}

static void on_stage_end(void *arg, enum stage stage, const struct stage_result *result)
{
        struct session *session = arg;

        for (int i = 0; i < STREAM_COUNT; i++)
                say_held(session, (enum stream)i, true);
        session->ended = true;
        if ((result->verdict == VERDICT_STDOUT || result->verdict == VERDICT_STDERR) &&
            !answer(session, WS_OUTPUT_LIMIT, ""))
                return;
        say(session, ws_put_end(event_begin(), session->dialect, stage, result));
}

static void on_input_room(void *arg)
{
        push_input(arg);
}

static void on_done(void *arg, const struct result *result)
{
        const struct stage_result *last = result_last(result);
        struct session *session = arg;
        bool whole = session->ended && verdict_fault(last->verdict) != FAULT_ENGINE &&
                     last->verdict != VERDICT_CANCELLED;

        session->ticket = 0;
        if (whole || answer(session, WS_FAILED, last->text[0] ? last->text : verdict_text(last->verdict)))
                finish(session, 4999, "Job Completed");
}

static const struct client_stream_fns stream_fns = { on_stage, on_output, on_stage_end, on_input_room,
                                                     on_done };

/* Returns whether the session goes on. */
static bool start(struct session *session, const struct job *job)
{
        struct client *client = session->server->client;
        struct job whose = *job;
        struct err err = { "" };

        gate_name_job(session->seat, &whose);
        if (client_submit_stream(client, &whose, &stream_fns, session, &session->ticket, &err) < 0) {
                log_error("cannot hand over a job: %s", err.text);
                return answer(session, WS_FAILED, "the engine is not ready, try again later");
        }
        session->begun = true;
        event_del(&session->timer);
        say(session, ws_put_runtime(event_begin(), job->runtime));
        if (session->dialect->acknowledgement)
                say(session, ws_put_type(event_begin(), session->dialect->acknowledgement));
        return true;
}

static bool take_init(struct session *session, const json_t *root)
{
        const struct front *front = session->server->front;
        const json_t *payload = json_object_get(root, "payload");
        struct err err = { "" };
        struct job job;
        bool alive;
        int r;

        if (session->begun)
                return answer(session, WS_INIT_TWICE, "");
        if (session->dialect->wraps && json_is_object(payload))
                root = payload;
        r = session->dialect->check(root, front->catalog, &err);
        if (r == 0)
                r = door_piston_parse_json(root, front->config, front->catalog, &job, &err);
        if (r < 0)
                return answer(session, WS_FAILED, "out of memory");
        if (r > 0)
                return answer(session, WS_REFUSED, err.text);
        alive = start(session, &job);
        job_deinit(&job);
        return alive;
}

static bool is_text(const json_t *value, const char *text)
{
        return json_is_string(value) && streq(json_string_value(value), text);
}

static bool take_data(struct session *session, const json_t *root)
{
        const json_t *data = json_object_get(root, "data");

        if (!session->begun)
                return answer(session, WS_TOO_EARLY, "");
        if (!is_text(json_object_get(root, "stream"), "stdin"))
                return answer(session, WS_BAD_STREAM, "");
        if (!json_is_string(data))
                return answer(session, WS_BAD_FIELDS, "");
        if (session->last)
                return true;
        if (bytes_add(&session->input, json_string_value(data), json_string_length(data)) < 0)
                return finish(session, 1009, "too much stdin at once");
        push_input(session);
        return true;
}

static bool take_signal(struct session *session, const json_t *root)
{
        const json_t *name = json_object_get(root, "signal");
        int number;

        if (!session->begun)
                return answer(session, WS_TOO_EARLY, "");
        number = ws_signal(session->dialect,
                           (struct view){ json_string_value(name), json_string_length(name) });
        if (number == 0)
                return answer(session, WS_BAD_SIGNAL, "");
        if (session->ticket)
                client_signal(session->server->client, session->ticket, number);
        return true;
}

static bool take_eof(struct session *session, const json_t *root)
{
        if (!session->begun)
                return answer(session, WS_TOO_EARLY, "");
        session->last = true;
        push_input(session);
        return true;
}

static const struct {
        const char *type;
        bool (*take)(struct session *session, const json_t *root);
} messages[] = {
        { "init", take_init },
        { "data", take_data },
        { "signal", take_signal },
        { "eof", take_eof },
};

static bool take_json(struct session *session, const json_t *root, const json_error_t *error)
{
        const json_t *type = json_object_get(root, "type");

        if (!root)
                return answer(session, WS_BAD_JSON, error->text);
        if (!json_is_object(root) || (type && !json_is_string(type)))
                return answer(session, WS_BAD_FIELDS, "");
        for (size_t i = 0; i < ARRAY_LEN(messages); i++)
                if (is_text(type, messages[i].type))
                        return messages[i].take(session, root);
        return answer(session, WS_UNKNOWN_TYPE, type ? json_string_value(type) : "");
}

static json_t *parse(struct view text, json_error_t *error)
{
        return json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, error);
}

static void parse_run(struct work *work)
{
        struct parse *job = (struct parse *)work;

        job->root = parse(bytes_view(&job->text), &job->error);
        bytes_deinit(&job->text);
}

static bool take_message(struct session *session, struct bytes *message);

/* What came while a message was parsed; it may hold another large one. */
static void take_later(struct session *session)
{
        struct bytes later = session->later, message;
        bool alive = true;

        session->later = BYTES_INIT(later.cap);
        for (size_t at = 0, n; at < later.n && alive; at += n) {
                memcpy(&n, later.p + at, sizeof(n));
                at += sizeof(n);
                message = BYTES_INIT(n);
                if (bytes_add(&message, later.p + at, n) < 0)
                        alive = finish(session, 1011, "out of memory");
                else
                        alive = take_message(session, &message);
                bytes_deinit(&message);
        }
        bytes_deinit(&later);
}

static void parse_done(struct work *work)
{
        struct parse *job = (struct parse *)work;
        struct session *session = work->owner;

        if (session) {
                session->work = NULL;
                if (take_json(session, job->root, &job->error)) {
                        settle_pause(session);
                        take_later(session);
                }
        }
        json_decref(job->root);
        bytes_deinit(&job->text);
        free(job);
}

static bool parse_elsewhere(struct session *session, struct bytes *message)
{
        struct parse *job = calloc(1, sizeof(*job));

        if (!job)
                return finish(session, 1011, "out of memory");
        *job = (struct parse){ .work = { .run = parse_run, .done = parse_done, .owner = session },
                               .text = *message };
        *message = BYTES_INIT(message->cap);
        session->work = &job->work;
        event_del(&session->timer); /* an init that came in time is in time */
        settle_pause(session);
        pool_add(session->server->pool, &job->work);
        return true;
}

static bool put_later(struct session *session, const struct bytes *message)
{
        size_t n = message->n;

        if (bytes_add(&session->later, &n, sizeof(n)) < 0 || bytes_add(&session->later, message->p, n) < 0)
                return finish(session, 1009, "too much at once");
        return true;
}

static bool take_message(struct session *session, struct bytes *message)
{
        json_error_t error;
        json_t *root;
        bool alive;

        if (session->work)
                return put_later(session, message);
        if (message->n >= PARSE_ON_THREAD)
                return parse_elsewhere(session, message);
        root = parse(bytes_view(message), &error);
        alive = take_json(session, root, &error);
        json_decref(root);
        return alive;
}

static void on_message(void *arg, struct bytes *message)
{
        (void)take_message(arg, message);
}

static void on_room(void *arg)
{
        give_back(arg);
}

static void on_drain(void *arg)
{
        struct session *session = arg;

        if (!session->begun)
                finish(session, 1001, "the engine is stopping");
}

static void on_keys(void *arg)
{
        struct session *session = arg;

        if (caller_is_gone(session->seat))
                finish(session, 1008, "the API key is not known any more");
}

static void on_gone(void *arg)
{
        session_free(arg);
}

static const struct websocket_fns websocket_fns = { on_message, on_room, on_keys, on_drain, on_gone };

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
        struct session *session = arg;

        if (!session->begun) {
                (void)answer(session, WS_INIT_LATE, "");
                return;
        }
        if (session->shown >= TAKEN_AT_ONCE) { /* the rest of the line may wait for the client itself */
                wait_for(session, LATE_MS * NSEC_PER_MSEC);
                return;
        }
        for (int i = 0; i < STREAM_COUNT; i++)
                say_held(session, (enum stream)i, false);
}

static void connect_in(struct exchange *exchange, const struct ws_dialect *dialect)
{
        struct session *session = calloc(1, sizeof(*session));
        uint64_t limit = exchange->front->config->websocket_message_limit;

        if (!session) {
                exchange_fail(exchange, 503, "no memory for another connection");
                return;
        }
        session->server = exchange->server;
        session->dialect = dialect;
        for (int i = 0; i < STREAM_COUNT; i++)
                session->held[i] = BYTES_INIT(HELD_MAX);
        session->input = BYTES_INIT(2 * limit);
        session->later = BYTES_INIT(limit + LATER_MAX);
        event_assign(&session->timer, session->server->base, -1, 0, on_timer, session);
        session->seat = gate_seat_take(exchange);
        session->ws = websocket_accept(exchange);
        if (!session->ws) {
                session_free(session);
                return;
        }
        websocket_attach(session->ws, &websocket_fns, session);
        wait_for(session, dialect->init_ns);
}

void door_ws_connect(struct exchange *exchange)
{
        const struct ws_dialect *dialect;
        char name[16];
        int r = query_text(exchange->http.request.query, "dialect", name, sizeof(name));

        dialect = ws_dialect_find(r == QUERY_NONE ? exchange->front->config->websocket_dialect
                                  : r == 0        ? name
                                                  : "");
        if (dialect)
                connect_in(exchange, dialect);
        else
                exchange_fail(exchange, 400, "dialect must be coderunr or piston");
}

void door_ws_connect_piston(struct exchange *exchange)
{
        connect_in(exchange, ws_dialect_find("piston"));
}

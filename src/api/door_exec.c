/*
 * Theory of operation: a submission is a durable job; its question is looked up first, so what it is judged by is what the
 * question was when it came.
 */
#include "api/door_exec.h"
#include "api/ask.h"
#include "api/door_exec_priv.h"
#include "api/exchange.h"
#include "api/front.h"
#include "api/query.h"
#include "runtime/catalog.h"
#include "runtime/image.h"

#include <stdio.h>

enum { LIST_MOST = 50, WAIT_MOST = 60, SPEC_MAX = 4 * 1024 * 1024 };

#define LIST_BYTES (256 * MIB)

/* ---- what all of the door share ---- */

void exec_fail(struct exchange *exchange, int status, const char *message)
{
        struct reply reply;
        struct json_out json;

        reply_message(&reply, status, "");
        bytes_clear(&reply.body);
        json_out_init(&json, &reply.body);
        json_out_object_begin(&json);
        json_out_key(&json, "error");
        json_out_text(&json, message);
        json_out_object_end(&json);
        if (json_out_error(&json) < 0)
                bytes_clear(&reply.body);
        exchange_reply(exchange, &reply);
}

void exec_reply(struct exchange *exchange, struct bytes *body, struct json_out *json)
{
        struct reply reply = { .status = 200, .type = REPLY_JSON, .body = *body };

        if (json_out_error(json) == 0) {
                exchange_reply(exchange, &reply);
                return;
        }
        bytes_deinit(body);
        exec_fail(exchange, 500, "no memory for the answer");
}

bool exec_refused(struct exchange *exchange, const struct desk_answer *answer)
{
        if (answer->status == DESK_OK)
                return false;
        if (answer->status == DESK_NOT_FOUND)
                exec_fail(exchange, 404, "Not found");
        else if (answer->status == DESK_FULL)
                exec_fail(exchange, 503, "Queue Error");
        else if (answer->status == DESK_BAD)
                exec_fail(exchange, 400, answer->text);
        else
                exec_fail(exchange, 503, "Database Error");
        return true;
}

static uint64_t wait_ms(const struct exchange *exchange)
{
        uint64_t seconds = 0;

        return query_count(exchange->http.request.query, "wait", WAIT_MOST, &seconds) == 0 ? seconds * 1000
                                                                                           : 0;
}

/* ---- POST /v1/exec ---- */

struct submitting {
        struct ask ask;
        struct exec_request request;
        bool brief; /* the answer is the id alone */
        char id[EXEC_ID_TEXT];
};

static void put_submission(struct json_out *json, const struct submitting *submitting)
{
        json_out_object_begin(json);
        json_out_key(json, "submission_id");
        json_out_text(json, submitting->id);
        if (!submitting->brief) {
                json_out_key(json, "status");
                json_out_text(json, "PENDING");
        }
        json_out_object_end(json);
}

static void on_submitted(struct exchange *exchange, const struct desk_answer *answer)
{
        struct bytes body = BYTES_INIT(1024);
        struct json_out json;

        if (exec_refused(exchange, answer))
                return;
        json_out_init(&json, &body);
        put_submission(&json, exchange->state);
        exec_reply(exchange, &body, &json);
}

/* With ?wait=: the submission, as it is then. */
static void on_waited(struct exchange *exchange, const struct desk_answer *answer)
{
        struct bytes body = BYTES_INIT(LIST_BYTES);
        struct json_out json;

        if (exec_refused(exchange, answer))
                return;
        json_out_init(&json, &body);
        if (exec_render(&json, &answer->entries[0]) == 0) {
                exec_reply(exchange, &body, &json);
                return;
        }
        bytes_deinit(&body);
        exec_fail(exchange, 500, "the stored submission cannot be read");
}

static void on_submitted_waiting(struct exchange *exchange, const struct desk_answer *answer)
{
        struct submitting *submitting = exchange->state;

        if (exec_refused(exchange, answer))
                return;
        submitting->ask.fn = on_waited;
        ASK(&submitting->ask, desk_get, exchange->owner, submitting->id, wait_ms(exchange),
            DESK_WANT_MEMO | DESK_WANT_OUTCOMES);
}

static void hand_in(struct exchange *exchange, const json_t *question, bool missing)
{
        struct submitting *submitting = exchange->state;
        struct exec_draft draft;
        struct err err = { "" };
        int r = exec_draft_make(&draft, exchange, &submitting->request, question, missing, &err);

        if (r != 0) {
                exec_draft_deinit(&draft);
                exec_fail(exchange, r > 0 ? r : 500, r > 0 ? err.text : "out of memory");
                return;
        }
        snprintf(submitting->id, sizeof(submitting->id), "%s", draft.order.head.id);
        submitting->ask.fn =
                wait_ms(exchange) > 0 && !submitting->brief ? on_submitted_waiting : on_submitted;
        ASK(&submitting->ask, desk_submit, &draft.order, 1);
        exec_draft_deinit(&draft);
}

static void on_question_found(struct exchange *exchange, const struct desk_answer *answer)
{
        json_t *question;

        if (answer->status != DESK_NOT_FOUND && exec_refused(exchange, answer))
                return;
        if (answer->status == DESK_NOT_FOUND) {
                hand_in(exchange, NULL, true);
                return;
        }
        question = json_loadb(answer->entries[0].memo.p, answer->entries[0].memo.n, JSON_ALLOW_NUL, NULL);
        hand_in(exchange, question, question == NULL);
        json_decref(question);
}

static void on_end(struct exchange *exchange)
{
        struct submitting *submitting = exchange->state;

        ask_end(exchange);
        exec_request_deinit(&submitting->request);
}

void exec_submit(struct exchange *exchange, struct intake *intake, bool brief)
{
        struct exec_request *request = intake->more;
        struct submitting *submitting;

        if (intake->r != 0) {
                exec_fail(exchange, intake->r > 0 ? intake->r : 500,
                          intake->r > 0 ? intake->err.text : "out of memory");
                return;
        }
        submitting = ask_new(exchange, sizeof(*submitting), on_question_found);
        if (!submitting)
                return;
        exchange->on_end = on_end;
        submitting->request = *request;
        *request = (struct exec_request){ 0 };
        submitting->brief = brief;
        if (submitting->request.question_id.n > 0)
                ASK(&submitting->ask, desk_card_get, EXEC_DRAWER, submitting->request.question_id.p);
        else
                hand_in(exchange, NULL, false);
}

static void exec_ready(struct exchange *exchange, struct intake *intake)
{
        exec_submit(exchange, intake, false);
}

void door_exec_exec(struct exchange *exchange)
{
        intake_begin(exchange, exec_read_run, exec_ready);
}

/* ---- GET /v1/submissions ---- */

struct listing {
        struct ask ask;
        struct bytes body;
        struct json_out json;
        uint32_t n;
};

static void listing_end(struct exchange *exchange)
{
        struct listing *listing = exchange->state;

        ask_end(exchange);
        bytes_deinit(&listing->body);
}

static void listing_ask(struct exchange *exchange, uint64_t before)
{
        struct listing *listing = exchange->state;
        struct desk_filter filter = { .owner = exchange->owner,
                                      .door = EXEC_DOOR,
                                      .batch = "",
                                      .before = before,
                                      .most = LIST_MOST - listing->n,
                                      .want = DESK_WANT_MEMO | DESK_WANT_OUTCOMES };

        ASK(&listing->ask, desk_list, &filter);
}

/* An answer may hold fewer than there are: then there is another. */
static void on_list(struct exchange *exchange, const struct desk_answer *answer)
{
        struct listing *listing = exchange->state;
        struct bytes body;

        if (exec_refused(exchange, answer))
                return;
        if (listing->n == 0 && answer->n_entries > 0)
                json_out_array_begin(&listing->json);
        for (size_t i = 0; i < answer->n_entries; i++) {
                listing->n++;
                if (exec_render(&listing->json, &answer->entries[i]) < 0) {
                        exec_fail(exchange, 500, "Database Error");
                        return;
                }
        }
        if (answer->n_entries > 0 && listing->n < LIST_MOST) {
                listing_ask(exchange, answer->entries[answer->n_entries - 1].entry.seq);
                return;
        }
        if (listing->n > 0)
                json_out_array_end(&listing->json);
        else
                json_out_null(&listing->json);
        body = listing->body;
        listing->body = BYTES_INIT(0);
        exec_reply(exchange, &body, &listing->json);
}

void door_exec_submissions(struct exchange *exchange)
{
        struct listing *listing = ask_new(exchange, sizeof(*listing), on_list);

        if (!listing)
                return;
        exchange->on_end = listing_end;
        listing->body = BYTES_INIT(LIST_BYTES);
        json_out_init(&listing->json, &listing->body);
        listing_ask(exchange, 0);
}

static void on_submission(struct exchange *exchange, const struct desk_answer *answer)
{
        if (exec_refused(exchange, answer))
                return;
        if (strncmp(answer->entries[0].entry.head.door, EXEC_DOOR, strlen(EXEC_DOOR)) != 0)
                exec_fail(exchange, 404, "Not found");
        else
                on_waited(exchange, answer);
}

void door_exec_submission(struct exchange *exchange)
{
        struct view part = exchange->params[0];
        char id[ENTRY_ID_MAX + 1];
        struct ask *ask = ask_new(exchange, sizeof(*ask), on_submission);

        snprintf(id, sizeof(id), "%.*s", part.n <= ENTRY_ID_MAX ? (int)part.n : 0, part.p);
        if (ask)
                ASK(ask, desk_get, exchange->owner, id, wait_ms(exchange),
                    DESK_WANT_MEMO | DESK_WANT_OUTCOMES);
}

/* ---- GET /v1/spec ---- */

static void add_command(struct bytes *text, const struct runtime_stage *stage, const char *file)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < stage->n_argv; i++) {
                const char *word = stage->argv[i];

                if (streq(word, "{args}"))
                        continue;
                r = text->n > 0 ? bytes_add_text(text, " ") : 0;
                r = r ? r
                      : bytes_add_text(text, streq(word, "{main}") || streq(word, "{sources}") ? file : word);
        }
        if (r < 0)
                bytes_clear(text);
}

static void put_language(struct json_out *json, const struct catalog *catalog, const struct runtime *runtime,
                         const char *name)
{
        CLEANUP(bytes_deinit) struct bytes command = BYTES_INIT(8192);
        const char *extension =
                runtime->extensions && runtime->extensions[0] ? runtime->extensions[0] : "code";
        char file[128], image[IMAGE_NAME_MAX];
        bool java = runtime->naming == RUNTIME_NAMING_JAVA;

        snprintf(file, sizeof(file), "%s.%s", java ? "Main" : "main", extension);
        if (runtime->image)
                snprintf(image, sizeof(image), "%s", catalog->images[runtime->image - 1].name);
        else
                snprintf(image, sizeof(image), "%s:%s", runtime->language, runtime->version);
        add_command(&command, &runtime->stages[STAGE_COMPILE], file);
        if (command.n > 0 && bytes_add_text(&command, " &&") < 0)
                bytes_clear(&command);
        add_command(&command, &runtime->stages[STAGE_RUN], file);
        json_out_key(json, name);
        json_out_object_begin(json);
        json_out_key(json, "image");
        json_out_text(json, image);
        json_out_key(json, "entrypoint");
        json_out_text(json, "");
        json_out_key(json, "filename");
        json_out_text(json, file);
        json_out_key(json, "cmd");
        json_out_string(json, bytes_view(&command));
        json_out_key(json, "language");
        json_out_text(json, runtime->language);
        json_out_key(json, "use");
        json_out_text(json, streq(name, runtime->language) ? "" : runtime->language);
        json_out_object_end(json);
}

/* A name that several runtimes answer to is told once, for the one that a submission would get. */
static void put_name(struct json_out *json, const struct catalog *catalog, const struct runtime *runtime,
                     const char *name)
{
        if (catalog_find(catalog, name, "*") == runtime)
                put_language(json, catalog, runtime, name);
}

void door_exec_spec(struct exchange *exchange)
{
        const struct catalog *catalog = exchange->front->catalog;
        struct bytes body = BYTES_INIT(SPEC_MAX);
        struct json_out json;

        json_out_init(&json, &body);
        json_out_object_begin(&json);
        for (size_t i = 0; i < catalog->n_runtimes; i++) {
                const struct runtime *runtime = &catalog->runtimes[i];

                put_name(&json, catalog, runtime, runtime->language);
                for (char **alias = runtime->aliases; alias && *alias; alias++)
                        if (!streq(*alias, runtime->language))
                                put_name(&json, catalog, runtime, *alias);
        }
        json_out_object_end(&json);
        exec_reply(exchange, &body, &json);
}

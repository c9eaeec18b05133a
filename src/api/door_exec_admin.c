/*
 * Theory of operation: a question is a card of the ledger, its JSON as it was put.  Everybody may see its title and what is
 * asked; cases, solution and everything that changes questions are behind the admin key, or the scope of its name where there
 * are API keys.
 */
#include "api/ask.h"
#include "api/door_exec.h"
#include "api/door_exec_priv.h"
#include "api/exchange.h"
#include "api/front.h"
#include "api/gate.h"
#include "config/config.h"
#include "util/log.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <time.h>

enum { QUESTION_MOST = 1000, CASES_MOST = 10000 };

#define QUESTIONS_BYTES (64 * MIB)

bool exec_is_admin(struct exchange *exchange, bool demand)
{
        const char *key = exchange->front->config->admin_key;
        struct view given = http1_field(&exchange->http.request, "X-API-Key");
        size_t n = strlen(key);

        if (exchange->caller ? gate_allows(exchange, SCOPE_QUESTIONS)
                             : n > 0 && given.n == n && CRYPTO_memcmp(given.p, key, n) == 0)
                return true;
        if (demand && n == 0)
                exec_fail(exchange, 403, "the admin routes are off: set CODERUNR_ADMIN_KEY");
        else if (demand)
                exec_fail(exchange, 401, "Unauthorized");
        return false;
}

/* ---- reading a question ---- */

bool exec_question_id_ok(struct view id)
{
        if (id.n == 0 || id.n > ENTRY_ID_MAX)
                return false;
        for (size_t i = 0; i < id.n; i++)
                if (!((id.p[i] >= '0' && id.p[i] <= '9') ||
                      ((id.p[i] | 32) >= 'a' && (id.p[i] | 32) <= 'z') ||
                      strchr("-_.", id.p[i] ? id.p[i] : '/')))
                        return false;
        return true;
}

/* A string, or a number as one; NULL for anything else. */
static json_t *text_of(const json_t *value)
{
        char number[32];

        if (!value || json_is_null(value))
                return json_string("");
        if (json_is_integer(value)) {
                snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
                return json_string(number);
        }
        return json_is_string(value) ? json_incref((json_t *)value) : NULL;
}

static json_t *case_of(const json_t *from, size_t i)
{
        json_t *one, *id;
        char number[24];
        bool ok;

        if (!json_is_object(from))
                return NULL;
        one = json_object();
        id = text_of(json_object_get(from, "id"));
        if (id && json_string_length(id) == 0) {
                snprintf(number, sizeof(number), "%zu", i + 1);
                json_string_set(id, number);
        }
        ok = json_object_set_new(one, "id", id) == 0;
        ok = ok && json_object_set_new(one, "input", text_of(json_object_get(from, "input"))) == 0;
        ok = ok && json_object_set_new(one, "expected_output",
                                       text_of(json_object_get(from, "expected_output"))) == 0;
        if (ok)
                return one;
        json_decref(one);
        return NULL;
}

static json_t *cases_of(const json_t *from)
{
        json_t *cases = json_array();

        if (from && !json_is_null(from) && (!json_is_array(from) || json_array_size(from) > CASES_MOST)) {
                json_decref(cases);
                return NULL;
        }
        for (size_t i = 0; i < json_array_size(from); i++)
                if (json_array_append_new(cases, case_of(json_array_get(from, i), i)) < 0) {
                        json_decref(cases);
                        return NULL;
                }
        return cases;
}

/* Only what is known, every text a text: what is kept needs no second look.  NULL: it is no question. */
static json_t *question_of(const json_t *from)
{
        static const char *const words[] = {
                "id", "title", "description", "judge", "solution_code", "solution_lang", "generator_config"
        };
        json_t *question = json_object(), *cases = cases_of(json_object_get(from, "test_cases"));
        const char *judge;
        bool ok = cases && json_is_object(from);

        for (size_t i = 0; ok && i < ARRAY_LEN(words); i++)
                ok = json_object_set_new(question, words[i], text_of(json_object_get(from, words[i]))) == 0;
        judge = ok ? json_string_value(json_object_get(question, "judge")) : "";
        ok = ok && json_object_set(question, "test_cases", cases) == 0;
        ok = ok && (judge[0] == '\0' || streq(judge, "stdin") || streq(judge, "solve"));
        json_decref(cases);
        if (ok)
                return question;
        json_decref(question);
        return NULL;
}

static void question_free(void *question)
{
        json_decref(question);
}

void exec_read_question(struct intake *intake)
{
        json_t *root = json_loadb(intake->body.p ? intake->body.p : "", intake->body.n,
                                  JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

        intake->more_free = question_free;
        intake->more = question_of(root);
        json_decref(root);
        if (!intake->more)
                intake->r = err_set(&intake->err, 400, "Invalid JSON");
}

/* ---- showing questions ---- */

void exec_render_question(struct json_out *json, const json_t *question, bool whole)
{
        static const char *const open_words[] = { "id", "title", "description" };
        char *text;

        if (whole) {
                text = json_dumps(question, JSON_COMPACT);
                json_out_raw(json, text ? view_of(text) : VIEW("null"));
                free(text);
                return;
        }
        json_out_object_begin(json);
        for (size_t i = 0; i < ARRAY_LEN(open_words); i++) {
                const json_t *value = json_object_get(question, open_words[i]);

                json_out_key(json, open_words[i]);
                json_out_string(json, (struct view){ json_string_value(value), json_string_length(value) });
        }
        json_out_object_end(json);
}

struct listing {
        struct ask ask;
        struct bytes body;
        struct json_out json;
};

static void listing_end(struct exchange *exchange)
{
        struct listing *listing = exchange->state;

        ask_end(exchange);
        bytes_deinit(&listing->body);
}

static void on_questions(struct exchange *exchange, const struct desk_answer *answer)
{
        struct listing *listing = exchange->state;
        bool whole = exec_is_admin(exchange, false);
        struct bytes body;

        if (exec_refused(exchange, answer))
                return;
        for (size_t i = 0; i < answer->n_entries; i++) {
                struct view memo = answer->entries[i].memo;
                json_t *question = json_loadb(memo.p, memo.n, JSON_ALLOW_NUL, NULL);

                if (question)
                        exec_render_question(&listing->json, question, whole);
                json_decref(question);
        }
        if (!answer->last && answer->n_entries > 0) {
                ASK(&listing->ask, desk_card_list, EXEC_DRAWER,
                    answer->entries[answer->n_entries - 1].entry.head.id, QUESTION_MOST);
                return;
        }
        json_out_array_end(&listing->json);
        body = listing->body;
        listing->body = BYTES_INIT(0);
        listing->json.bytes = &body;
        exec_reply(exchange, &body, &listing->json);
}

void door_exec_questions(struct exchange *exchange)
{
        struct listing *listing = ask_new(exchange, sizeof(*listing), on_questions);

        if (!listing)
                return;
        exchange->on_end = listing_end;
        listing->body = BYTES_INIT(QUESTIONS_BYTES);
        json_out_init(&listing->json, &listing->body);
        json_out_array_begin(&listing->json);
        ASK(&listing->ask, desk_card_list, EXEC_DRAWER, "", QUESTION_MOST);
}

static void on_question(struct exchange *exchange, const struct desk_answer *answer)
{
        struct bytes body = BYTES_INIT(QUESTIONS_BYTES);
        struct json_out json;
        json_t *question;

        if (answer->status == DESK_NOT_FOUND) {
                exec_fail(exchange, 404, "Question not found");
                return;
        }
        if (exec_refused(exchange, answer))
                return;
        question = json_loadb(answer->entries[0].memo.p, answer->entries[0].memo.n, JSON_ALLOW_NUL, NULL);
        json_out_init(&json, &body);
        exec_render_question(&json, question, exec_is_admin(exchange, false));
        json_decref(question);
        exec_reply(exchange, &body, &json);
}

/* The id in the path; false: it can be none. */
static bool take_id(const struct exchange *exchange, char id[ENTRY_ID_MAX + 1])
{
        struct view part = exchange->params[0];

        if (!exec_question_id_ok(part))
                return false;
        snprintf(id, ENTRY_ID_MAX + 1, "%.*s", (int)part.n, part.p);
        return true;
}

void door_exec_question(struct exchange *exchange)
{
        char id[ENTRY_ID_MAX + 1];
        struct ask *ask;

        if (!take_id(exchange, id)) {
                exec_fail(exchange, 404, "Question not found");
                return;
        }
        ask = ask_new(exchange, sizeof(*ask), on_question);
        if (ask)
                ASK(ask, desk_card_get, EXEC_DRAWER, id);
}

/* ---- changing questions ---- */

struct putting {
        struct ask ask;
        json_t *question;
};

static void putting_end(struct exchange *exchange)
{
        struct putting *putting = exchange->state;

        ask_end(exchange);
        json_decref(putting->question);
}

static void on_put(struct exchange *exchange, const struct desk_answer *answer)
{
        const struct putting *putting = exchange->state;
        struct bytes body = BYTES_INIT(QUESTIONS_BYTES);
        struct json_out json;

        if (exec_refused(exchange, answer))
                return;
        json_out_init(&json, &body);
        exec_render_question(&json, putting->question, true);
        exec_reply(exchange, &body, &json);
}

static void put_ready(struct exchange *exchange, struct intake *intake)
{
        char made[EXEC_ID_TEXT], *text;
        struct view id = exchange->params[0];
        struct putting *putting;
        const json_t *own;

        if (intake->r != 0) {
                exec_fail(exchange, intake->r, intake->err.text);
                return;
        }
        own = json_object_get(intake->more, "id");
        if (id.n == 0)
                id = (struct view){ json_string_value(own), json_string_length(own) };
        exec_id_make(made);
        if (id.n == 0)
                id = view_of(made);
        if (!exec_question_id_ok(id)) {
                exec_fail(exchange, 400,
                          "the id of a question is of letters, digits, '-', '_' and '.', 63 at most");
                return;
        }
        json_object_set_new(intake->more, "id", json_stringn(id.p, id.n));
        putting = ask_new(exchange, sizeof(*putting), on_put);
        if (!putting)
                return;
        exchange->on_end = putting_end;
        putting->question = TAKE_PTR(intake->more);
        text = json_dumps(putting->question, JSON_COMPACT);
        if (!text || strlen(text) > ORDER_MEMO_MAX)
                exec_fail(exchange, text ? 413 : 500, text ? "Request Entity Too Large" : "out of memory");
        else
                ASK(&putting->ask, desk_card_put, EXEC_DRAWER,
                    json_string_value(json_object_get(putting->question, "id")), view_of(text));
        free(text);
}

void door_exec_question_add(struct exchange *exchange)
{
        if (exec_is_admin(exchange, true))
                intake_begin(exchange, exec_read_question, put_ready);
}

void door_exec_question_put(struct exchange *exchange)
{
        if (exec_is_admin(exchange, true))
                intake_begin(exchange, exec_read_question, put_ready);
}

static void answer_success(struct exchange *exchange)
{
        struct bytes body = BYTES_INIT(64);
        struct json_out json;

        json_out_init(&json, &body);
        json_out_object_begin(&json);
        json_out_key(&json, "success");
        json_out_bool(&json, true);
        json_out_object_end(&json);
        exec_reply(exchange, &body, &json);
}

/* That there was none is no failure, as in the original. */
static void on_dropped(struct exchange *exchange, const struct desk_answer *answer)
{
        if (answer->status == DESK_NOT_FOUND || !exec_refused(exchange, answer))
                answer_success(exchange);
}

void door_exec_question_drop(struct exchange *exchange)
{
        char id[ENTRY_ID_MAX + 1];
        struct ask *ask;

        if (!exec_is_admin(exchange, true))
                return;
        if (!take_id(exchange, id)) {
                answer_success(exchange);
                return;
        }
        ask = ask_new(exchange, sizeof(*ask), on_dropped);
        if (ask)
                ASK(ask, desk_card_drop, EXEC_DRAWER, id);
}

/* ---- runs of admins ---- */

static void generate_ready(struct exchange *exchange, struct intake *intake)
{
        exec_submit(exchange, intake, true);
}

void door_exec_generate(struct exchange *exchange)
{
        if (exec_is_admin(exchange, true))
                intake_begin(exchange, exec_read_generate, generate_ready);
}

void door_exec_generate_inputs(struct exchange *exchange)
{
        if (exec_is_admin(exchange, true))
                intake_begin(exchange, exec_read_inputs, generate_ready);
}

/* ---- the log ---- */

static void put_line(void *arg, const struct log_line *line)
{
        struct json_out *json = arg;
        time_t seconds = (time_t)(line->wall_ms / 1000);
        char when[40];
        struct tm tm;

        gmtime_r(&seconds, &tm);
        strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
        json_out_object_begin(json);
        json_out_key(json, "level");
        json_out_text(json, log_level_name(line->level));
        json_out_key(json, "message");
        json_out_text(json, line->text);
        json_out_key(json, "time");
        json_out_text(json, when);
        json_out_object_end(json);
}

/* What this process has logged; runner and ledger write to the same log, but are not asked. */
void door_exec_logs(struct exchange *exchange)
{
        struct bytes body = BYTES_INIT(4 * MIB);
        struct json_out json;

        if (!exec_is_admin(exchange, true))
                return;
        json_out_init(&json, &body);
        json_out_array_begin(&json);
        log_recent(put_line, &json);
        json_out_array_end(&json);
        exec_reply(exchange, &body, &json);
}

/*
 * Theory of operation: the packer makes the whole body; this is the way there and back.  A client that goes away does not
 * stop what it has started.
 */
#include "api/door_packages.h"
#include "api/door_piston.h"
#include "api/exchange.h"
#include "api/front.h"
#include "api/server.h"
#include "config/config.h"
#include "job/porter.h"

#include <jansson.h>
#include <stdio.h>

enum { BODY_MAX = 65536 };

struct question {
        struct porter *porter;
        uint64_t ticket;
        bool open;
};

static void on_end(struct exchange *exchange)
{
        struct question *question = exchange->state;

        if (question->open)
                porter_forget(question->porter, question->ticket);
}

static void on_answer(void *arg, int status, struct view body)
{
        struct exchange *exchange = arg;
        struct question *question = exchange->state;
        struct reply reply;

        question->open = false;
        reply_message(&reply, status, "");
        bytes_deinit(&reply.body);
        reply.body = BYTES_INIT(body.n + 1);
        if (bytes_add(&reply.body, body.p, body.n) < 0)
                reply.status = 500;
        exchange_reply(exchange, &reply);
}

static void ask(struct exchange *exchange, enum parcel_ask what, const char *name, const char *range)
{
        struct question *question = calloc(1, sizeof(*question));

        exchange->state = question;
        exchange->on_end = question ? on_end : NULL;
        if (question) {
                question->porter = exchange->server->porter;
                question->open = porter_ask(question->porter, what, name, range, on_answer, exchange,
                                            &question->ticket) == 0;
        }
        if (!question || !question->open)
                exchange_fail(exchange, 503, "The package manager is not ready, try again later");
}

void door_packages_list(struct exchange *exchange)
{
        ask(exchange, PARCEL_LIST, "", "");
}

/* What JavaScript would make of it in a message; too long for any package's name is cut. */
static void take(const json_t *root, const char *key, char text[PARCEL_TEXT_MAX])
{
        const json_t *value = json_object_get(root, key);
        size_t n;

        snprintf(text, PARCEL_TEXT_MAX, "%s", value ? "null" : "undefined");
        if (json_is_string(value))
                snprintf(text, PARCEL_TEXT_MAX, "%s", json_string_value(value));
        else if (json_is_number(value))
                snprintf(text, PARCEL_TEXT_MAX, "%.15g", json_number_value(value));
        for (n = strlen(text); n > 0 && n == PARCEL_TEXT_MAX - 1 && ((unsigned char)text[n - 1] & 0x80); n--)
                text[n - 1] = '\0';
}

static void change(struct exchange *exchange, enum parcel_ask what)
{
        bool lenient = exchange->front->config->lenient_content_type;
        struct view body = bytes_view(&exchange->http.body);
        char name[PARCEL_TEXT_MAX], range[PARCEL_TEXT_MAX];
        json_t *root;

        if (!lenient && !door_piston_is_json(http1_field(&exchange->http.request, "Content-Type"))) {
                exchange_fail(exchange, 415, "requests must be of type application/json");
                return;
        }
        root = body.n > BODY_MAX ? NULL : json_loadb(body.p, body.n, 0, NULL);
        if (!json_is_object(root)) {
                json_decref(root);
                exchange_fail(exchange, 400, "the body is no JSON object");
                return;
        }
        take(root, "language", name);
        take(root, "version", range);
        json_decref(root);
        ask(exchange, what, name, range);
}

void door_packages_install(struct exchange *exchange)
{
        change(exchange, PARCEL_INSTALL);
}

void door_packages_uninstall(struct exchange *exchange)
{
        change(exchange, PARCEL_UNINSTALL);
}

/* Theory of operation: the ticket is forgotten when the exchange ends, however that comes about. */
#include "api/ask.h"
#include "api/exchange.h"
#include "api/server.h"
#include "util/log.h"

void ask_end(struct exchange *exchange)
{
        struct ask *ask = exchange->state;

        if (ask->open)
                desk_forget(ask_desk(ask), ask->ticket);
}

void *ask_new(struct exchange *exchange, size_t room,
              void (*fn)(struct exchange *exchange, const struct desk_answer *answer))
{
        struct ask *ask = calloc(1, room);

        if (!ask) {
                exchange_fail(exchange, 500, "out of memory");
                return NULL;
        }
        ask->exchange = exchange;
        ask->fn = fn;
        exchange->state = ask;
        exchange->on_end = ask_end;
        return ask;
}

struct desk *ask_desk(const struct ask *ask)
{
        return ask->exchange->server->desk;
}

void ask_arrived(void *arg, const struct desk_answer *answer)
{
        struct ask *ask = arg;

        ask->open = false;
        ask->fn(ask->exchange, answer);
}

void ask_sent(struct ask *ask, int r, const struct err *err)
{
        struct desk_answer answer = { .status = DESK_UNAVAILABLE,
                                      .text = "the engine is not ready, try again later" };

        ask->open = r == 0;
        if (r == 0)
                return;
        log_debug("cannot ask the ledger: %s", err->text); /* WHY no more: a stranger could fill the log */
        ask->fn(ask->exchange, &answer);
}

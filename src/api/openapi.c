/* The description of the native door, openapi.json, as it was when this was built. */
#include "api/openapi.h"
#include "api/exchange.h"

static const char text[] = {
#include "api/openapi.inc"
};

void openapi_get(struct exchange *exchange)
{
        struct reply reply = { .status = 200, .type = REPLY_JSON, .body = BYTES_INIT(sizeof(text)) };

        if (bytes_add(&reply.body, text, sizeof(text)) < 0)
                exchange_fail(exchange, 500, "out of memory");
        else
                exchange_reply(exchange, &reply);
}

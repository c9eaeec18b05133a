/*
 * Theory of operation: the page is one file, page.html, made part of the program when it is built together with the hashes
 * of its script and style, so that the browser runs these and nothing else.
 */
#include "api/door_page.h"
#include "api/door_piston.h"
#include "api/exchange.h"

#include <strings.h>

#include "api/page.inc"

enum { WHOLE = 1000 }; /* of a weight */

static struct view trimmed(struct view text)
{
        while (text.n > 0 && strchr(" \t", text.p[0])) {
                text.p++;
                text.n--;
        }
        while (text.n > 0 && strchr(" \t", text.p[text.n - 1]))
                text.n--;
        return text;
}

/* The part before @end, which is taken off with it. */
static struct view cut(struct view *text, char end)
{
        const char *at = memchr(text->p, end, text->n);
        struct view part = { text->p, at ? (size_t)(at - text->p) : text->n };
        size_t taken = part.n + (at ? 1 : 0);

        text->p += taken;
        text->n -= taken;
        return trimmed(part);
}

/* "q=0.8" in thousandths; what is no weight counts as none. */
static unsigned weight_of(struct view parameters)
{
        while (parameters.n > 0) {
                struct view one = cut(&parameters, ';');
                unsigned weight = 0, unit = WHOLE;

                if (one.n < 3 || strncasecmp(one.p, "q=", 2) != 0)
                        continue;
                for (size_t i = 2; i < one.n; i++) {
                        if (one.p[i] >= '0' && one.p[i] <= '9')
                                weight += (unsigned)(one.p[i] - '0') * unit;
                        if (one.p[i] >= '0' && one.p[i] <= '9')
                                unit /= 10;
                }
                return MIN(weight, (unsigned)WHOLE);
        }
        return WHOLE;
}

static bool is(struct view text, const char *type)
{
        return text.n == strlen(type) && strncasecmp(text.p, type, text.n) == 0;
}

bool page_is_wanted(struct view accept)
{
        unsigned html = 0, json = 0;

        while (accept.n > 0) {
                struct view one = cut(&accept, ','), type = cut(&one, ';');

                if (is(type, "text/html"))
                        html = weight_of(one);
                else if (is(type, "application/json"))
                        json = weight_of(one);
        }
        return html > json;
}

void door_page_root(struct exchange *exchange)
{
        struct reply reply = {
                .status = 200, .type = REPLY_HTML, .body = BYTES_INIT(sizeof(page)), .policy = policy
        };

        if (!page_is_wanted(http1_field(&exchange->http.request, "Accept")))
                door_piston_banner(exchange);
        else if (bytes_add(&reply.body, page, sizeof(page)) < 0)
                exchange_fail(exchange, 500, "out of memory");
        else
                exchange_reply(exchange, &reply);
}

/*
 * Theory of operation: a walk through a short table.  Like Piston, a method that a path does not have is 404, not 405.
 */
#include "api/route.h"
#include "api/exchange.h"
#include "api/front.h"
#include "config/config.h"

#include <stdio.h>

#define ROUTE(METHOD, path, handler, need, words) void handler(struct exchange *exchange);
#include "api/routes.def"
#undef ROUTE

static const struct route routes[] = {
#define ROUTE(METHOD, path, handler, need, words) { #METHOD, path, handler, NEED_##need, ROUTE_##words },
#include "api/routes.def"
#undef ROUTE
};

static void allow_add(char allow[ROUTE_ALLOW_MAX], const char *method)
{
        const char *words = streq(method, "GET") ? "GET,HEAD" : method;
        size_t n = strlen(allow);

        if (!strstr(allow, words))
                snprintf(allow + n, ROUTE_ALLOW_MAX - n, "%s%s", n > 0 ? "," : "", words);
}

/* Does @path have this form?  {name} stands for one part that is not empty. */
static bool matches(const char *pattern, struct view path, struct view params[ROUTE_PARAMS_MAX])
{
        const char *at = path.p, *end = at + path.n;
        size_t n = 0;

        for (; *pattern; pattern++) {
                const char *from = at;

                if (*pattern != '{') {
                        if (at == end || *at++ != *pattern)
                                return false;
                        continue;
                }
                while (at < end && *at != '/')
                        at++;
                if (at == from)
                        return false;
                must(n < ROUTE_PARAMS_MAX);
                params[n++] = (struct view){ from, (size_t)(at - from) };
                pattern = strchr(pattern, '}');
        }
        return at == end;
}

int route_find(struct view method, struct view path, char allow[ROUTE_ALLOW_MAX],
               const struct route **ret_route)
{
        struct view wanted = view_eq_text(method, "HEAD") ? VIEW("GET") : method;
        struct view params[ROUTE_PARAMS_MAX];
        bool known = false;

        allow[0] = '\0';
        for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
                if (!matches(routes[i].path, path, params))
                        continue;
                known = true;
                allow_add(allow, routes[i].method);
                if (view_eq_text(wanted, routes[i].method)) {
                        *ret_route = &routes[i];
                        return 0;
                }
        }
        for (size_t i = 0; !known && i < ARRAY_LEN(routes); i++)
                allow_add(allow, routes[i].method);
        if (view_eq_text(method, "TRACE") || view_eq_text(method, "CONNECT"))
                return ROUTE_NEVER;
        if (view_eq_text(method, "OPTIONS") && (known || view_eq_text(path, "*")))
                return ROUTE_OPTIONS;
        return known ? ROUTE_NO_METHOD : ROUTE_NO_PATH;
}

static void answer_options(struct exchange *exchange, const char *allow)
{
        struct reply reply = {
                .status = 200, .type = REPLY_TEXT, .body = BYTES_INIT(ROUTE_ALLOW_MAX), .allow = allow
        };

        if (bytes_add_text(&reply.body, allow) < 0)
                bytes_clear(&reply.body);
        exchange_reply(exchange, &reply);
}

static void answer_never(struct exchange *exchange, const char *allow)
{
        struct reply reply;

        reply_message(&reply, 405, "Method Not Allowed");
        reply.allow = allow;
        exchange_reply(exchange, &reply);
}

/* Whoever makes a name of his own lead here, for the pages of a browser to ask us, gives himself away by the name. */
static bool is_meant_for_us(const struct exchange *exchange)
{
        struct view host = exchange->http.request.host,
                    allowed = view_of(exchange->front->config->allowed_hosts);
        const char *port;
        char name[256];

        if (allowed.n == 0)
                return true;
        port = host.n > 0 ? memrchr(host.p, ':', host.n) : NULL;
        if (port && host.p[host.n - 1] != ']')
                host.n = (size_t)(port - host.p);
        if (host.n == 0 || host.n >= sizeof(name))
                return false;
        snprintf(name, sizeof(name), "%.*s", (int)host.n, host.p);
        return http1_has_token(allowed, name);
}

void route_dispatch(struct exchange *exchange)
{
        if (!is_meant_for_us(exchange)) {
                exchange_fail(exchange, 421, "this engine does not answer to that name");
                return;
        }
        switch (exchange->found) {
        case 0:
                (void)matches(exchange->route->path, exchange->http.request.path, exchange->params);
                exchange->route->handle(exchange);
                return;
        case ROUTE_OPTIONS:
                answer_options(exchange, exchange->allow);
                return;
        case ROUTE_NEVER:
                answer_never(exchange, exchange->allow);
                return;
        default:
                exchange_fail(exchange, 404, "Not Found");
        }
}

/*
 * Theory of operation: small bodies are copied behind their head so that one write(2) sends both; large ones are handed
 * to the evbuffer by reference.
 */
#include "api/reply.h"
#include "config/config.h"
#include "util/clock.h"
#include "util/json_out.h"

#include <event2/buffer.h>
#include <time.h>

enum { COPY_BELOW = 4096, MESSAGE_MAX = 8192, RETRY_SECONDS = 1 };

static const struct {
        int status;
        const char *phrase;
} phrases[] = {
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 410, "Gone" },
        { 411, "Length Required" },
        { 413, "Content Too Large" },
        { 414, "URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 417, "Expectation Failed" },
        { 421, "Misdirected Request" },
        { 422, "Unprocessable Content" },
        { 426, "Upgrade Required" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 503, "Service Unavailable" },
        { 505, "HTTP Version Not Supported" },
};

static const char *phrase_of(int status)
{
        for (size_t i = 0; i < ARRAY_LEN(phrases); i++)
                if (phrases[i].status == status)
                        return phrases[i].phrase;
        return "";
}

int reply_common_init(struct reply_common *common, const struct config *config)
{
        struct bytes *headers = &common->headers;
        int r;

        *headers = BYTES_INIT(4096);
        r = bytes_add_text(headers, "X-Content-Type-Options: nosniff\r\n");
        if (r < 0 || !config->cors_origin || !config->cors_origin[0])
                return r;
        return bytes_printf(
                headers,
                "Access-Control-Allow-Origin: %s\r\n"
                "Access-Control-Allow-Methods: GET, POST, PUT, DELETE, OPTIONS\r\n"
                "Access-Control-Allow-Headers: Accept, Authorization, Content-Type, X-API-Key\r\n%s",
                config->cors_origin, streq(config->cors_origin, "*") ? "" : "Vary: Origin\r\n");
}

void reply_common_deinit(struct reply_common *common)
{
        bytes_deinit(&common->headers);
}

void reply_message(struct reply *ret_reply, int status, const char *message)
{
        struct json_out json;

        *ret_reply = (struct reply){ .status = status, .type = REPLY_JSON, .body = BYTES_INIT(MESSAGE_MAX) };
        ret_reply->retry_after = status == 503 ? RETRY_SECONDS : 0;
        json_out_init(&json, &ret_reply->body);
        json_out_object_begin(&json);
        json_out_key(&json, "message");
        json_out_text(&json, message);
        json_out_object_end(&json);
        if (json_out_error(&json) < 0)
                bytes_clear(&ret_reply->body);
}

void reply_deinit(struct reply *reply)
{
        bytes_deinit(&reply->body);
}

/* The Date header, made once a second. */
static const char *date(void)
{
        static char text[64];
        static time_t when = -1;
        time_t now = (time_t)(clock_wall_ms() / 1000);
        struct tm tm;

        if (now != when) {
                gmtime_r(&now, &tm);
                strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
                when = now;
        }
        return text;
}

static int format_tail(const struct reply_common *common, struct reply_how how, struct evbuffer *out)
{
        int r = 0;

        if (how.close || how.minor == 0)
                r = evbuffer_add_printf(out, "Connection: %s\r\n", how.close ? "close" : "keep-alive");
        if (r >= 0)
                r = evbuffer_add(out, common->headers.p, common->headers.n);
        if (r >= 0)
                r = evbuffer_add(out, "\r\n", 2);
        return r < 0 ? -ENOMEM : 0;
}

int reply_format_stream(const char *type, const struct reply_common *common, struct reply_how how,
                        struct evbuffer *out)
{
        int r = evbuffer_add_printf(out,
                                    "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Type: %s\r\n"
                                    "Cache-Control: no-store\r\n%s",
                                    date(), type, how.minor > 0 ? "Transfer-Encoding: chunked\r\n" : "");

        return r < 0 ? -ENOMEM : format_tail(common, how, out);
}

static int format_head(const struct reply *reply, const struct reply_common *common, struct reply_how how,
                       struct evbuffer *out)
{
        int r = evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", reply->status,
                                    phrase_of(reply->status), date());

        if (r >= 0 && reply->status != 204)
                r = evbuffer_add_printf(out, "Content-Length: %zu\r\n", reply->body.n);
        if (r >= 0 && reply->type)
                r = evbuffer_add_printf(out, "Content-Type: %s\r\n", reply->type);
        if (r >= 0 && reply->retry_after)
                r = evbuffer_add_printf(out, "Retry-After: %u\r\n", reply->retry_after);
        if (r >= 0 && reply->upgrade)
                r = evbuffer_add_printf(out, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
        if (r >= 0 && reply->challenge)
                r = evbuffer_add_printf(out, "WWW-Authenticate: Bearer realm=\"coderunr\"\r\n");
        if (r >= 0 && reply->allow)
                r = evbuffer_add_printf(out, "Allow: %s\r\n", reply->allow);
        if (r >= 0 && reply->location)
                r = evbuffer_add_printf(out, "Location: %s\r\n", reply->location);
        if (r >= 0 && reply->policy)
                r = evbuffer_add_printf(
                        out,
                        "Content-Security-Policy: %s\r\n"
                        "Referrer-Policy: no-referrer\r\nCache-Control: no-cache\r\nVary: Accept\r\n",
                        reply->policy);
        return r < 0 ? -ENOMEM : format_tail(common, how, out);
}

static void free_referenced(const void *p, size_t n, void *arg)
{
        free(arg);
}

int reply_format(struct reply *reply, const struct reply_common *common, struct reply_how how,
                 struct evbuffer *out)
{
        int r = format_head(reply, common, how, out);

        if (r < 0 || !how.with_body || reply->body.n == 0)
                return r;
        if (reply->body.n < COPY_BELOW)
                return evbuffer_add(out, reply->body.p, reply->body.n) < 0 ? -ENOMEM : 0;
        if (evbuffer_add_reference(out, reply->body.p, reply->body.n, free_referenced, reply->body.p) < 0)
                return -ENOMEM;
        reply->body = BYTES_INIT(0);
        return 0;
}

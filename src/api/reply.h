#pragma once

/* Reply: status, headers and body of one answer, as a door gives it to its exchange. */

#include "util/base.h"
#include "util/bytes.h"

struct config;
struct evbuffer;

#define REPLY_JSON   "application/json; charset=utf-8"
#define REPLY_HTML   "text/html; charset=utf-8"
#define REPLY_TEXT   "text/plain; charset=utf-8"
#define REPLY_NDJSON "application/x-ndjson"
#define REPLY_EVENTS "text/event-stream"

struct reply {
        int status;
        const char *type;     /* Content-Type; static */
        struct bytes body;    /* owned */
        unsigned retry_after; /* seconds; 0: no such header */
        bool upgrade;         /* say that only WebSocket will do, and which */
        bool challenge;       /* say how a key is sent */
        const char *allow;    /* methods; NULL: no such header; borrowed */
        const char *location; /* NULL: no such header; borrowed */
        const char *policy;   /* Content-Security-Policy of a page; NULL: it is none; static */
};

/* The headers that every answer carries, made once from the configuration. */
struct reply_common {
        struct bytes headers;
};

int reply_common_init(struct reply_common *common, const struct config *config) MUST_USE;
void reply_common_deinit(struct reply_common *common);

/* {"message": ...}; 503 gets Retry-After.  On lack of memory the body stays empty. */
void reply_message(struct reply *ret_reply, int status, const char *message);
void reply_deinit(struct reply *reply);

struct reply_how {
        bool with_body; /* false for HEAD: the headers still tell of it */
        bool close;
        unsigned minor; /* of the request */
};

/* Put the whole answer into @out and take the body out of @reply.  0 or -ENOMEM. */
int reply_format(struct reply *reply, const struct reply_common *common, struct reply_how how,
                 struct evbuffer *out) MUST_USE;

/* The head of an answer whose end is not known yet: chunked for HTTP/1.1.  0 or -ENOMEM. */
int reply_format_stream(const char *type, const struct reply_common *common, struct reply_how how,
                        struct evbuffer *out) MUST_USE;

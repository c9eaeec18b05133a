#pragma once

/*
 * HTTP/1: bytes from a stranger -> one request, or the status that refuses it.  Pure: no socket, no clock.
 *
 * Strict where leniency has ever been an attack: only CRLF ends a line, no control bytes, no folding, exactly one
 * Host, at most one Content-Length of digits, Transfer-Encoding exactly "chunked" and never beside a length, no
 * chunk extensions, no trailers.  After any refusal the connection has to be closed: its framing is in doubt.
 */

#include "util/base.h"
#include "util/bytes.h"

#include <llhttp.h>

enum {
        HTTP1_LINE_MAX = 8192,    /* bytes of the request line */
        HTTP1_FIELDS_MAX = 16384, /* bytes of all fields */
        HTTP1_FIELD_COUNT_MAX = 64,
        HTTP1_HEAD_MAX = 2 + HTTP1_LINE_MAX + 2 + HTTP1_FIELDS_MAX + 2,
};

enum {
        HTTP1_DONE = 1, /* the head, or the message, is complete; greater numbers are HTTP statuses */
};

struct http1_field {
        struct view name;
        struct view value;
};

/* Views point into the head, which lives as long as the struct http1. */
struct http1_request {
        struct view method;
        struct view path; /* as sent: not decoded, without query */
        struct view query;
        struct view host;
        struct http1_field fields[HTTP1_FIELD_COUNT_MAX];
        size_t n_fields;
        unsigned minor;  /* of the version: HTTP/1.<minor> */
        uint64_t length; /* of the body when has_length */
        bool has_length;
        bool chunked;
        bool keep_alive;
        bool expects_continue;
};

/* How far a head has been looked at: zero it for each new head. */
struct http1_scan {
        size_t at;
        size_t line;   /* where the line at hand begins */
        size_t fields; /* where the fields begin; 0: in the request line */
        unsigned n_fields;
        bool led; /* one empty line before the request was skipped */
};

struct http1 {
        struct http1_request request;
        struct bytes head;
        struct bytes body;
        llhttp_t parser;
        bool complete;
        int status; /* set by the callbacks when they refuse */
        const char *reason;
        uint64_t wire; /* bytes of the body as sent, chunk framing included */
        uint64_t chunks;
};

/*
 * Look for the end of a head in the @n bytes at @p, of which earlier calls may have seen a part.
 * Returns 0 when more is needed, HTTP1_DONE (the head is p[0..scan->at)), or a status with *ret_reason.
 */
int http1_scan(struct http1_scan *scan, const char *p, size_t n, const char **ret_reason) MUST_USE;

/* @body_limit caps the body. */
void http1_init(struct http1 *http, size_t body_limit);
void http1_deinit(struct http1 *http);

/*
 * Read a scanned head.  Returns 0 when a body follows, HTTP1_DONE when there is none, a status with http->reason, or
 * -ENOMEM.  After a status the request is whatever could be read; its method and keep_alive are always set.
 */
int http1_begin(struct http1 *http, struct view head) MUST_USE;

/* Feed bytes of the body; *ret_used of them belonged to it.  Returns as http1_begin(). */
int http1_feed(struct http1 *http, const char *p, size_t n, size_t *ret_used) MUST_USE;

/* The value of the field @name (any case), or an empty view with p == NULL. */
struct view http1_field(const struct http1_request *request, const char *name);

/* Is @token one of the comma-separated words of @list, in any case? */
bool http1_has_token(struct view list, const char *token);

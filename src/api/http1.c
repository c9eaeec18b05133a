/*
 * Theory of operation: two passes over the head and one over the body.
 *
 * http1_scan() is the head check: it sees every byte as it arrives, so nonsense (a TLS hello, an SSH banner) is
 * refused at its first byte and a head that is too large before it is kept.  It knows bytes and lines only.
 * http1_begin() lets llhttp (strict build) take the head apart, then applies the rules about fields that llhttp is
 * lenient in.  http1_feed() hands llhttp the body.
 *
 * llhttp 8.1 accepts a lone CR as the end of a field (CVE-2023-30589), NUL-free garbage in chunk extensions and trailers
 * without limit; that is why the scan comes first, and why extensions and trailers are refused as a whole.
 */
#include "api/http1.h"
#include "api/http1_check.h"

#include <strings.h>

enum {
        /* Bytes of framing one chunk may cost: "\r\n", eight digits, "\r\n" with some leading zeros. */
        CHUNK_OVERHEAD = 32,
        BODY_OVERHEAD = 1024,
};

static int refuse(struct http1 *http, int status, const char *reason)
{
        if (http->status == 0) {
                http->status = status;
                http->reason = reason;
        }
        return http->status;
}

static int on_url(llhttp_t *parser, const char *at, size_t n)
{
        struct http1 *http = parser->data;

        http->request.path = (struct view){ at, n };
        return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t n)
{
        struct http1 *http = parser->data;

        if (parser->flags & F_TRAILING) {
                refuse(http, 431, "trailer fields are not taken");
                return HPE_USER;
        }
        if (http->request.n_fields == HTTP1_FIELD_COUNT_MAX) {
                refuse(http, 431, "too many header fields");
                return HPE_USER;
        }
        http->request.fields[http->request.n_fields++] = (struct http1_field){ { at, n }, { at + n, 0 } };
        return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t n)
{
        struct http1 *http = parser->data;

        while (n > 0 && (at[n - 1] == ' ' || at[n - 1] == '\t'))
                n--;
        http->request.fields[http->request.n_fields - 1].value = (struct view){ at, n };
        return 0;
}

static int on_chunk_header(llhttp_t *parser)
{
        struct http1 *http = parser->data;

        http->chunks++;
        if (parser->content_length > http->body.cap - http->body.n) {
                refuse(http, 413, "request body too large");
                return HPE_USER;
        }
        return 0;
}

static int on_chunk_extension(llhttp_t *parser, const char *at, size_t n)
{
        refuse(parser->data, 413, "chunk extensions are not taken");
        return HPE_USER;
}

static int on_body(llhttp_t *parser, const char *at, size_t n)
{
        struct http1 *http = parser->data;
        int r = bytes_add(&http->body, at, n);

        if (r == 0)
                return 0;
        if (r == -ENOSPC)
                refuse(http, 413, "request body too large");
        else
                refuse(http, 503, "out of memory");
        return HPE_USER;
}

static int on_message_complete(llhttp_t *parser)
{
        struct http1 *http = parser->data;

        http->complete = true;
        return HPE_PAUSED; /* the bytes behind belong to the next request */
}

static const llhttp_settings_t settings = {
        .on_url = on_url,
        .on_header_field = on_header_field,
        .on_header_value = on_header_value,
        .on_chunk_header = on_chunk_header,
        .on_chunk_extension_name = on_chunk_extension,
        .on_chunk_extension_value = on_chunk_extension,
        .on_body = on_body,
        .on_message_complete = on_message_complete,
};

void http1_init(struct http1 *http, size_t body_limit)
{
        memset(http, 0, sizeof(*http));
        http->head = BYTES_INIT(HTTP1_HEAD_MAX);
        http->body = BYTES_INIT(body_limit);
        llhttp_init(&http->parser, HTTP_REQUEST, &settings);
        http->parser.data = http;
        /* The version was checked by http1_check_line(): 1.2 and above are to be read as 1.1. */
        http->parser.lenient_flags |= LENIENT_VERSION;
}

void http1_deinit(struct http1 *http)
{
        bytes_deinit(&http->head);
        bytes_deinit(&http->body);
}

static int outcome(struct http1 *http, llhttp_errno_t e)
{
        if (http->status != 0)
                return http->status;
        if (http->complete)
                return HTTP1_DONE;
        if (e == HPE_OK)
                return 0;
        if (e == HPE_INVALID_METHOD)
                return refuse(http, 501, "unknown method");
        return refuse(http, 400, "malformed request");
}

int http1_begin(struct http1 *http, struct view head)
{
        struct http1_request *request = &http->request;
        llhttp_errno_t e;
        int r;

        r = bytes_add(&http->head, head.p, head.n);
        if (r < 0)
                return r == -ENOSPC ? refuse(http, 431, "request head too large") : r;
        head = bytes_view(&http->head);
        r = http1_check_line(&head, request, &http->reason);
        if (r != 0)
                return refuse(http, r, http->reason);
        e = llhttp_execute(&http->parser, head.p, head.n);
        r = outcome(http, e);
        if (r > HTTP1_DONE && e != HPE_INVALID_TRANSFER_ENCODING)
                return r;
        http->status = http1_check_fields(request, &http->reason);
        if (http->status != 0)
                return http->status;
        if (r > HTTP1_DONE)
                return refuse(http, r, "malformed Transfer-Encoding");
        request->keep_alive = request->minor == 0 ? http->parser.flags & F_CONNECTION_KEEP_ALIVE
                                                  : !(http->parser.flags & F_CONNECTION_CLOSE);
        if (request->has_length && request->length > http->body.cap)
                return refuse(http, 413, "request body too large");
        return http->complete ? HTTP1_DONE : 0;
}

int http1_feed(struct http1 *http, const char *p, size_t n, size_t *ret_used)
{
        llhttp_errno_t e = llhttp_execute(&http->parser, p, n);
        int r = outcome(http, e);

        *ret_used = n;
        if (r == HTTP1_DONE)
                *ret_used = (size_t)(llhttp_get_error_pos(&http->parser) - p);
        http->wire += *ret_used;
        if (r <= HTTP1_DONE && http->wire - http->body.n > BODY_OVERHEAD + CHUNK_OVERHEAD * http->chunks)
                return refuse(http, 413, "too much chunk framing");
        return r;
}

struct view http1_field(const struct http1_request *request, const char *name)
{
        size_t n = strlen(name);

        for (size_t i = 0; i < request->n_fields; i++)
                if (request->fields[i].name.n == n && strncasecmp(request->fields[i].name.p, name, n) == 0)
                        return request->fields[i].value;
        return (struct view){ NULL, 0 };
}

bool http1_has_token(struct view list, const char *token)
{
        size_t n = strlen(token), i = 0;

        while (i < list.n) {
                size_t start, end;

                while (i < list.n && (list.p[i] == ' ' || list.p[i] == '\t' || list.p[i] == ','))
                        i++;
                start = i;
                while (i < list.n && list.p[i] != ',')
                        i++;
                for (end = i; end > start && (list.p[end - 1] == ' ' || list.p[end - 1] == '\t'); end--)
                        ;
                if (end - start == n && strncasecmp(list.p + start, token, n) == 0)
                        return true;
        }
        return false;
}

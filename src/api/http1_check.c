/*
 * Theory of operation: http1_scan() is a walk over bytes with one look back; the other two look at what llhttp has cut out.
 * Every refusal names its reason in words of ours: a stranger's bytes are never repeated.
 */
#include "api/http1_check.h"

#include <ctype.h>
#include <strings.h>

static int no(int status, const char *reason, const char **ret_reason)
{
        *ret_reason = reason;
        return status;
}

static bool is_token_byte(unsigned char c)
{
        return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static int check_version(struct view version, struct http1_request *request, const char **ret_reason)
{
        const char *p = version.p;

        if (version.n != 8 || memcmp(p, "HTTP/", 5) != 0 || !isdigit((unsigned char)p[5]) || p[6] != '.' ||
            !isdigit((unsigned char)p[7]))
                return no(400, "malformed HTTP version", ret_reason);
        if (p[5] != '1')
                return no(p[5] == '0' ? 400 : 505, "HTTP version not supported", ret_reason);
        request->minor = (unsigned)(p[7] - '0');
        return 0;
}

int http1_check_line(struct view *head, struct http1_request *request, const char **ret_reason)
{
        const char *end, *first, *last;

        if (head->n >= 2 && head->p[0] == '\r') {
                head->p += 2;
                head->n -= 2;
        }
        end = memchr(head->p, '\r', head->n);
        must(end);
        first = memchr(head->p, ' ', (size_t)(end - head->p));
        last = memrchr(head->p, ' ', (size_t)(end - head->p));
        if (!first || last == first || last == first + 1 ||
            memchr(first + 1, ' ', (size_t)(last - first - 1)))
                return no(400, "malformed request line", ret_reason);
        request->method = (struct view){ head->p, (size_t)(first - head->p) };
        for (size_t i = 0; i < request->method.n; i++)
                if (!is_token_byte((unsigned char)request->method.p[i]))
                        return no(400, "malformed method", ret_reason);
        return check_version((struct view){ last + 1, (size_t)(end - last - 1) }, request, ret_reason);
}

/* One byte of a line, its end excluded. */
static int scan_byte(const struct http1_scan *scan, const char *p, const char **ret_reason)
{
        unsigned char c = (unsigned char)p[scan->at];
        bool first = scan->at == scan->line;

        if (c == '\n' || c == '\0' || c == 0x7f || (c < 0x20 && c != '\t'))
                return no(400, "control byte in the request head", ret_reason);
        if (scan->fields == 0)
                return c == '\t' || c >= 0x80 || (first && !is_token_byte(c))
                               ? no(400, "malformed request line", ret_reason)
                               : 0;
        if (first && !is_token_byte(c))
                return no(400, c == ' ' || c == '\t' ? "folded header line" : "malformed header name",
                          ret_reason);
        return 0;
}

/* A line ended at scan->at, which is its CR.  Returns HTTP1_DONE at the empty one. */
static int scan_line_end(struct http1_scan *scan, const char *p, const char **ret_reason)
{
        bool empty = scan->at == scan->line;
        struct view line = { p + scan->line, scan->at - scan->line + 2 };
        struct http1_request scratch;

        scan->at += 2;
        scan->line = scan->at;
        if (scan->fields == 0) {
                if (empty && scan->led)
                        return no(400, "empty lines before the request", ret_reason);
                scan->led = true;
                scan->fields = empty ? 0 : scan->at;
                return empty ? 0 : http1_check_line(&line, &scratch, ret_reason);
        }
        if (empty)
                return HTTP1_DONE;
        if (++scan->n_fields > HTTP1_FIELD_COUNT_MAX)
                return no(431, "too many header fields", ret_reason);
        return 0;
}

int http1_scan(struct http1_scan *scan, const char *p, size_t n, const char **ret_reason)
{
        while (scan->at < n) {
                int r;

                if (p[scan->at] == '\r') {
                        if (scan->at + 1 == n)
                                return 0;
                        if (p[scan->at + 1] != '\n')
                                return no(400, "lone CR in the request head", ret_reason);
                        r = scan_line_end(scan, p, ret_reason);
                } else {
                        r = scan_byte(scan, p, ret_reason);
                        scan->at++;
                }
                if (r != 0)
                        return r;
                if (scan->fields == 0 && scan->at - scan->line > HTTP1_LINE_MAX)
                        return no(414, "request line too long", ret_reason);
                if (scan->fields != 0 && scan->at - scan->fields > HTTP1_FIELDS_MAX)
                        return no(431, "request head too large", ret_reason);
        }
        return 0;
}

/* host [":" port], the host a name, an IPv4 address, or an IPv6 address in brackets. */
static bool host_is_good(struct view host)
{
        size_t i = 0, digits = 0;
        unsigned port = 0;

        if (host.n > 0 && host.p[0] == '[') {
                for (i = 1; i < host.n && (isxdigit((unsigned char)host.p[i]) || strchr(":.", host.p[i]));
                     i++)
                        ;
                if (i == 1 || i == host.n || host.p[i++] != ']')
                        return false;
        } else {
                for (; i < host.n && host.p[i] != ':'; i++)
                        if (!isalnum((unsigned char)host.p[i]) && !strchr("-._~!$&'()*+,;=%", host.p[i]))
                                return false;
                if (i == 0)
                        return false;
        }
        if (i < host.n && host.p[i++] != ':')
                return false;
        for (; i < host.n; i++, digits++) {
                if (!isdigit((unsigned char)host.p[i]) || digits == 5)
                        return false;
                port = port * 10 + (unsigned)(host.p[i] - '0');
        }
        return port <= 65535;
}

/* http://authority/path: the authority has to be the Host. */
static int split_absolute(struct http1_request *request, const char **ret_reason)
{
        struct view rest = { request->path.p + 7, request->path.n - 7 };
        size_t n = 0;

        while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
                n++;
        if (n != request->host.n || strncasecmp(rest.p, request->host.p, n) != 0)
                return no(400, "the target names another host", ret_reason);
        request->path = (struct view){ rest.p + n, rest.n - n };
        if (rest.n == n)
                request->path = VIEW("/");
        else if (rest.p[n] != '/')
                return no(400, "malformed target", ret_reason);
        return 0;
}

static bool escapes_are_good(struct view target)
{
        for (size_t i = 0; i < target.n; i++) {
                if (target.p[i] != '%')
                        continue;
                if (target.n - i < 3 || !isxdigit((unsigned char)target.p[i + 1]) ||
                    !isxdigit((unsigned char)target.p[i + 2]) ||
                    (target.p[i + 1] == '0' && target.p[i + 2] == '0'))
                        return false;
        }
        return true;
}

static int check_target(struct http1_request *request, const char **ret_reason)
{
        struct view target = request->path;
        const char *mark;
        int r;

        if (memchr(target.p, '#', target.n) || memchr(target.p, '\\', target.n) || !escapes_are_good(target))
                return no(400, "malformed target", ret_reason);
        if (target.n >= 7 && strncasecmp(target.p, "http://", 7) == 0) {
                r = split_absolute(request, ret_reason);
                if (r != 0)
                        return r;
        } else if (view_eq(target, VIEW("*")) ? !view_eq(request->method, VIEW("OPTIONS"))
                                              : target.p[0] != '/') {
                return view_eq(request->method, VIEW("CONNECT")) ? 0
                                                                 : no(400, "malformed target", ret_reason);
        }
        mark = memchr(request->path.p, '?', request->path.n);
        if (mark) {
                request->query =
                        (struct view){ mark + 1, request->path.n - (size_t)(mark + 1 - request->path.p) };
                request->path.n = (size_t)(mark - request->path.p);
        }
        return 0;
}

static int check_host(struct http1_request *request, struct view value, const char **ret_reason)
{
        if (request->host.p)
                return no(400, "more than one Host", ret_reason);
        if (!host_is_good(value))
                return no(400, "malformed Host", ret_reason);
        request->host = value;
        return 0;
}

static int check_length(struct http1_request *request, struct view value, const char **ret_reason)
{
        if (request->has_length)
                return no(400, "more than one Content-Length", ret_reason);
        if (value.n == 0 || value.n > 18)
                return no(400, "malformed Content-Length", ret_reason);
        request->length = 0;
        for (size_t i = 0; i < value.n; i++) {
                if (!isdigit((unsigned char)value.p[i]))
                        return no(400, "malformed Content-Length", ret_reason);
                request->length = request->length * 10 + (uint64_t)(value.p[i] - '0');
        }
        request->has_length = true;
        return 0;
}

/*
 * Only "chunked" is known.  Codings before a final chunked, or codings that have nothing to do with chunked, are
 * "not implemented"; all else leaves open where the body ends, which is how requests are smuggled.
 */
static int check_coding(struct http1_request *request, struct view value, const char **ret_reason)
{
        static const char word[] = "chunked";
        size_t n = sizeof(word) - 1, seen = 0;

        if (request->chunked)
                return no(400, "more than one Transfer-Encoding", ret_reason);
        if (request->minor == 0)
                return no(400, "Transfer-Encoding in HTTP/1.0", ret_reason);
        if (value.p[-1] == '\t' || memchr(value.p, '\t', value.n))
                return no(400, "malformed Transfer-Encoding", ret_reason);
        request->chunked = value.n == n && strncasecmp(value.p, word, n) == 0;
        if (request->chunked)
                return 0;
        for (size_t i = 0; i + n <= value.n; i++)
                seen += strncasecmp(value.p + i, word, n) == 0;
        if (value.n == 0 || seen > 1 ||
            (seen == 1 &&
             (!http1_has_token(value, word) || strncasecmp(value.p + value.n - n, word, n) != 0)))
                return no(400, "malformed Transfer-Encoding", ret_reason);
        return no(501, "transfer coding not supported", ret_reason);
}

static int check_expect(struct http1_request *request, struct view value, const char **ret_reason)
{
        if (value.n != 12 || strncasecmp(value.p, "100-continue", 12) != 0)
                return no(417, "expectation not supported", ret_reason);
        request->expects_continue = request->minor > 0;
        return 0;
}

/* Of two keys a proxy may have looked at the other. */
static int check_key(struct http1_request *request, struct view value, const char **ret_reason)
{
        struct view bearer = http1_field(request, "Authorization"), key = http1_field(request, "X-API-Key");

        if (value.p != bearer.p && value.p != key.p)
                return no(400, "more than one Authorization or X-API-Key", ret_reason);
        return 0;
}

static const struct {
        const char *name;
        int (*check)(struct http1_request *request, struct view value, const char **ret_reason);
} field_rules[] = {
        { "Host", check_host },     { "Content-Length", check_length }, { "Transfer-Encoding", check_coding },
        { "Expect", check_expect }, { "Authorization", check_key },     { "X-API-Key", check_key },
};

static bool name_is_good(struct view name)
{
        for (size_t i = 0; i < name.n; i++)
                if (!is_token_byte((unsigned char)name.p[i]))
                        return false;
        return name.n > 0;
}

static bool takes_body(struct view method)
{
        return view_eq(method, VIEW("POST")) || view_eq(method, VIEW("PUT")) ||
               view_eq(method, VIEW("PATCH"));
}

int http1_check_fields(struct http1_request *request, const char **ret_reason)
{
        for (size_t i = 0; i < request->n_fields; i++) {
                const struct http1_field *field = &request->fields[i];

                if (!name_is_good(field->name))
                        return no(400, "malformed header name", ret_reason);
                for (size_t k = 0; k < ARRAY_LEN(field_rules); k++) {
                        int r;

                        if (field->name.n != strlen(field_rules[k].name) ||
                            strncasecmp(field->name.p, field_rules[k].name, field->name.n) != 0)
                                continue;
                        r = field_rules[k].check(request, field->value, ret_reason);
                        if (r != 0)
                                return r;
                }
        }
        if (!request->host.p && request->minor > 0)
                return no(400, "no Host", ret_reason);
        if (!request->chunked && !request->has_length && takes_body(request->method))
                return no(411, "Content-Length required", ret_reason);
        if (request->chunked && request->has_length)
                return no(400, "both Content-Length and Transfer-Encoding", ret_reason);
        return check_target(request, ret_reason);
}

/*
 * Each field counts once: a second key, version or origin is a request that somebody on the way may have read
 * differently.
 */
#include "api/websocket_handshake.h"
#include "api/http1.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <strings.h>

enum { KEY_CHARS = 24, SHA1_BYTES = 20 };

/* How often the field is there; its value when it is there once. */
static size_t count_field(const struct http1_request *request, const char *name, struct view *ret_value)
{
        size_t n = 0, length = strlen(name);

        *ret_value = (struct view){ NULL, 0 };
        for (size_t i = 0; i < request->n_fields; i++) {
                struct view field = request->fields[i].name;

                if (field.n != length || strncasecmp(field.p, name, length) != 0)
                        continue;
                *ret_value = request->fields[i].value;
                n++;
        }
        return n;
}

static bool is_base64(char c)
{
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
               c == '/';
}

/* Sixteen bytes in base64: 22 digits, of which the last holds two bits only, and "==". */
static bool key_ok(struct view key)
{
        if (key.n != KEY_CHARS || key.p[KEY_CHARS - 1] != '=' || key.p[KEY_CHARS - 2] != '=')
                return false;
        for (size_t i = 0; i < KEY_CHARS - 2; i++)
                if (!is_base64(key.p[i]))
                        return false;
        return strchr("AQgw", key.p[KEY_CHARS - 3]) != NULL;
}

static bool origin_ok(struct view origin, const char *origins)
{
        if (streq(origins, "*"))
                return true;
        while (*origins) {
                size_t n = strcspn(origins, ",");

                while (n > 0 && *origins == ' ') {
                        origins++;
                        n--;
                }
                if (n > 0 && n == origin.n && strncasecmp(origins, origin.p, n) == 0)
                        return true;
                origins += n + (origins[n] == ',');
        }
        return false;
}

static int accept_make(struct view key, char ret_accept[WEBSOCKET_ACCEPT_MAX], const char **ret_reason)
{
        static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
        unsigned char hash[EVP_MAX_MD_SIZE];
        char text[KEY_CHARS + sizeof(guid)];
        unsigned n = 0;

        snprintf(text, sizeof(text), "%.*s%s", (int)key.n, key.p, guid);
        if (EVP_Digest(text, strlen(text), hash, &n, EVP_sha1(), NULL) != 1 || n != SHA1_BYTES) {
                *ret_reason = "no SHA-1 here";
                return 500;
        }
        EVP_EncodeBlock((unsigned char *)ret_accept, hash, SHA1_BYTES);
        return 0;
}

int websocket_handshake(const struct http1_request *request, const char *origins,
                        char ret_accept[WEBSOCKET_ACCEPT_MAX], const char **ret_reason)
{
        struct view key, version, origin, upgrade, connection = http1_field(request, "Connection");
        size_t n_origins = count_field(request, "Origin", &origin);

        *ret_reason = "this address speaks WebSocket";
        if (count_field(request, "Upgrade", &upgrade) != 1 || !http1_has_token(upgrade, "websocket") ||
            !http1_has_token(connection, "upgrade") || request->minor == 0 ||
            !view_eq_text(request->method, "GET"))
                return 426;
        *ret_reason = "only version 13 of WebSocket is spoken here";
        if (count_field(request, "Sec-WebSocket-Version", &version) != 1 || !view_eq_text(version, "13"))
                return 426;
        *ret_reason = "Sec-WebSocket-Key must be 16 bytes in base64, once";
        if (count_field(request, "Sec-WebSocket-Key", &key) != 1 || !key_ok(key))
                return 400;
        *ret_reason = "an upgrade has no body";
        if (request->chunked || (request->has_length && request->length > 0))
                return 400;
        *ret_reason = "pages of this origin may not connect";
        if (n_origins > 1 || (n_origins == 1 && !origin_ok(origin, origins)))
                return 403;
        return accept_make(key, ret_accept, ret_reason);
}

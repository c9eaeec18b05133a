/*
 * libcurl connects (CURLOPT_CONNECT_ONLY) and then only moves bytes, so that names, proxies and TLS are its business; the
 * upgrade is written by hand, for the WebSocket interface of libcurl is not built into Debian's; frames are wslay's.
 */
#include "main/dial.h"
#include "util/err.h"

#include <curl/curl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <strings.h>
#include <sys/random.h>
#include <wslay/wslay.h>

enum {
        HEAD_MAX = 16 * 1024,
        MESSAGE_MAX = 64 * 1024 * 1024,
        KEY_BYTES = 16,
        KEY_CHARS = 24,
        UPGRADE_MS = 10000,
};

struct dial {
        CURL *curl;
        wslay_event_context_ptr wslay;
        struct bytes early; /* came behind the head of the upgrade */
        bool gone;          /* the connection has ended */
        char reason[128];
        void (*on_text)(void *arg, struct view text);
        void *arg;
};

/* ---- bytes ---- */

static ssize_t on_recv(wslay_event_context_ptr ctx, uint8_t *p, size_t n, int flags, void *arg)
{
        struct dial *dial = arg;
        CURLcode code;
        size_t got = MIN(n, dial->early.n);

        if (got > 0) {
                memcpy(p, dial->early.p, got);
                bytes_take(&dial->early, got);
                return (ssize_t)got;
        }
        code = curl_easy_recv(dial->curl, p, n, &got);
        if (code == CURLE_OK && got > 0)
                return (ssize_t)got;
        dial->gone = dial->gone || code != CURLE_AGAIN;
        wslay_event_set_error(ctx, code == CURLE_AGAIN ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
}

static ssize_t on_send(wslay_event_context_ptr ctx, const uint8_t *p, size_t n, int flags, void *arg)
{
        struct dial *dial = arg;
        size_t sent = 0;
        CURLcode code = curl_easy_send(dial->curl, p, n, &sent);

        if (code == CURLE_OK && sent > 0)
                return (ssize_t)sent;
        wslay_event_set_error(ctx, code == CURLE_AGAIN ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
}

static int on_mask(wslay_event_context_ptr ctx, uint8_t *p, size_t n, void *arg)
{
        return getrandom(p, n, 0) == (ssize_t)n ? 0 : -1;
}

static void on_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *message,
                       void *arg)
{
        struct dial *dial = arg;

        if (message->opcode == WSLAY_TEXT_FRAME)
                dial->on_text(dial->arg, (struct view){ (const char *)message->msg, message->msg_length });
        else if (message->opcode == WSLAY_CONNECTION_CLOSE && message->msg_length > 2)
                snprintf(dial->reason, sizeof(dial->reason), "%.*s", (int)message->msg_length - 2,
                         (const char *)message->msg + 2);
}

static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_recv,
        .send_callback = on_send,
        .genmask_callback = on_mask,
        .on_msg_recv_callback = on_message,
};

/* ---- the upgrade ---- */

static int connect_to(struct dial *dial, const char *url, struct err *err)
{
        CURL *curl = dial->curl;
        CURLcode code;

        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
        curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(curl, CURLOPT_HTTPPROXYTUNNEL, 1L);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
        code = curl_easy_perform(curl);
        if (code == CURLE_COULDNT_CONNECT)
                return err_set(
                        err, -ECONNREFUSED,
                        "no engine answers at %s; start one with `coderunr serve` or name another with --url",
                        url);
        return code == CURLE_OK ? 0 : err_set(err, -EIO, "%s: %s", url, curl_easy_strerror(code));
}

/* The words of @url that the request needs: "host:port" and the path in front of ours. */
static int take_url_apart(const char *url, char *host, size_t host_room, char *path, size_t path_room)
{
        char *name = NULL, *port = NULL, *front = NULL;
        CURLU *parts = curl_url();
        int r = -EINVAL;

        if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
            curl_url_get(parts, CURLUPART_HOST, &name, 0) == CURLUE_OK &&
            curl_url_get(parts, CURLUPART_PATH, &front, 0) == CURLUE_OK) {
                size_t n = strlen(front);

                (void)curl_url_get(parts, CURLUPART_PORT, &port, 0);
                while (n > 0 && front[n - 1] == '/')
                        n--;
                snprintf(host, host_room, "%s%s%s", name, port ? ":" : "", port ? port : "");
                snprintf(path, path_room, "%.*s", (int)n, front);
                r = 0;
        }
        curl_free(name);
        curl_free(port);
        curl_free(front);
        curl_url_cleanup(parts);
        return r;
}

static int wait_for(const struct dial *dial, short events)
{
        struct pollfd fd = { .fd = dial_fd(dial), .events = events };

        return poll(&fd, 1, UPGRADE_MS) == 1 ? 0 : -ETIMEDOUT;
}

static int send_head(struct dial *dial, struct view head)
{
        while (head.n > 0) {
                size_t sent = 0;
                CURLcode code = curl_easy_send(dial->curl, head.p, head.n, &sent);

                if (code != CURLE_OK && (code != CURLE_AGAIN || wait_for(dial, POLLOUT) < 0))
                        return -EIO;
                head.p += sent;
                head.n -= sent;
        }
        return 0;
}

/* Up to the empty line; what comes behind it stays in `early`, the head is in @ret_head. */
static int read_head(struct dial *dial, char ret_head[HEAD_MAX])
{
        for (;;) {
                char piece[4096];
                size_t got = 0;
                CURLcode code = curl_easy_recv(dial->curl, piece, sizeof(piece), &got);
                const char *end;

                if (code == CURLE_AGAIN && wait_for(dial, POLLIN) == 0)
                        continue;
                if (code != CURLE_OK || got == 0 || dial->early.n + got >= HEAD_MAX ||
                    bytes_add(&dial->early, piece, got) < 0)
                        return -EIO;
                end = memmem(dial->early.p, dial->early.n, "\r\n\r\n", 4);
                if (end) {
                        snprintf(ret_head, HEAD_MAX, "%.*s", (int)(end + 2 - dial->early.p), dial->early.p);
                        bytes_take(&dial->early, (size_t)(end + 4 - dial->early.p));
                        return 0;
                }
        }
}

static void make_accept(const char *key, char ret_accept[EVP_MAX_MD_SIZE * 2])
{
        unsigned char hash[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        char text[128];

        snprintf(text, sizeof(text), "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
        if (EVP_Digest(text, strlen(text), hash, &n, EVP_sha1(), NULL) != 1)
                n = 0;
        EVP_EncodeBlock((unsigned char *)ret_accept, hash, (int)n);
}

static bool head_accepts(const char *head, const char *key)
{
        static const char field[] = "\r\nSec-WebSocket-Accept:";
        char accept[EVP_MAX_MD_SIZE * 2];
        const char *value = strcasestr(head, field);

        make_accept(key, accept);
        if (strncmp(head, "HTTP/1.1 101", 12) != 0 || !value)
                return false;
        value += sizeof(field) - 1;
        value += strspn(value, " \t");
        return strncmp(value, accept, strlen(accept)) == 0;
}

static int upgrade(struct dial *dial, const char *url, const char *key, const char *path, struct err *err)
{
        struct bytes request CLEANUP(bytes_deinit) = BYTES_INIT(HEAD_MAX);
        char host[512], front[2048], text[KEY_CHARS + 4], head[HEAD_MAX];
        bool with_key = key && *key;
        unsigned char nonce[KEY_BYTES];
        int r;

        if (with_key && strpbrk(key, "\r\n"))
                return err_set(err, -EINVAL, "the API key is none: it is one line");
        if (take_url_apart(url, host, sizeof(host), front, sizeof(front)) < 0)
                return err_set(err, -EINVAL, "%s is no URL", url);
        if (getrandom(nonce, sizeof(nonce), 0) != sizeof(nonce))
                return err_set(err, -EIO, "no random numbers");
        EVP_EncodeBlock((unsigned char *)text, nonce, sizeof(nonce));
        r = bytes_printf(&request,
                         "GET %s%s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n"
                         "User-Agent: coderunr/" CODERUNR_VERSION "\r\n%s%s%s\r\n",
                         front, path, host, text, with_key ? "X-API-Key: " : "", with_key ? key : "",
                         with_key ? "\r\n" : "");
        if (r == 0)
                r = send_head(dial, bytes_view(&request));
        if (r == 0)
                r = read_head(dial, head);
        if (r < 0)
                return err_set(err, -EIO, "%s hung up; is it an engine?", url);
        if (strncmp(head, "HTTP/1.1 401 ", 13) == 0 || strncmp(head, "HTTP/1.1 403 ", 13) == 0)
                return err_set(err, -EACCES,
                               "%s wants an API key with the scope execute: --key, or CODERUNR_KEY", url);
        if (!head_accepts(head, text))
                return err_set(err, -EPROTO, "%s answered \"%.*s\" and opened no WebSocket; is it an engine?",
                               url, (int)strcspn(head, "\r\n"), head);
        return 0;
}

/* ---- what others call ---- */

struct dial *dial_open(const char *url, const char *key, const char *path, struct err *err)
{
        struct dial *dial = calloc(1, sizeof(*dial));
        int r;

        if (dial)
                *dial = (struct dial){ .curl = curl_easy_init(), .early = BYTES_INIT(HEAD_MAX) };
        if (!dial || !dial->curl) {
                (void)err_set(err, -ENOMEM, "libcurl could not be started");
                dial_free(dial);
                return NULL;
        }
        r = connect_to(dial, url, err);
        if (r == 0)
                r = upgrade(dial, url, key, path, err);
        if (r == 0 && wslay_event_context_client_init(&dial->wslay, &callbacks, dial) != 0)
                r = err_set(err, -ENOMEM, "out of memory");
        if (r < 0) {
                dial_free(dial);
                return NULL;
        }
        wslay_event_config_set_max_recv_msg_length(dial->wslay, MESSAGE_MAX);
        return dial;
}

void dial_free(struct dial *dial)
{
        if (!dial)
                return;
        if (dial->wslay)
                wslay_event_context_free(dial->wslay);
        if (dial->curl)
                curl_easy_cleanup(dial->curl);
        bytes_deinit(&dial->early);
        free(dial);
}

int dial_fd(const struct dial *dial)
{
        curl_socket_t fd = CURL_SOCKET_BAD;

        (void)curl_easy_getinfo(dial->curl, CURLINFO_ACTIVESOCKET, &fd);
        return fd;
}

short dial_events(const struct dial *dial)
{
        return POLLIN | (wslay_event_want_write(dial->wslay) ? POLLOUT : 0);
}

size_t dial_backlog(const struct dial *dial)
{
        return wslay_event_get_queued_msg_length(dial->wslay);
}

int dial_say(struct dial *dial, struct view text, struct err *err)
{
        struct wslay_event_msg message = { WSLAY_TEXT_FRAME, (const uint8_t *)text.p, text.n };

        /* After a goodbye nothing can be said, and nobody waits for it. */
        if (wslay_event_queue_msg(dial->wslay, &message) == WSLAY_ERR_NOMEM)
                return err_set(err, -ENOMEM, "out of memory");
        return 0;
}

int dial_step(struct dial *dial, void (*on_text)(void *arg, struct view text), void *arg, struct err *err)
{
        int sent, got;

        dial->on_text = on_text;
        dial->arg = arg;
        sent = wslay_event_send(dial->wslay);
        got = wslay_event_recv(dial->wslay);
        if (wslay_event_get_close_received(dial->wslay)) {
                (void)wslay_event_send(dial->wslay);
                return DIAL_CLOSED;
        }
        if (dial->gone || sent != 0)
                return DIAL_CLOSED;
        return got == 0 ? 0 : err_set(err, -EPROTO, "the engine broke the rules of WebSocket");
}

unsigned dial_goodbye(const struct dial *dial, const char **ret_reason)
{
        *ret_reason = dial->reason;
        if (!wslay_event_get_close_received(dial->wslay))
                return 0;
        return wslay_event_get_status_code_received(dial->wslay);
}

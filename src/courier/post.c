/*
 * Theory of operation: the thread touches its post and what never changes of struct posts; when it is through it writes
 * the post's address to a pipe that the loop reads.
 */
#include "courier/post.h"
#include "courier/signature.h"
#include "util/clock.h"
#include "util/err.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

enum {
        STACK_BYTES = 512 * 1024,
        CONNECT_MS = 5000,
        ANSWER_BYTES = 64 * 1024,
        HEAD_BYTES = 32 * 1024,
        RETRY_AFTER_MOST = 3600,
};

struct posts {
        const struct address_blocks *allowed;
        uint64_t timeout_ns;
        int pipe[2];
        struct event *readable;
        size_t n;
};

static void on_done(evutil_socket_t fd, short what, void *arg)
{
        struct posts *posts = arg;
        struct post *post;

        if (read(fd, &post, sizeof(post)) != (ssize_t)sizeof(post))
                return;
        posts->n--;
        post->done(post->arg, post);
}

struct posts *posts_new(struct event_base *base, const struct address_blocks *allowed, uint64_t timeout_ns)
{
        struct posts *posts = calloc(1, sizeof(*posts));

        if (!posts || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || pipe2(posts->pipe, O_CLOEXEC) < 0)
                return NULL;
        posts->allowed = allowed;
        posts->timeout_ns = timeout_ns;
        posts->readable = event_new(base, posts->pipe[0], EV_READ | EV_PERSIST, on_done, posts);
        return posts->readable && event_add(posts->readable, NULL) == 0 ? posts : NULL;
}

size_t posts_count(const struct posts *posts)
{
        return posts->n;
}

/* ---- on the thread ---- */

static void ended(struct post *post, enum post_end end, const char *format, ...) PRINTF(3, 4);

static void ended(struct post *post, enum post_end end, const char *format, ...)
{
        va_list arguments;

        post->end = end;
        va_start(arguments, format);
        vsnprintf(post->text, sizeof(post->text), format, arguments);
        va_end(arguments);
}

static bool may_be(struct post *post, const struct sockaddr *socket_address)
{
        char text[ADDRESS_TEXT_MAX];
        struct address address;

        if (address_of(socket_address, &address) < 0) {
                ended(post, POST_BLOCKED, "it leads to no address of the internet");
                return false;
        }
        if (receiver_may_be(&address, post->posts->allowed))
                return true;
        address_text(&address, text);
        ended(post, POST_BLOCKED, "it leads to the private address %s", text);
        return false;
}

/* All addresses of a name, as CURLOPT_RESOLVE takes them: what is looked at is what is connected to. */
static int resolve(struct post *post, struct bytes *line)
{
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all = NULL, *one;
        char text[ADDRESS_TEXT_MAX];
        struct address address;
        int r = getaddrinfo(post->where.host, NULL, &hints, &all);

        if (r != 0) {
                ended(post, POST_LOST, "%s cannot be resolved: %s", post->where.host, gai_strerror(r));
                return -EHOSTUNREACH;
        }
        r = bytes_printf(line, "%s:%u", post->where.host, post->where.port);
        for (one = all; one && r == 0; one = one->ai_next) {
                if (!may_be(post, one->ai_addr) || address_of(one->ai_addr, &address) < 0)
                        r = -EACCES;
                address_text(&address, text);
                if (r == 0)
                        r = bytes_printf(line, "%c%s", one == all ? ':' : ',', text);
        }
        freeaddrinfo(all);
        return r;
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
        if (!may_be(arg, &to->addr))
                return CURL_SOCKET_BAD;
        return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static size_t on_head(char *p, size_t size, size_t n, void *arg)
{
        struct post *post = arg;

        post->n_head += n;
        post->has_head = n == 2; /* the empty line */
        return post->n_head > HEAD_BYTES ? 0 : n;
}

static size_t on_answer(char *p, size_t size, size_t n, void *arg)
{
        struct post *post = arg;

        post->n_answer += n;
        return post->n_answer > ANSWER_BYTES ? 0 : n;
}

static int head_add(struct curl_slist **head, const char *format, ...) PRINTF(2, 3);

static int head_add(struct curl_slist **head, const char *format, ...)
{
        struct curl_slist *grown;
        va_list arguments;
        char line[256];

        va_start(arguments, format);
        vsnprintf(line, sizeof(line), format, arguments);
        va_end(arguments);
        grown = curl_slist_append(*head, line);
        if (!grown)
                return -ENOMEM;
        *head = grown;
        return 0;
}

static int head_make(const struct post *post, struct curl_slist **head)
{
        uint64_t now = clock_wall_ms() / 1000;
        char signature[SIGNATURE_TEXT_MAX];
        int r = head_add(head, "Content-Type: application/json");

        r = r ? r : head_add(head, "Expect:");
        r = r ? r : head_add(head, "webhook-id: %s", post->delivery);
        r = r ? r : head_add(head, "webhook-timestamp: %" PRIu64, now);
        if (r < 0 || !post->secret[0])
                return r;
        r = signature_make(post->secret, post->delivery, now, post->body, signature);
        return r ? r : head_add(head, "webhook-signature: %s", signature);
}

static void set_options(CURL *curl, struct post *post, struct curl_slist *head, struct curl_slist *addresses)
{
        curl_easy_setopt(curl, CURLOPT_URL, post->url);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(post->posts->timeout_ns / NSEC_PER_MSEC));
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "coderunr/" CODERUNR_VERSION);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, head);
        curl_easy_setopt(curl, CURLOPT_RESOLVE, addresses);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post->body.p);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->body.n);
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, post);
        curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_head);
        curl_easy_setopt(curl, CURLOPT_HEADERDATA, post);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, post);
}

/* A receiver that has said its status has answered, whatever becomes of the rest of what it says. */
static void tell(struct post *post, CURL *curl, CURLcode code)
{
        curl_off_t seconds = 0;
        long status = 0;

        if (post->end == POST_BLOCKED)
                return;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        if (status < 200 || (code != CURLE_OK && !post->has_head)) {
                ended(post, POST_LOST, "%s", curl_easy_strerror(code));
                return;
        }
        post->end = POST_ANSWERED;
        post->status = (unsigned)MIN(status, 999L);
        curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &seconds);
        if (seconds > 0)
                post->retry_after_ms = (uint64_t)MIN(seconds, (curl_off_t)RETRY_AFTER_MOST) * 1000;
        if (status >= 300)
                ended(post, POST_ANSWERED, "the receiver answered %ld%s", status,
                      status < 400 ? "; redirects are not followed" : "");
}

static void send_it(struct post *post, CURL *curl)
{
        CLEANUP(bytes_deinit) struct bytes line = BYTES_INIT(64 * 1024);
        struct curl_slist *head = NULL, *addresses = NULL;
        int r = 0;

        if (!post->where.is_address)
                r = resolve(post, &line);
        if (r == 0 && line.n > 0) {
                addresses = curl_slist_append(NULL, line.p);
                r = addresses ? 0 : -ENOMEM;
        }
        r = r ? r : head_make(post, &head);
        if (r == 0) {
                set_options(curl, post, head, addresses);
                tell(post, curl, curl_easy_perform(curl));
        } else if (!post->text[0]) {
                ended(post, POST_LOST, "%s", strerror(-r));
        }
        curl_slist_free_all(head);
        curl_slist_free_all(addresses);
}

static void *work(void *arg)
{
        struct post *post = arg;
        CURL *curl = curl_easy_init();
        struct err err = { "" };

        if (receiver_parse(post->url, &post->where, &err) < 0)
                ended(post, POST_BLOCKED, "%.200s", err.text);
        else if (curl)
                send_it(post, curl);
        else
                ended(post, POST_LOST, "out of memory");
        curl_easy_cleanup(curl);
        must(write(post->posts->pipe[1], &post, sizeof(post)) == (ssize_t)sizeof(post));
        return NULL;
}

int post_start(struct posts *posts, struct post *post)
{
        pthread_attr_t attributes;
        pthread_t thread;
        int r = posts->n >= POSTS_MAX ? EAGAIN : pthread_attr_init(&attributes);

        if (r != 0)
                return -r;
        post->posts = posts;
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        pthread_attr_setstacksize(&attributes, STACK_BYTES);
        r = pthread_create(&thread, &attributes, work, post);
        pthread_attr_destroy(&attributes);
        posts->n += r == 0;
        return -r;
}

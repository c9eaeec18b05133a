/*
 * Theory of operation: a thread per download, which ends with its fetch's address written to a pipe the loop reads.
 * The thread touches nothing but its fetch and what the fetcher never changes.
 */
#include "packer/fetch.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <event2/event.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <strings.h>

enum { THREADS_MAX = 16, REDIRECTS_MAX = 5, CONNECT_SECONDS = 30, SLOW_BYTES = 512, SLOW_SECONDS = 30 };

struct fetcher {
        const char *index;
        uint64_t timeout_ns;
        int pipe[2];
        struct event *readable;
        size_t n_threads;
        pthread_mutex_t lock;
        char address[64]; /* the index's, once known */
};

static void fetch_free(struct fetch *fetch)
{
        bytes_deinit(&fetch->body);
        free(fetch->url);
        free(fetch);
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
        struct fetcher *fetcher = arg;
        struct fetch *fetch;

        if (read(fd, &fetch, sizeof(fetch)) != (ssize_t)sizeof(fetch))
                return;
        fetcher->n_threads--;
        fetch->done(fetch);
        fetch_free(fetch);
}

struct fetcher *fetcher_new(struct event_base *base, const char *index, uint64_t timeout_ns)
{
        struct fetcher *fetcher = calloc(1, sizeof(*fetcher));

        if (!fetcher || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
            pipe2(fetcher->pipe, O_CLOEXEC) < 0)
                return NULL;
        fetcher->index = index;
        fetcher->timeout_ns = timeout_ns;
        pthread_mutex_init(&fetcher->lock, NULL);
        fetcher->readable = event_new(base, fetcher->pipe[0], EV_READ | EV_PERSIST, on_done, fetcher);
        return fetcher->readable && event_add(fetcher->readable, NULL) == 0 ? fetcher : NULL;
}

bool fetcher_is_busy(const struct fetcher *fetcher)
{
        return fetcher->n_threads > 0;
}

/* ---- on the thread ---- */

static bool is_public_v4(uint32_t a)
{
        static const struct {
                uint32_t net;
                int bits;
        } closed[] = {
                { 0x00000000, 8 },  { 0x0a000000, 8 },  { 0x64400000, 10 }, { 0x7f000000, 8 },
                { 0xa9fe0000, 16 }, { 0xac100000, 12 }, { 0xc0000000, 24 }, { 0xc0a80000, 16 },
                { 0xc6120000, 15 }, { 0xe0000000, 3 },
        };

        for (size_t i = 0; i < ARRAY_LEN(closed); i++)
                if ((a ^ closed[i].net) >> (32 - closed[i].bits) == 0)
                        return false;
        return true;
}

static bool is_public(const char *text)
{
        static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
        struct in_addr v4;
        struct in6_addr v6;
        uint32_t inner;

        if (inet_pton(AF_INET, text, &v4) == 1)
                return is_public_v4(ntohl(v4.s_addr));
        if (inet_pton(AF_INET6, text, &v6) != 1)
                return false;
        memcpy(&inner, v6.s6_addr + 12, sizeof(inner));
        if (memcmp(v6.s6_addr, mapped, sizeof(mapped)) == 0)
                return is_public_v4(ntohl(inner));
        return (v6.s6_addr[0] & 0xe0) == 0x20;
}

/* Every connection, those after a redirect too, before anything is asked on it. */
static int on_connected(void *arg, char *address, char *local, int port, int local_port)
{
        struct fetch *fetch = arg;
        struct fetcher *fetcher = fetch->fetcher;
        bool is_ours;

        pthread_mutex_lock(&fetcher->lock);
        if (!fetcher->address[0] && streq(fetch->url, fetcher->index))
                snprintf(fetcher->address, sizeof(fetcher->address), "%s", address);
        is_ours = streq(fetcher->address, address) || strncasecmp(fetcher->index, "file:", 5) == 0;
        pthread_mutex_unlock(&fetcher->lock);
        if (is_ours || is_public(address))
                return CURL_PREREQFUNC_OK;
        err_set(&fetch->err, 0, "it leads to the private address %s", address);
        return CURL_PREREQFUNC_ABORT;
}

static size_t on_bytes(char *p, size_t size, size_t n, void *arg)
{
        struct fetch *fetch = arg;

        return bytes_add(&fetch->body, p, size * n) == 0 ? size * n : 0;
}

static int resolve(const struct fetch *fetch, char **ret_url)
{
        CURLU *url = curl_url();
        int r = url && curl_url_set(url, CURLUPART_URL, fetch->fetcher->index, 0) == CURLUE_OK &&
                                curl_url_set(url, CURLUPART_URL, fetch->url, 0) == CURLUE_OK &&
                                curl_url_get(url, CURLUPART_URL, ret_url, 0) == CURLUE_OK
                        ? 0
                        : -EINVAL;

        curl_url_cleanup(url);
        return r;
}

static void set_options(CURL *curl, struct fetch *fetch, const char *url)
{
        const struct fetcher *fetcher = fetch->fetcher;
        bool file = strncasecmp(fetcher->index, "file:", 5) == 0;
        bool http = file || strncasecmp(fetcher->index, "http:", 5) == 0;

        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR,
                         file   ? "https,http,file"
                         : http ? "https,http"
                                : "https");
        curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, http ? "https,http" : "https");
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(fetcher->timeout_ns / NSEC_PER_MSEC));
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES);
        curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)SLOW_SECONDS);
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "coderunr/" CODERUNR_VERSION);
        curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_connected);
        curl_easy_setopt(curl, CURLOPT_PREREQDATA, fetch);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, fetch);
}

static void tell(struct fetch *fetch, CURL *curl, CURLcode code, const char *url)
{
        char why[256];
        long status = 0;

        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        if (fetch->err.text[0])
                snprintf(why, sizeof(why), "%.200s", fetch->err.text);
        else if (code == CURLE_WRITE_ERROR)
                snprintf(why, sizeof(why), "it is larger than %llu bytes", (unsigned long long)fetch->most);
        else if (code == CURLE_HTTP_RETURNED_ERROR)
                snprintf(why, sizeof(why), "the server answered %ld", status);
        else
                snprintf(why, sizeof(why), "%s", curl_easy_strerror(code));
        fetch->status = 502;
        err_set(&fetch->err, 0, "cannot fetch %.200s: %s", url, why);
}

static void sum(struct fetch *fetch)
{
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned n = 0;

        must(EVP_Digest(fetch->body.p ? fetch->body.p : "", fetch->body.n, digest, &n, EVP_sha256(), NULL) ==
                     1 &&
             n == 32);
        for (unsigned i = 0; i < n; i++)
                snprintf(fetch->sum + 2 * i, 3, "%02x", digest[i]);
}

static void *work(void *arg)
{
        struct fetch *fetch = arg;
        CURL *curl = curl_easy_init();
        char *url = NULL;
        CURLcode code;

        if (!curl || resolve(fetch, &url) < 0) {
                fetch->status = curl ? 502 : 500;
                err_set(&fetch->err, 0, "cannot fetch %.200s: it is no URL", fetch->url);
        } else {
                set_options(curl, fetch, url);
                code = curl_easy_perform(curl);
                if (code == CURLE_OK)
                        sum(fetch);
                else
                        tell(fetch, curl, code, url);
        }
        curl_free(url);
        curl_easy_cleanup(curl);
        must(write(fetch->fetcher->pipe[1], &fetch, sizeof(fetch)) == (ssize_t)sizeof(fetch));
        return NULL;
}

int fetch_start_take(struct fetcher *fetcher, struct fetch *fetch)
{
        pthread_attr_t attributes;
        pthread_t thread;
        int r = fetcher->n_threads >= THREADS_MAX ? EAGAIN : 0;

        fetch->fetcher = fetcher;
        fetch->body = BYTES_INIT(fetch->most);
        if (r == 0)
                r = fetch->url ? pthread_attr_init(&attributes) : ENOMEM;
        if (r == 0) {
                pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
                r = pthread_create(&thread, &attributes, work, fetch);
                pthread_attr_destroy(&attributes);
        }
        if (r != 0)
                fetch_free(fetch);
        else
                fetcher->n_threads++;
        return -r;
}

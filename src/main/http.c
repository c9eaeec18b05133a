/*
 * One easy handle per call.  No time limit: a job takes as long as its limits allow, and Ctrl-C ends the process,
 * which closes the connection, which cancels the job.
 */
#include "main/http.h"
#include "util/err.h"

#include <curl/curl.h>
#include <stdio.h>

static size_t on_data(char *p, size_t size, size_t n, void *arg)
{
        struct bytes *answer = arg;

        return bytes_add(answer, p, size * n) < 0 ? 0 : size * n;
}

static void prepare(CURL *curl, const char *url, struct bytes *answer)
{
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "coderunr/" CODERUNR_VERSION);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
        /* The engine is usually on this host, where a proxy of the environment has nothing to say. */
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
}

static int explain(CURLcode code, const char *url, struct err *err)
{
        if (code == CURLE_COULDNT_CONNECT)
                return err_set(
                        err, -ECONNREFUSED,
                        "no engine answers at %s; start one with `coderunr serve` or name another with --url",
                        url);
        if (code == CURLE_WRITE_ERROR)
                return err_set(err, -EFBIG, "the answer of %s is larger than this program takes", url);
        return err_set(err, -EIO, "%s: %s", url, curl_easy_strerror(code));
}

int http_call(const char *url, const char *key, const struct bytes *body, struct bytes *ret_answer,
              long *ret_status, struct err *err)
{
        return http_send(url, key, NULL, body, ret_answer, ret_status, err);
}

static int add_key(struct curl_slist **headers, const char *key, struct err *err)
{
        char line[512];

        if (!key || !*key)
                return 0;
        if (strlen(key) > 256 || strpbrk(key, "\r\n"))
                return err_set(err, -EINVAL, "the API key is none: it is one line of at most 256 characters");
        snprintf(line, sizeof(line), "X-API-Key: %s", key);
        *headers = curl_slist_append(*headers, line);
        return 0;
}

int http_send(const char *url, const char *key, const char *method, const struct bytes *body,
              struct bytes *ret_answer, long *ret_status, struct err *err)
{
        struct curl_slist *headers = NULL;
        CURL *curl = curl_easy_init();
        CURLcode code;
        int r;

        if (!curl)
                return err_set(err, -ENOMEM, "libcurl could not be started");
        prepare(curl, url, ret_answer);
        if (body) {
                headers = curl_slist_append(headers, "Content-Type: application/json");
                headers = curl_slist_append(headers, "Expect:");
                curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->p ? body->p : "");
                curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->n);
        }
        r = add_key(&headers, key, err);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        if (method)
                curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
        code = r == 0 ? curl_easy_perform(curl) : CURLE_OK;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
        curl_slist_free_all(headers);
        curl_easy_cleanup(curl);
        return r < 0 || code == CURLE_OK ? r : explain(code, url, err);
}

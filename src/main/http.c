/*
 * One easy handle per call.  No time limit: a job takes as long as its limits allow, and Ctrl-C ends the process,
 * which closes the connection, which cancels the job.
 */
#include "main/http.h"
#include "util/err.h"

#include <curl/curl.h>

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

int http_call(const char *url, const struct bytes *body, struct bytes *ret_answer, long *ret_status,
              struct err *err)
{
        return http_send(url, NULL, body, ret_answer, ret_status, err);
}

int http_send(const char *url, const char *method, const struct bytes *body, struct bytes *ret_answer,
              long *ret_status, struct err *err)
{
        struct curl_slist *headers = NULL;
        CURL *curl = curl_easy_init();
        CURLcode code;

        if (!curl)
                return err_set(err, -ENOMEM, "libcurl could not be started");
        prepare(curl, url, ret_answer);
        if (body) {
                headers = curl_slist_append(headers, "Content-Type: application/json");
                headers = curl_slist_append(headers, "Expect:");
                curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
                curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->p ? body->p : "");
                curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->n);
        }
        if (method)
                curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
        code = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
        curl_slist_free_all(headers);
        curl_easy_cleanup(curl);
        return code == CURLE_OK ? 0 : explain(code, url, err);
}

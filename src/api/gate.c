/*
 * Theory of operation: a request is looked at in the order route, key, rate, scope, places, and refused at the first that fails.
 * A wrong key costs as much as a right one: all rows are compared, by hash, in constant time.
 *
 * New keys are laid over the callers by name, so what runs goes on to count; a caller whose row is gone is freed with the
 * last exchange of its own.
 */
#include "api/gate.h"
#include "api/exchange.h"
#include "api/server.h"
#include "config/config.h"
#include "job/job.h"
#include "util/err.h"
#include "util/json_out.h"
#include "util/log.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

void gate_init(struct gate *gate, const struct config *config)
{
        *gate = (struct gate){ .on = config->keys_file[0] };
        TAILQ_INIT(&gate->callers);
        if (!config->admin_key[0])
                return;
        gate->admin.known = true;
        gate->admin.key = (struct key){ .scopes = 1u << SCOPE_QUESTIONS, .share = 1, .n_hashes = 1 };
        key_hash(view_of(config->admin_key), gate->admin.key.hashes[0]);
}

static void drop(struct gate *gate, struct caller *caller)
{
        if (caller == &gate->admin || caller->known || caller->n_held > 0)
                return;
        TAILQ_REMOVE(&gate->callers, caller, link);
        free(caller);
}

void gate_deinit(struct gate *gate)
{
        struct caller *caller = TAILQ_FIRST(&gate->callers), *next;

        for (; caller; caller = next) {
                next = TAILQ_NEXT(caller, link);
                caller->known = false;
                drop(gate, caller);
        }
}

/* ---- new keys ---- */

static int lay_over(struct gate *gate, const struct key *key)
{
        struct caller *caller;

        TAILQ_FOREACH(caller, &gate->callers, link)
        if (streq(caller->key.name, key->name))
                break;
        if (!caller) {
                caller = calloc(1, sizeof(*caller));
                if (!caller)
                        return -ENOMEM;
                TAILQ_INSERT_TAIL(&gate->callers, caller, link);
        }
        caller->key = *key;
        caller->known = true;
        return 0;
}

bool gate_load_take(struct gate *gate, int fd, const char *name)
{
        struct keys keys = { 0 };
        struct err err = { "" };
        struct caller *caller, *next;
        bool gone = false;
        int r = keys_read(&keys, fd, name, &err);

        close(fd);
        if (r < 0) {
                log_error("the keys stay as they were: %s", err.text);
                return false;
        }
        TAILQ_FOREACH(caller, &gate->callers, link)
        caller->known = false;
        for (size_t i = 0; i < keys.n; i++)
                if (lay_over(gate, &keys.p[i]) < 0)
                        log_error("no memory for the key of %s", keys.p[i].name);
        for (caller = TAILQ_FIRST(&gate->callers); caller; caller = next) {
                next = TAILQ_NEXT(caller, link);
                gone = gone || (!caller->known && caller->n_held > 0);
                drop(gate, caller);
        }
        gate->loaded = true;
        log_info("%zu keys from %s", keys.n, name);
        keys_deinit(&keys);
        return gone;
}

/* ---- refusing ---- */

static bool refuse(const struct exchange *exchange, struct reply *ret_reply, int status, const char *message)
{
        enum route_words words = exchange->route->words;
        struct json_out json;
        int r;

        reply_message(ret_reply, status, words == ROUTE_MESSAGE ? message : "");
        ret_reply->challenge = status == 401;
        if (words == ROUTE_MESSAGE)
                return false;
        bytes_clear(&ret_reply->body);
        if (words == ROUTE_TEXT) {
                ret_reply->type = REPLY_TEXT;
                r = bytes_printf(&ret_reply->body, "%s\n", message);
        } else {
                json_out_init(&json, &ret_reply->body);
                json_out_object_begin(&json);
                json_out_key(&json, "error");
                json_out_text(&json, message);
                json_out_object_end(&json);
                r = json_out_error(&json);
        }
        if (r < 0)
                bytes_clear(&ret_reply->body);
        return false;
}

static bool refuse_late(const struct exchange *exchange, struct reply *ret_reply, uint64_t wait_ns,
                        const char *message)
{
        (void)refuse(exchange, ret_reply, 429, message);
        ret_reply->retry_after = (unsigned)MIN((wait_ns + NSEC_PER_SEC - 1) / NSEC_PER_SEC, UINT64_C(86400));
        return false;
}

/* ---- asking ---- */

/* What was sent as a key; p is NULL for none. */
static struct view key_of(const struct http1_request *request)
{
        static const char scheme[] = "bearer ";
        struct view sent = http1_field(request, "X-API-Key");

        if (sent.p)
                return sent;
        sent = http1_field(request, "Authorization");
        if (!sent.p || sent.n < sizeof(scheme) || strncasecmp(sent.p, scheme, sizeof(scheme) - 1) != 0)
                return (struct view){ NULL, 0 };
        sent.p += sizeof(scheme) - 1;
        sent.n -= sizeof(scheme) - 1;
        return sent;
}

static struct caller *find(struct gate *gate, struct view sent)
{
        unsigned char hash[KEY_HASH_BYTES];
        struct caller *caller, *found = NULL;

        if (sent.n == 0 || sent.n > KEY_SENT_MAX)
                return NULL;
        key_hash(sent, hash);
        TAILQ_FOREACH(caller, &gate->callers, link)
        if (key_has_hash(&caller->key, hash) && caller->known)
                found = caller;
        if (key_has_hash(&gate->admin.key, hash))
                found = found ? found : &gate->admin;
        return found;
}

static bool let_in(struct exchange *exchange, struct caller *caller)
{
        exchange->caller = caller;
        caller->n_held++;
        if (!key_may(&caller->key, SCOPE_ADMIN))
                snprintf(exchange->owner, sizeof(exchange->owner), "%s", caller->key.name);
        return true;
}

bool gate_ask(struct gate *gate, struct exchange *exchange, uint64_t now_ns, struct reply *ret_reply)
{
        const struct http1_request *request = &exchange->http.request;
        struct caller *caller;
        struct view sent;
        uint64_t wait_ns;
        char text[160];
        enum scope scope;

        _Static_assert(sizeof(exchange->owner) > (size_t)KEY_NAME_MAX, "the name of a key is an owner");
        exchange->found = route_find(request->method, request->path, exchange->allow, &exchange->route);
        if (!gate->on || exchange->found != 0 || exchange->route->need == NEED_NOTHING)
                return true;
        if (!gate->loaded)
                return refuse(exchange, ret_reply, 503, "the API keys are not loaded yet, try again later");
        sent = key_of(request);
        if (!sent.p)
                return refuse(exchange, ret_reply, 401,
                              "an API key is needed: send it as X-API-Key, or as Authorization: Bearer");
        caller = find(gate, sent);
        if (!caller)
                return refuse(exchange, ret_reply, 401, "this API key is not known");
        if (!bucket_take(&caller->bucket, key_interval_ns(&caller->key), caller->key.burst, now_ns, &wait_ns))
                return refuse_late(exchange, ret_reply, wait_ns, "too many requests with this API key");
        if (exchange->route->need == NEED_KEY)
                return let_in(exchange, caller);
        scope = (enum scope)(exchange->route->need - NEED_SCOPE);
        snprintf(text, sizeof(text), "this API key does not have the scope '%s'", scope_name(scope));
        if (!key_may(&caller->key, scope))
                return refuse(exchange, ret_reply, 403, text);
        if (scope != SCOPE_EXECUTE)
                return let_in(exchange, caller);
        if (caller->key.concurrency > 0 && caller->n_running >= caller->key.concurrency)
                return refuse_late(exchange, ret_reply, NSEC_PER_SEC,
                                   "as many programs run with this API key as it allows");
        caller->n_running++;
        exchange->seated = true;
        return let_in(exchange, caller);
}

bool gate_allows(const struct exchange *exchange, enum scope scope)
{
        return !exchange->caller || key_may(&exchange->caller->key, scope);
}

void gate_name_job(const struct caller *caller, struct job *job)
{
        if (!caller)
                return;
        job->owner = job_owner(caller->key.name);
        job->share = (uint32_t)caller->key.share;
}

/* ---- leaving ---- */

static void leave(struct gate *gate, struct caller *caller, bool seated)
{
        caller->n_running -= seated;
        caller->n_held--;
        drop(gate, caller);
}

void gate_leave(struct exchange *exchange)
{
        if (exchange->caller)
                leave(exchange->server->gate, TAKE_PTR(exchange->caller), exchange->seated);
}

struct caller *gate_seat_take(struct exchange *exchange)
{
        exchange->seated = false;
        return TAKE_PTR(exchange->caller);
}

void gate_seat_free(struct server *server, struct caller *seat)
{
        if (seat)
                leave(server->gate, seat, true);
}

/* ---- signs ---- */

static uint64_t sign_with(const unsigned char hash[KEY_HASH_BYTES], const char *text, uint64_t number)
{
        unsigned char mac[EVP_MAX_MD_SIZE];
        char line[160];
        uint64_t sign = 0;
        unsigned n = 0;

        snprintf(line, sizeof(line), "%s %llu", text, (unsigned long long)number);
        must(HMAC(EVP_sha256(), hash, KEY_HASH_BYTES, (const unsigned char *)line, strlen(line), mac, &n));
        memcpy(&sign, mac, sizeof(sign));
        return sign & GATE_SIGN_MASK;
}

uint64_t gate_sign(const struct exchange *exchange, const char *text, uint64_t number)
{
        return exchange->caller ? sign_with(exchange->caller->key.hashes[0], text, number) : 0;
}

bool gate_is_signed(const struct exchange *exchange, const char *text, uint64_t number, uint64_t sign)
{
        const struct caller *caller = exchange->caller;

        for (size_t i = 0; caller && i < caller->key.n_hashes; i++)
                if (sign_with(caller->key.hashes[i], text, number) == sign)
                        return true;
        return !caller;
}

/* The gate in virtual time: who gets in, how often, how many at once, and what new keys change. */
#include "api/gate.h"
#include "api/exchange.h"
#include "api/server.h"
#include "config/config.h"
#include "util/fdio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define SECRET "crk_a"
#define OTHER  "crk_b"

static struct gate gate;
static struct server server = { .gate = &gate };
static struct config config;

static void load(const char *format, ...)
{
        char text[2048];
        va_list ap;

        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        (void)gate_load_take(&gate, fdio_memfd_of("keys", text, strlen(text)), "keys");
}

/* A row whose key is @secret. */
static const char *row(const char *name, const char *secret, const char *more)
{
        static char text[4][512];
        static unsigned at;
        unsigned char hash[KEY_HASH_BYTES];
        char *to = text[at++ % ARRAY_LEN(text)];
        int n = snprintf(to, sizeof(text[0]), "%s:\n  hash: sha256:", name);

        key_hash(view_of(secret), hash);
        for (size_t i = 0; i < sizeof(hash); i++)
                n += snprintf(to + n, sizeof(text[0]) - (size_t)n, "%02x", hash[i]);
        snprintf(to + n, sizeof(text[0]) - (size_t)n, "\n%s", more);
        return to;
}

static int begin(void **state)
{
        config = (struct config){ .keys_file = (char *)"keys", .admin_key = (char *)"" };
        gate_init(&gate, &config);
        return 0;
}

static int end(void **state)
{
        gate_deinit(&gate);
        assert_true(TAILQ_EMPTY(&gate.callers));
        return 0;
}

static struct exchange request(const char *method, const char *path, const char *key)
{
        struct exchange exchange = { .server = &server };

        exchange.http.request.method = view_of(method);
        exchange.http.request.path = view_of(path);
        exchange.http.request.fields[0].name = VIEW("X-API-Key");
        exchange.http.request.fields[0].value = view_of(key);
        exchange.http.request.n_fields = key ? 1 : 0;
        return exchange;
}

/* 0: let in, and still there; else the status. */
static int ask_for(struct exchange *exchange, uint64_t now, unsigned *ret_retry)
{
        struct reply reply = { 0 };

        if (gate_ask(&gate, exchange, now, &reply))
                return 0;
        if (ret_retry)
                *ret_retry = reply.retry_after;
        assert_int_equal(reply.challenge, reply.status == 401);
        reply_deinit(&reply);
        return reply.status;
}

/* The same, and gone. */
static int ask(const char *method, const char *path, const char *key, uint64_t now)
{
        struct exchange exchange = request(method, path, key);
        int r = ask_for(&exchange, now, NULL);

        gate_leave(&exchange);
        return r;
}

static void it_stands_open_without_keys(void **state)
{
        struct exchange exchange = request("POST", "/api/v2/packages", NULL);

        config.keys_file = (char *)"";
        gate_init(&gate, &config);
        assert_int_equal(ask_for(&exchange, 0, NULL), 0);
        assert_null(exchange.caller);
        assert_string_equal(exchange.owner, "");
        assert_true(gate_allows(&exchange, SCOPE_ADMIN));
        assert_int_equal(gate_sign(&exchange, "x", 1), 0);
        assert_true(gate_is_signed(&exchange, "x", 1, 0));
}

static void nobody_gets_in_before_the_keys_have_come(void **state)
{
        assert_int_equal(ask("GET", "/v3/jobs", SECRET, 0), 503);
        assert_int_equal(ask("GET", "/health", NULL, 0), 0);
        load("%s", row("a", SECRET, "  scopes: jobs\n"));
        assert_int_equal(ask("GET", "/v3/jobs", SECRET, 0), 0);
}

static void who_may_what(void **state)
{
        static const struct {
                const char *method, *path, *key;
                int status;
        } rows[] = {
                { "GET", "/health", NULL, 0 },
                { "GET", "/nowhere", NULL, 0 }, /* answered 404 behind the gate */
                { "OPTIONS", "/v3/jobs", NULL, 0 },
                { "GET", "/v3/jobs", NULL, 401 },
                { "HEAD", "/v3/jobs", NULL, 401 },
                { "GET", "/v3/jobs", "", 401 },
                { "GET", "/v3/jobs", "crk_", 401 },
                { "GET", "/v3/jobs", SECRET, 0 },
                { "GET", "/v3/jobs", OTHER, 0 },
                { "GET", "/api/v2/runtimes", SECRET, 0 },
                { "POST", "/api/v2/execute", SECRET, 403 },
                { "POST", "/api/v2/packages", SECRET, 403 },
                { "GET", "/queue/next", SECRET, 403 },
                { "GET", "/queue/next", OTHER, 0 },
                { "POST", "/v1/admin/questions", SECRET, 403 },
                { "POST", "/v1/admin/questions", OTHER, 0 },
                { "POST", "/v1/admin/questions", "the admin key", 0 },
                { "GET", "/v1/questions", "the admin key", 0 },
                { "GET", "/v3/jobs", "the admin key", 403 },
        };

        config.admin_key = (char *)"the admin key";
        gate_init(&gate, &config);
        load("%s%s", row("a", SECRET, "  scopes: jobs\n"), row("b", OTHER, "  scopes: admin\n"));
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                int status = ask(rows[i].method, rows[i].path, rows[i].key, i);

                if (status != rows[i].status)
                        fail_msg("%s %s %s: %d", rows[i].method, rows[i].path, rows[i].key, status);
        }
}

static void an_owner_is_the_name_and_an_admin_is_everybody(void **state)
{
        struct exchange a = request("GET", "/v3/jobs", SECRET), b = request("GET", "/v3/jobs", OTHER);

        load("%s%s", row("a", SECRET, "  scopes: jobs\n"), row("b", OTHER, "  scopes: admin\n"));
        assert_int_equal(ask_for(&a, 0, NULL), 0);
        assert_int_equal(ask_for(&b, 0, NULL), 0);
        assert_string_equal(a.owner, "a");
        assert_string_equal(b.owner, "");
        gate_leave(&a);
        gate_leave(&b);
}

static void a_rate_in_virtual_time(void **state)
{
        struct exchange exchange;
        unsigned retry = 0;

        load("%s", row("a", SECRET, "  scopes: jobs\n  rate: 0.5\n  burst: 2\n"));
        assert_int_equal(ask("GET", "/v3/jobs", SECRET, 10 * NSEC_PER_SEC), 0);
        assert_int_equal(ask("GET", "/v3/jobs", SECRET, 10 * NSEC_PER_SEC), 0);
        exchange = request("GET", "/v3/jobs", SECRET);
        assert_int_equal(ask_for(&exchange, 10 * NSEC_PER_SEC + 1, &retry), 429);
        assert_int_equal(retry, 2);
        assert_int_equal(ask("GET", "/v3/jobs", SECRET, 12 * NSEC_PER_SEC - 1), 429);
        assert_int_equal(ask("GET", "/v3/jobs", SECRET, 12 * NSEC_PER_SEC), 0);
        load("%s", row("a", SECRET, "  scopes: jobs\n  rate: 0.5\n  burst: 2\n"));
        assert_int_equal(ask("GET", "/v3/jobs", SECRET, 12 * NSEC_PER_SEC), 429); /* as before the new file */
}

static void so_many_at_once(void **state)
{
        struct exchange first = request("POST", "/api/v2/execute", SECRET), second = first, other = first;
        struct caller *seat;

        load("%s", row("a", SECRET, "  scopes: [execute, jobs]\n  concurrency: 2\n"));
        assert_int_equal(ask_for(&first, 0, NULL), 0);
        assert_int_equal(ask_for(&second, 0, NULL), 0);
        assert_int_equal(ask_for(&other, 0, NULL), 429);
        assert_int_equal(ask("GET", "/v3/jobs", SECRET, 0), 0); /* only programs count */
        gate_leave(&first);
        assert_int_equal(ask("POST", "/api/v2/execute", SECRET, 0), 0);
        seat = gate_seat_take(&second);
        gate_leave(&second);
        assert_int_equal(seat->n_running, 1);
        gate_seat_free(&server, seat);
        assert_int_equal(TAILQ_FIRST(&gate.callers)->n_running, 0);
        assert_int_equal(TAILQ_FIRST(&gate.callers)->n_held, 0);
}

static void what_is_under_way_outlives_its_row(void **state)
{
        struct exchange exchange = request("POST", "/api/v2/execute", SECRET);

        load("%s", row("a", SECRET, "  scopes: execute\n  concurrency: 1\n"));
        assert_int_equal(ask_for(&exchange, 0, NULL), 0);
        load("%s", row("b", OTHER, ""));
        assert_true(caller_is_gone(exchange.caller));
        assert_int_equal(ask("POST", "/api/v2/execute", SECRET, 0), 401);
        load("%s", row("a", SECRET, "  scopes: execute\n  concurrency: 1\n"));
        assert_false(caller_is_gone(exchange.caller));
        assert_int_equal(ask("POST", "/api/v2/execute", SECRET, 0), 429);
        load("a: no row\n"); /* changes nothing */
        assert_int_equal(ask("POST", "/api/v2/execute", SECRET, 0), 429);
        load("%s", row("b", OTHER, ""));
        gate_leave(&exchange); /* frees it */
}

static void a_sign_is_good_for_one_key_job_and_number(void **state)
{
        struct exchange a = request("GET", "/queue/next", SECRET), b = request("GET", "/queue/next", OTHER);
        uint64_t sign;

        load("%s%s", row("a", SECRET, "  scopes: worker\n"), row("b", OTHER, "  scopes: worker\n"));
        assert_int_equal(ask_for(&a, 0, NULL), 0);
        assert_int_equal(ask_for(&b, 0, NULL), 0);
        sign = gate_sign(&a, "job", 3);
        assert_true(sign < UINT64_C(1) << GATE_SIGN_BITS);
        assert_true(gate_is_signed(&a, "job", 3, sign));
        assert_false(gate_is_signed(&a, "job", 4, sign));
        assert_false(gate_is_signed(&a, "jab", 3, sign));
        assert_false(gate_is_signed(&b, "job", 3, sign));
        assert_false(gate_is_signed(&a, "job", 3, 0));
        gate_leave(&a);
        gate_leave(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(it_stands_open_without_keys, begin, end),
                cmocka_unit_test_setup_teardown(nobody_gets_in_before_the_keys_have_come, begin, end),
                cmocka_unit_test_setup_teardown(who_may_what, begin, end),
                cmocka_unit_test_setup_teardown(an_owner_is_the_name_and_an_admin_is_everybody, begin, end),
                cmocka_unit_test_setup_teardown(a_rate_in_virtual_time, begin, end),
                cmocka_unit_test_setup_teardown(so_many_at_once, begin, end),
                cmocka_unit_test_setup_teardown(what_is_under_way_outlives_its_row, begin, end),
                cmocka_unit_test_setup_teardown(a_sign_is_good_for_one_key_job_and_number, begin, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "api/route.h"
#include "api/door_piston.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* What some path has, in the order of the table. */
#define EVERY "GET,HEAD,POST,PUT,DELETE,PATCH"

static const struct {
        const char *method, *path;
        int expect;
        const char *allow;
} rows[] = {
        { "GET", "/", 0, "GET,HEAD" },
        { "HEAD", "/", 0, "GET,HEAD" },
        { "GET", "/health", 0, "GET,HEAD" },
        { "GET", "/api/v2/runtimes", 0, "GET,HEAD" },
        { "POST", "/api/v2/execute", 0, "POST" },
        { "GET", "/api/v2/piston/runtimes", 0, "GET,HEAD" },
        { "POST", "/api/v2/piston/execute", 0, "POST" },
        { "GET", "/api/v2/execute", ROUTE_NO_METHOD, "POST" },
        { "HEAD", "/api/v2/execute", ROUTE_NO_METHOD, "POST" },
        { "PUT", "/api/v2/runtimes", ROUTE_NO_METHOD, "GET,HEAD" },
        { "OPTIONS", "/api/v2/execute", ROUTE_OPTIONS, "POST" },
        { "OPTIONS", "*", ROUTE_OPTIONS, EVERY },
        { "OPTIONS", "/nowhere", ROUTE_NO_PATH, EVERY },
        { "TRACE", "/", ROUTE_NEVER, "GET,HEAD" },
        { "CONNECT", "a:443", ROUTE_NEVER, EVERY },
        { "GET", "/api/v2/runtimes/", ROUTE_NO_PATH, EVERY },
        { "GET", "/API/v2/runtimes", ROUTE_NO_PATH, EVERY },
        { "GET", "//", ROUTE_NO_PATH, EVERY },
        { "GET", "", ROUTE_NO_PATH, EVERY },
        { "GET", "/status/x", 0, "GET,HEAD" },
        { "GET", "/status/", ROUTE_NO_PATH, EVERY },
        { "GET", "/status/x/y", ROUTE_NO_PATH, EVERY },
        { "GET", "/v1/submissions", 0, "GET,HEAD" },
        { "GET", "/v1/submissions/x", 0, "GET,HEAD" },
        { "POST", "/v1/submissions/x", ROUTE_NO_METHOD, "GET,HEAD" },
        { "PUT", "/v1/admin/questions/x", 0, "PUT" },
        { "DELETE", "/execute", 0, "POST,GET,HEAD,PUT,PATCH,DELETE" },
};

static void finds_routes(void **state)
{
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char allow[ROUTE_ALLOW_MAX];
                const struct route *route = NULL;
                int r = route_find(view_of(rows[i].method), view_of(rows[i].path), allow, &route);

                if (r != rows[i].expect || (r == 0) != (route != NULL))
                        fail_msg("%s %s: %d", rows[i].method, rows[i].path, r);
                assert_string_equal(allow, rows[i].allow);
        }
}

static void the_public_prefix_is_the_same_door(void **state)
{
        char allow[ROUTE_ALLOW_MAX];
        const struct route *route = NULL;

        assert_int_equal(route_find(VIEW("POST"), VIEW("/api/v2/piston/execute"), allow, &route), 0);
        assert_ptr_equal(route->handle, door_piston_execute);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(finds_routes),
                cmocka_unit_test(the_public_prefix_is_the_same_door),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "api/door_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void who_gets_the_page(void **state)
{
        static const struct {
                const char *accept;
                bool wanted;
        } rows[] = {
                { "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
                  true },
                { "text/html", true },
                { "TEXT/HTML ; Q=0.5", true },
                { "application/json;q=0.5, text/html", true },
                { "text/html;level=1;q=0.9, application/json;q=0.8", true },
                { "", false },
                { "*/*", false },
                { "application/json", false },
                { "application/json, text/plain, */*", false },
                { "application/json, text/html", false },
                { "text/html;q=0", false },
                { "text/html;q=0.000", false },
                { "text/html;q=", true },
                { "text/html;q=x", false },
                { "text/htmlx, text/htm, html", false },
                { "text/html;q=0.1, application/json;q=0.2", false },
                { ",,,;;;q=,", false },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if (page_is_wanted(view_of(rows[i].accept)) != rows[i].wanted)
                        fail_msg("\"%s\"", rows[i].accept);
        assert_false(page_is_wanted((struct view){ NULL, 0 }));
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(who_gets_the_page) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

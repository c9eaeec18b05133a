/* What is on the shelf, what has gone, and bytes that are no shelf. */
#include "runtime/shelf.h"
#include "runtime/catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static char *no_words[] = { NULL };
static char *run_words[] = { "/bin/bash", "run", "{main}", NULL };

static struct runtime runtime_of(uint32_t number, const char *language, const char *version)
{
        struct runtime runtime = { .index = number,
                                   .language = (char *)(uintptr_t)language,
                                   .version = (char *)(uintptr_t)version,
                                   .title = (char *)(uintptr_t)language,
                                   .aliases = no_words,
                                   .env = no_words };

        for (int i = 0; i < STAGE_COUNT; i++)
                for (int j = 0; j < LIMIT_COUNT; j++)
                        *limit_at(&runtime.limits[i], (enum limit)j) = limit_rows[j].least;
        runtime.stages[STAGE_RUN] = (struct runtime_stage){ run_words, 3, NULL };
        return runtime;
}

static int put(struct shelf *shelf, const struct runtime *const *runtimes, size_t n)
{
        CLEANUP(bytes_deinit) struct bytes bytes = BYTES_INIT(SHELF_BYTES_MAX);

        assert_int_equal(shelf_encode(runtimes, n, &bytes), 0);
        return shelf_take(shelf, bytes_view(&bytes));
}

static void runtimes_come_and_go(void **state)
{
        struct runtime a = runtime_of(SHELF_FIRST + 5, "a", "1.0.0"),
                       b = runtime_of(SHELF_LAST, "b", "2.0.0");
        const struct runtime *both[] = { &a, &b };
        struct catalog catalog = { .shelf = shelf_new() };
        const struct runtime *kept;

        assert_null(catalog_next(&catalog, NULL));
        assert_int_equal(put(catalog.shelf, both, 2), SHELF_CHANGED);
        assert_int_equal(put(catalog.shelf, both, 2), 0);
        kept = catalog_find(&catalog, "b", "2.x");
        assert_ptr_equal(kept, catalog_at(&catalog, SHELF_LAST));
        assert_ptr_equal(catalog_next(&catalog, catalog_at(&catalog, SHELF_FIRST + 5)), kept);
        assert_int_equal(put(catalog.shelf, both, 1), SHELF_CHANGED);
        assert_null(catalog_find(&catalog, "b", "*"));
        assert_true(kept->gone);
        assert_string_equal(kept->language, "b");
        assert_int_equal(put(catalog.shelf, both, 2), SHELF_CHANGED);
        assert_ptr_equal(catalog_find(&catalog, "b", "*"), kept);
        assert_null(catalog_at(&catalog, SHELF_FIRST));
        shelf_free(catalog.shelf);
}

static void broken_bytes_change_nothing(void **state)
{
        struct runtime a = runtime_of(SHELF_FIRST, "a", "1.0.0");
        const struct runtime *one[] = { &a };
        CLEANUP(bytes_deinit) struct bytes bytes = BYTES_INIT(SHELF_BYTES_MAX);
        struct shelf *shelf = shelf_new();

        assert_int_equal(shelf_encode(one, 1, &bytes), 0);
        for (size_t n = 0; n < bytes.n; n++)
                assert_int_equal(shelf_take(shelf, (struct view){ bytes.p, n }), -EBADMSG);
        a.index = SHELF_FIRST - 1;
        assert_int_equal(put(shelf, one, 1), -EBADMSG);
        a.index = SHELF_FIRST;
        a.limits[STAGE_RUN].memory_bytes = 0;
        assert_int_equal(put(shelf, one, 1), -EBADMSG);
        assert_null(shelf_next(shelf, NULL));
        shelf_free(shelf);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(runtimes_come_and_go),
                cmocka_unit_test(broken_bytes_change_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

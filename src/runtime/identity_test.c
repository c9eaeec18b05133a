/* Whatever makes it another compiler makes it another identity; on real files. */
#include "runtime/identity.h"
#include "runtime/catalog.h"
#include "runtime/runtime.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <cmocka.h>

static char folder[] = "/tmp/coderunr-identity-XXXXXX";
static char tool[64], other[64];

static void write_file(const char *path, const char *text)
{
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        fputs(text, file);
        fclose(file);
}

struct world {
        char *argv[3];
        struct runtime runtime;
        struct catalog catalog;
};

static void world_open(struct world *world)
{
        *world = (struct world){ .argv = { tool, (char *)"-O2" } };
        world->runtime = (struct runtime){ .language = (char *)"x", .version = (char *)"1.0.0" };
        world->runtime.stages[STAGE_COMPILE].argv = world->argv;
        world->catalog = (struct catalog){ .runtimes = &world->runtime, .n_runtimes = 1 };
        write_file(tool, "one");
}

/* Has it become another? */
static bool changes(const struct world *world, uint8_t was[DIGEST_BYTES])
{
        uint8_t now[DIGEST_BYTES];
        bool other_one;

        identity_of_host(&world->runtime, "/etc/passwd", tool, now);
        assert_true(identity_known(now));
        other_one = memcmp(was, now, DIGEST_BYTES) != 0;
        memcpy(was, now, DIGEST_BYTES);
        return other_one;
}

static void test_what_changes_it(void **state)
{
        uint8_t was[DIGEST_BYTES] = { 0 };
        struct world world;

        assert_false(identity_known(was));
        world_open(&world);
        assert_true(changes(&world, was));
        assert_false(changes(&world, was));
        world.argv[1] = (char *)"-O3";
        assert_true(changes(&world, was));
        world.runtime.version = (char *)"1.0.1";
        assert_true(changes(&world, was));
        write_file(tool, "other");
        assert_true(changes(&world, was));
        write_file(other, "other");
        assert_true(changes(&world, was)); /* the folder it lies in */
        assert_int_equal(rename(other, tool), 0);
        assert_true(changes(&world, was));
        assert_false(changes(&world, was));
        assert_int_equal(unlink(tool), 0);
        assert_true(changes(&world, was));
}

static void test_all_together(void **state)
{
        uint8_t was[DIGEST_BYTES], now[DIGEST_BYTES];
        struct world world;

        world_open(&world);
        identity_now(&world.catalog, was);
        identity_now(&world.catalog, now);
        assert_memory_equal(was, now, DIGEST_BYTES);
        write_file(other, "other");
        identity_now(&world.catalog, now);
        assert_memory_not_equal(was, now, DIGEST_BYTES);
        world.catalog.engine[0] = 1;
        identity_now(&world.catalog, was);
        assert_memory_not_equal(was, now, DIGEST_BYTES);
}

static void test_changes_are_seen(void **state)
{
        char events[4096];
        struct world world;
        int fd;

        world_open(&world);
        fd = identity_watch(&world.catalog);
        assert_true(fd >= 0);
        assert_int_equal(read(fd, events, sizeof(events)), -1);
        write_file(other, "new");
        assert_int_equal(rename(other, tool), 0);
        assert_true(read(fd, events, sizeof(events)) > 0);
        assert_int_equal(read(fd, events, sizeof(events)), -1);
        assert_int_equal(chmod(tool, 0755), 0); /* no other bytes */
        assert_int_equal(read(fd, events, sizeof(events)), -1);
        write_file(tool, "written in place");
        assert_true(read(fd, events, sizeof(events)) > 0);
        close(fd);
}

static void test_what_is_prepared(void **state)
{
        char *recipe[] = { (char *)"make", NULL }, *another[] = { (char *)"make", (char *)"all", NULL };
        uint8_t was[DIGEST_BYTES], now[DIGEST_BYTES];
        struct world world;

        world_open(&world);
        world.runtime.prepare = recipe;
        identity_of_prepared(&world.runtime, tool, was);
        world.argv[1] = (char *)"-O3"; /* what is done with it is no matter */
        identity_of_prepared(&world.runtime, tool, now);
        assert_memory_equal(was, now, DIGEST_BYTES);
        world.runtime.prepare = another;
        identity_of_prepared(&world.runtime, tool, now);
        assert_memory_not_equal(was, now, DIGEST_BYTES);
}

static int clean(void **state)
{
        (void)unlink(tool);
        (void)unlink(other);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(test_what_changes_it, clean),
                cmocka_unit_test_teardown(test_all_together, clean),
                cmocka_unit_test_teardown(test_changes_are_seen, clean),
                cmocka_unit_test_teardown(test_what_is_prepared, clean),
        };
        int failed;

        if (!mkdtemp(folder))
                return 1;
        snprintf(tool, sizeof(tool), "%s/tool", folder);
        snprintf(other, sizeof(other), "%s/other", folder);
        failed = cmocka_run_group_tests(tests, NULL, NULL);
        rmdir(folder);
        return failed;
}

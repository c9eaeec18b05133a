#include "box/checks.h"
#include "box/checks_priv.h"
#include "util/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>

static const struct checks_ask sane = { "/var/lib/coderunr", 2000000000, 4096, 1 };

static size_t entries(const char *folder)
{
        DIR *dir = opendir(folder);
        size_t n = 0;

        assert_non_null(dir);
        while (readdir(dir))
                n++;
        closedir(dir);
        return n;
}

static size_t lines(const char *path)
{
        FILE *file = fopen(path, "re");
        char line[4096];
        size_t n = 0;

        assert_non_null(file);
        while (fgets(line, sizeof(line), file))
                n++;
        fclose(file);
        return n;
}

static void every_row_says_everything(void **state)
{
        for (enum check i = 0; i < CHECK_COUNT; i++) {
                assert_true(strlen(check_rows[i].id) > 0);
                assert_true(strlen(check_rows[i].title) > 0);
                assert_true(strlen(check_rows[i].lost) > 0);
                assert_true(strlen(check_rows[i].mend) > 0);
        }
}

static void every_probe_answers(void **state)
{
        struct check_answer answers[CHECK_COUNT];

        checks_run(&sane, answers);
        for (enum check i = 0; i < CHECK_COUNT; i++)
                assert_true(strlen(answers[i].found) > 0);
        assert_int_equal(answers[CHECK_ROOT].ok, geteuid() == 0);
        assert_true(answers[CHECK_RUNTIMES].ok);
}

static void asking_leaves_nothing(void **state)
{
        size_t fds = entries("/proc/self/fd"), mounts = lines("/proc/self/mountinfo");
        struct check_answer answers[CHECK_COUNT];

        checks_run(&sane, answers);
        checks_run(&sane, answers);
        assert_int_equal(entries("/proc/self/fd"), fds);
        assert_int_equal(lines("/proc/self/mountinfo"), mounts);
}

static void what_the_asker_knows_counts(void **state)
{
        struct checks_ask ask = sane;
        char found[200];

        ask.n_runtimes = 0;
        assert_false(check_probe_runtimes(&ask, found));
        ask.uid_base = 0;
        assert_false(check_probe_uid_range(&ask, found));
        assert_non_null(strstr(found, "user root"));
        ask.data_directory = "/proc/no such place";
        assert_true(strlen(found) > 0);
        check_probe_disk(&ask, found);
        assert_non_null(strstr(found, "/proc"));
}

static void first_missing_row_is_named(void **state)
{
        struct checks_ask ask = sane;
        struct err err = { 0 };

        if (geteuid() != 0) {
                assert_int_equal(checks_required_failed(&ask, &err), -ENOTSUP);
                assert_non_null(strstr(err.text, "root"));
                return;
        }
        ask.cgroup_parent = getenv("CODERUNR_CGROUP_PARENT");
        ask.uid_base = 0;
        assert_int_equal(checks_required_failed(&ask, &err), -ENOTSUP);
        assert_non_null(strstr(err.text, "free range of user ids"));
        assert_non_null(strstr(err.text, check_rows[CHECK_UID_RANGE].mend));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_row_says_everything),  cmocka_unit_test(every_probe_answers),
                cmocka_unit_test(asking_leaves_nothing),      cmocka_unit_test(what_the_asker_knows_counts),
                cmocka_unit_test(first_missing_row_is_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

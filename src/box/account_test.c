/* The v2 side on a plain folder that stands for a box's group: also a kernel that keeps no memory.peak. */
#include "box/account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static struct slot_boot boot = { .account_mask = 1u << ACCOUNT_V2, .controller_v2 = { 1, 1, 1 } };
static char folder[] = "/tmp/account-test-XXXXXX";
static int box = -1; /* what stands for the group */

static const char *const files[] = {
        "memory.max",    "memory.swap.max", "memory.oom.group", "memory.current", "memory.peak",
        "memory.events", "pids.max",        "pids.events",      "cpu.stat",       "cpu.max",
};

static void put(const char *name, const char *text)
{
        int fd = openat(box, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}

static void expect_text(const char *name, const char *text)
{
        char found[64] = "";
        int fd = openat(box, name, O_RDONLY | O_CLOEXEC);

        assert_true(read(fd, found, sizeof(found) - 1) >= 0);
        close(fd);
        assert_string_equal(found, text);
}

static struct account begin(const char *peak)
{
        struct account account;
        enum step step;
        int group;

        account_init(&account, &boot);
        assert_int_equal(account_prepare(&account, &group), 0);
        assert_true(group >= 0);
        box = group;
        for (size_t i = 0; i < ARRAY_LEN(files); i++)
                put(files[i], "");
        if (peak)
                put("memory.peak", peak);
        else
                assert_int_equal(unlinkat(box, "memory.peak", 0), 0);
        put("memory.current", "1000000\n");
        put("memory.events", "low 0\nhigh 0\nmax 3\noom 2\noom_kill 2\noom_group_kill 1\n");
        put("pids.events", "max 7\n");
        put("cpu.stat", "usage_usec 5000\nuser_usec 4000\nsystem_usec 1000\n");
        assert_int_equal(account_begin(&account, 64 * MIB, 10, &step), 0);
        return account;
}

static void end(struct account *account)
{
        for (size_t i = 0; i < ARRAY_LEN(files); i++)
                (void)unlinkat(box, files[i], 0);
        account_discard(account);
        assert_int_equal(faccessat(account->fd[ACCOUNT_V2], "box", F_OK, 0), -1);
}

static void test_limits_are_written(void **state)
{
        struct account account = begin("1500000\n");

        expect_text("memory.max", "67895296"); /* and what an empty box takes */
        expect_text("memory.swap.max", "0");
        expect_text("memory.oom.group", "1");
        expect_text("pids.max", "11"); /* and init */
        end(&account);
}

static void test_a_share_is_written_when_it_changes(void **state)
{
        struct account account = begin("1500000\n");

        assert_int_equal(account_share(&account, 0), 0);
        expect_text("cpu.max", ""); /* a new group has no bound */
        assert_int_equal(account_share(&account, 50), 0);
        expect_text("cpu.max", "10000 20000");
        put("cpu.max", "");
        assert_int_equal(account_share(&account, 50), 0);
        expect_text("cpu.max", "");
        assert_int_equal(account_share(&account, 250), 0);
        expect_text("cpu.max", "50000 20000");
        put("cpu.max", "");
        assert_int_equal(account_share(&account, 0), 0);
        expect_text("cpu.max", "max");
        assert_int_equal(unlinkat(box, "cpu.max", 0), 0);
        assert_int_equal(account_share(&account, 50), 0); /* a kernel without */
        put("cpu.max", "");
        end(&account);
}

static void test_counters_are_told_from_the_order_on(void **state)
{
        struct account account = begin("1500000\n");
        struct account_usage usage;

        put("memory.peak", "9000000\n");
        put("memory.events", "low 0\nhigh 0\nmax 9\noom 3\noom_kill 5\noom_group_kill 2\n");
        put("pids.events", "max 9\n");
        put("cpu.stat", "usage_usec 12000\nuser_usec 10000\nsystem_usec 2000\n");
        assert_int_equal(account_cpu_ns(&account), 7000 * NSEC_PER_USEC);
        account_end(&account, &usage);
        assert_int_equal(usage.cpu_ns, 7000 * NSEC_PER_USEC);
        assert_int_equal(usage.memory_bytes, 8000000);
        assert_int_equal(usage.oom_kills, 3);
        assert_int_equal(usage.fork_failures, 2);
        end(&account);
}

static void test_without_a_peak_the_looks_are_remembered(void **state)
{
        struct account account = begin(NULL);
        struct account_usage usage;

        put("memory.current", "6000000\n");
        (void)account_cpu_ns(&account);
        put("memory.current", "1200000\n");
        account_end(&account, &usage);
        assert_int_equal(usage.memory_bytes, 5000000);
        end(&account);

        account = begin(NULL);
        put("memory.current", "2500000\n");
        account_end(&account, &usage);
        assert_int_equal(usage.memory_bytes, 1500000);
        end(&account);
}

static int open_folder(void **state)
{
        int fd = mkdtemp(folder) ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

        if (fd < 0 || dup2(fd, SLOT_FD_ACCOUNT + ACCOUNT_V2) < 0)
                return -1;
        return fd == SLOT_FD_ACCOUNT + ACCOUNT_V2 ? 0 : close(fd);
}

static int remove_folder(void **state)
{
        return rmdir(folder);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_limits_are_written),
                cmocka_unit_test(test_a_share_is_written_when_it_changes),
                cmocka_unit_test(test_counters_are_told_from_the_order_on),
                cmocka_unit_test(test_without_a_peak_the_looks_are_remembered),
        };

        return cmocka_run_group_tests(tests, open_folder, remove_folder);
}

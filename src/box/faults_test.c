/*
 * Every set-up step of a slot and of a box is made to fail, by an error and by a kill: the right step and error are
 * reported, nothing is left, and the next job runs.  The keeper is the one built with CODERUNR_FAULTS.
 */
#include "box/steps.h"
#include "box/test_world.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>

static const struct order_row hello = { { "echo", "hello" } };

static void start_slot(enum step step, uint32_t error)
{
        struct err err = { "" };

        world.warden.boot->fault = (struct slot_fault){ .step = step, .error = error, .times = 1 };
        if (warden_slot_start(&world.warden, 0, &world.slots[0], &err) < 0)
                fail_msg("%s", err.text);
}

/* The keeper has ended: reap it as the warden does. */
static void expect_gone(void)
{
        struct pollfd fd = { world.slots[0], POLLIN, 0 };
        struct box_report report;
        int status;
        pid_t pid;

        assert_int_equal(poll(&fd, 1, WORLD_WAIT_MS), 1);
        assert_int_equal(box_report_recv(world.slots[0], &report), BOX_GONE);
        close_fd(&world.slots[0]);
        pid = waitpid(world.warden.keepers[0], &status, 0);
        assert_int_equal(warden_reaped(&world.warden, pid), 0);
}

static void end_slot(void)
{
        close_fd(&world.slots[0]);
        assert_int_equal(warden_reaped(&world.warden, waitpid(world.warden.keepers[0], NULL, 0)), 0);
}

static void expect_hello(void)
{
        struct bytes output = BYTES_INIT(4096);
        struct box_report report = world_run(world.slots[0], &hello, &output);

        if (report.end != END_EXITED)
                print_error("hello: %s of %s: %s\n", box_end_name(report.end), box_step_name(report.step),
                            strerror(report.error));
        assert_int_equal(report.end, END_EXITED);
        assert_string_equal(output.p, "hello\n");
        bytes_deinit(&output);
}

/* No process of the slot's users is left; the last ones may be dying when the keeper is reaped. */
static void expect_nobody(void)
{
        int left = 1;

        for (int i = 0; left > 0 && i < 100; i++) {
                while (waitpid(-1, NULL, WNOHANG) > 0) /* orphans of a killed keeper come to the warden */
                        ;
                left = world_count_user(world.warden.uid_base + WARDEN_UID_SLOT) +
                       world_count_user(world.warden.uid_base + WARDEN_UID_INIT);
                if (left > 0)
                        poll(NULL, 0, 10);
        }
        assert_int_equal(left, 0);
}

static void test_slot_steps_fail(void **state)
{
        for (enum step step = STEP_BOOT; step <= STEP_SLOT_FILTER; step++) {
                struct box_report report;

                start_slot(step, EIO);
                report = world_report(world.slots[0]);
                if (report.end != END_SETUP || report.step != (int)step)
                        print_error("%s: reported as %s\n", box_step_name((int)step),
                                    box_step_name(report.step));
                assert_int_equal(report.end, END_SETUP);
                assert_int_equal(report.step, step);
                assert_int_equal(report.error, EIO);
                expect_gone();
                expect_nobody();
        }
        start_slot(STEP_NONE, 0);
        world_expect_ready(world.slots[0]);
        expect_hello();
        end_slot();
}

static void test_slot_steps_killed(void **state)
{
        for (enum step step = STEP_BOOT; step <= STEP_SLOT_FILTER; step++) {
                start_slot(step, 0);
                expect_gone();
                expect_nobody();
        }
}

static void test_box_steps_fail(void **state)
{
        for (enum step step = STEP_BOX_CGROUP; step <= STEP_PROGRAM_READY; step++) {
                struct box_report report;

                start_slot(step, EIO);
                report = world_report(world.slots[0]);
                if (report.end != END_SETUP || report.step != (int)step)
                        print_error("%s: reported as %s of %s\n", box_step_name((int)step),
                                    box_end_name(report.end), box_step_name(report.step));
                assert_int_equal(report.end, END_SETUP);
                assert_int_equal(report.step, step);
                assert_int_equal(report.error, EIO);
                world_expect_ready(world.slots[0]); /* the keeper tries again by itself */
                expect_hello();
                end_slot();
                expect_nobody();
        }
}

static void test_box_steps_killed(void **state)
{
        for (enum step step = STEP_BOX_CGROUP; step <= STEP_PROGRAM_READY; step++) {
                start_slot(step, 0);
                if (step <= STEP_BOX_CLONE) {
                        expect_gone(); /* it was the keeper */
                } else {
                        struct box_report report = world_report(world.slots[0]);

                        if (report.end != END_SETUP)
                                print_error("%s killed: %s\n", box_step_name((int)step),
                                            box_end_name(report.end));
                        assert_int_equal(report.end, END_SETUP);
                        world_expect_ready(world.slots[0]);
                        expect_hello();
                        end_slot();
                }
                expect_nobody();
        }
}

/* The program's process may be done long before init has given up its privileges; READY waits for both. */
static void test_ready_waits_for_init(void **state)
{
        uint64_t start = clock_now_ns();
        struct err err = { "" };

        world.warden.boot->fault =
                (struct slot_fault){ .step = STEP_INIT_PRIVILEGES, .delay_ms = 500, .times = 1 };
        if (warden_slot_start(&world.warden, 0, &world.slots[0], &err) < 0)
                fail_msg("%s", err.text);
        world_expect_ready(world.slots[0]);
        assert_true(clock_now_ns() - start >= 500 * NSEC_PER_MSEC);
        end_slot();
}

static int files_of_one(void)
{
        int fd = pack_open(1);

        assert_int_equal(pack_add(fd, "a", 1, "b", 1, 0), 0);
        assert_int_equal(pack_seal(fd, 1), 0);
        return fd;
}

/* How a failing step of an order is told: most as END_SETUP, two as what they are. */
static enum report_end expected_end(enum step step)
{
        return step == STEP_PROGRAM_FILES ? END_FILES : step == STEP_PROGRAM_EXEC ? END_EXEC : END_SETUP;
}

static void test_order_steps_fail(void **state)
{
        for (enum step step = STEP_LIMIT_MEMORY; step <= STEP_PROGRAM_EXEC; step++) {
                int files = files_of_one(), out;
                struct box_report report;

                start_slot(step, EIO);
                world_expect_ready(world.slots[0]);
                out = world_start(world.slots[0], &hello, files, -1);
                report = world_report(world.slots[0]);
                if (report.step != (int)step)
                        print_error("%s: reported as %s of %s\n", box_step_name((int)step),
                                    box_end_name(report.end), box_step_name(report.step));
                assert_int_equal(report.end, expected_end(step));
                assert_int_equal(report.step, step);
                assert_int_equal(report.error, EIO);
                world_expect_ready(world.slots[0]);
                expect_hello();
                end_slot();
                expect_nobody();
                close(files);
                close(out);
        }
}

/* Killed before there is a program: lost, never "the program died of signal 9". */
static void test_order_steps_killed(void **state)
{
        for (enum step step = STEP_LIMIT_MEMORY; step <= STEP_PROGRAM_EXEC; step++) {
                int files = files_of_one(), out;

                start_slot(step, 0);
                world_expect_ready(world.slots[0]);
                out = world_start(world.slots[0], &hello, files, -1);
                if (step <= STEP_ORDER_SEND) {
                        expect_gone();
                } else {
                        assert_int_equal(world_report(world.slots[0]).end, END_LOST);
                        world_expect_ready(world.slots[0]);
                        expect_hello();
                        end_slot();
                }
                expect_nobody();
                close(files);
                close(out);
        }
}

/* ---- killed from outside while somebody is at a step ---- */

static int parent_of(int pid)
{
        CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(4096);
        const char *line;
        char path[32];

        snprintf(path, sizeof(path), "/proc/%d/status", pid);
        line = bytes_read_file(&text, path) == 0 ? strstr(text.p, "\nPPid:") : NULL;
        return line ? (int)strtol(line + 6, NULL, 10) : 0;
}

static bool is_paused(int pid)
{
        CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(64);
        char path[32];

        snprintf(path, sizeof(path), "/proc/%d/comm", pid);
        return bytes_read_file(&text, path) == 0 && streq(text.p, STEPS_PAUSED "\n");
}

/* Keeper, init or program of slot 0: the one that is late. */
static int find_paused(void)
{
        pid_t keeper = world.warden.keepers[0];
        DIR *dir = opendir("/proc");
        struct dirent *entry;
        int found = 0;

        assert_non_null(dir);
        while (!found && (entry = readdir(dir))) {
                int pid = (int)strtol(entry->d_name, NULL, 10), up = pid;

                for (int i = 0; pid > 0 && i < 3 && up > 0 && up != keeper; i++)
                        up = parent_of(up);
                if (pid > 0 && up == keeper && is_paused(pid))
                        found = pid;
        }
        closedir(dir);
        return found;
}

/* Somebody has come to the step. */
static bool is_anybody_paused(uint64_t wait_ms)
{
        uint64_t until = clock_now_ns() + wait_ms * NSEC_PER_MSEC;

        while (find_paused() <= 0) {
                if (clock_now_ns() > until)
                        return false;
                poll(NULL, 0, 2);
        }
        return true;
}

static void await_paused(enum step step)
{
        if (!is_anybody_paused(WORLD_WAIT_MS))
                fail_msg("nobody came to the step that should %s", box_step_name((int)step));
}

static void pause_at(enum step step, uint32_t ms)
{
        struct err err = { "" };

        world.warden.boot->fault = (struct slot_fault){ .step = step, .delay_ms = ms, .times = 1 };
        if (warden_slot_start(&world.warden, 0, &world.slots[0], &err) < 0)
                fail_msg("%s", err.text);
}

static void expect_works(void)
{
        start_slot(STEP_NONE, 0);
        world_expect_ready(world.slots[0]);
        expect_hello();
        end_slot();
        expect_nobody();
}

enum { LONG_MS = 600000 };

/* Whoever is at a step dies with the keeper, however long the step would take. */
static void test_keeper_killed_at_each_step(void **state)
{
        for (enum step step = STEP_BOOT; step <= STEP_PROGRAM_READY; step++) {
                if (step == STEP_SLOT_IMAGE)
                        continue; /* slots without images do not come by */
                pause_at(step, LONG_MS);
                await_paused(step);
                assert_int_equal(kill(world.warden.keepers[0], SIGKILL), 0);
                expect_gone();
                expect_nobody();
        }
        expect_works();
}

static void test_keeper_killed_at_each_step_of_an_order(void **state)
{
        for (enum step step = STEP_LIMIT_MEMORY; step <= STEP_PROGRAM_EXEC; step++) {
                int files = files_of_one(), out;

                pause_at(step, LONG_MS);
                world_expect_ready(world.slots[0]);
                out = world_start(world.slots[0], &hello, files, -1);
                await_paused(step);
                assert_int_equal(kill(world.warden.keepers[0], SIGKILL), 0);
                expect_gone();
                expect_nobody();
                close(files);
                close(out);
        }
        expect_works();
}

/* The runner hangs up: the keeper finishes the step, finds nobody to work for, and leaves nothing. */
static void hang_up_at(enum step step)
{
        bool seen = false;
        int status;

        for (int i = 0; i < 10 && !seen; i++) { /* on a busy machine he may have gone on before we looked */
                pause_at(step, 100);
                seen = is_anybody_paused(2000);
                close_fd(&world.slots[0]);
                assert_int_equal(waitpid(world.warden.keepers[0], &status, 0), world.warden.keepers[0]);
                assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
                assert_int_equal(warden_reaped(&world.warden, world.warden.keepers[0]), 0);
                expect_nobody();
        }
        if (!seen)
                fail_msg("nobody came to the step that should %s", box_step_name((int)step));
}

static void test_runner_gone_at_each_step(void **state)
{
        for (enum step step = STEP_BOOT; step <= STEP_PROGRAM_READY; step++)
                if (step != STEP_SLOT_IMAGE)
                        hang_up_at(step);
        expect_works();
}

static int set_up(void **state)
{
        return world_open(CODERUNR_KEEPER_FAULTS, 2000700000);
}

static int tear_down(void **state)
{
        return world_close();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_slot_steps_fail),
                cmocka_unit_test(test_slot_steps_killed),
                cmocka_unit_test(test_box_steps_fail),
                cmocka_unit_test(test_box_steps_killed),
                cmocka_unit_test(test_ready_waits_for_init),
                cmocka_unit_test(test_order_steps_fail),
                cmocka_unit_test(test_order_steps_killed),
                cmocka_unit_test(test_keeper_killed_at_each_step),
                cmocka_unit_test(test_keeper_killed_at_each_step_of_an_order),
                cmocka_unit_test(test_runner_gone_at_each_step),
        };

        if (geteuid() != 0) {
                print_message("faults: needs root\n");
                return 77;
        }
        return cmocka_run_group_tests(tests, set_up, tear_down);
}

/*
 * Boxes for real: a warden with two slots, orders as the runner sends them, reports as keepers make them.
 * Needs root; anybody else is told so and the test is skipped.
 */
#include "box/test_world.h"
#include "util/err.h"
#include "util/fdio.h"
#include "util/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

static const struct order_row rows[] = {
        { { "echo", "hello" }, .end = END_EXITED, .output = "hello\n" },
        { { "sh", "-c", "exit 7" }, .end = END_EXITED, .status = 7 << 8 },
        { { "sh", "-c", "kill -11 $$" }, .end = END_EXITED, .status = SIGSEGV },
        { { "/no/such/program" }, .end = END_EXEC, .status = -1 },
        { { "sleep", "60" }, .wall_ms = 200, .end = END_WALL, .status = -1 },
        { { "sh", "-c", "while :; do :; done" }, .cpu_ms = 200, .end = END_CPU, .status = -1 },
        /* a stubborn tree with its own sessions and ignored signals dies with the box, and does not delay the answer */
        { { "sh", "-c", "trap '' TERM HUP INT; (setsid sleep 60 &) ; (sleep 60 &) ; echo out" },
          .end = END_EXITED,
          .output = "out\n" },
        { { "sh", "-c",
            "id -u; id -g; hostname; pwd; ls -A; cat /proc/self/uid_map | tr -s ' ' | cut -d ' ' -f 2" },
          .end = END_EXITED,
          .output = "1000\n1000\nbox\n/box/submission\n1000\n" },
        { { "sh", "-c",
            "for f in /etc/shadow /root /home /srv /mnt /proc/1/mem /proc/kcore /proc/pid/1 "
            "/proc/pid/meminfo /proc/pid/sys /sys/fs; do test -e $f && echo "
            "$f; done; exit 0" },
          .end = END_EXITED,
          .output = "" },
        { { "sh", "-c",
            "echo x > /usr/x || echo x > /etc/x || echo x > /x || echo x > /proc/self/oom_score_adj" },
          .end = END_EXITED,
          .status = -1,
          .output = "sh: 1: cannot create /usr/x: Read-only file system\nsh: 1: cannot create /etc/x: "
                    "Read-only file system\n"
                    "sh: 1: cannot create /x: Read-only file system\nsh: 1: cannot create "
                    "/proc/self/oom_score_adj: Read-only file system\n" },
        { { "sh", "-c", "ln -s /etc/passwd l; cat l" },
          .end = END_EXITED,
          .status = 1 << 8,
          .output = "cat: l: Too many levels of symbolic links\n" },
        { { "sh", "-c", "unshare -U true; mount -t tmpfs t /tmp; hostname x" },
          .end = END_EXITED,
          .status = -1 },
};

static void test_rows(void **state)
{
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct bytes output = BYTES_INIT(65536);
                struct box_report report = world_run(world.slots[i % WORLD_SLOTS], &rows[i], &output);

                if (report.end != rows[i].end ||
                    (rows[i].output && !streq(output.p ? output.p : "", rows[i].output)))
                        print_error("row %zu (%s): %s, output '%s'\n", i,
                                    rows[i].argv[2] ? rows[i].argv[2] : rows[i].argv[0],
                                    box_end_name(report.end), output.p ? output.p : "");
                assert_int_equal(report.end, rows[i].end);
                if (rows[i].status >= 0)
                        assert_int_equal(report.wait_status, rows[i].status);
                if (rows[i].output)
                        assert_string_equal(output.p ? output.p : "", rows[i].output);
                bytes_deinit(&output);
        }
}

static void test_limits_end_when_they_say(void **state)
{
        const struct order_row wall = { { "sleep", "60" }, .wall_ms = 500 };
        const struct order_row cpu = { { "sh", "-c", "while :; do :; done" }, .cpu_ms = 500 };
        struct bytes output = BYTES_INIT(65536);
        struct box_report report = world_run(world.slots[0], &wall, &output);

        assert_in_range(report.wall_ns / NSEC_PER_MSEC, 500, 1000); /* 501 on an idle machine */
        report = world_run(world.slots[1], &cpu, &output);
        assert_in_range(report.cpu_ns / NSEC_PER_MSEC, 500, 700); /* 501 on an idle machine */
        /* and the slot's next box starts from nothing */
        report = world_run(world.slots[1], &rows[0], &output);
        assert_true(report.cpu_ns < 200 * NSEC_PER_MSEC);
        bytes_deinit(&output);
}

static void test_memory_is_seen_by_the_kernel(void **state)
{
        const struct order_row over = { { "sh", "-c", "head -c 200m /dev/zero | tail -c 199m | wc -c" },
                                        .memory_mib = 32 };
        const struct order_row under = { { "sh", "-c", "head -c 20m /dev/zero | tail -c 19m | wc -c" },
                                         .memory_mib = 64 };
        struct bytes output = BYTES_INIT(65536);
        struct box_report report = world_run(world.slots[0], &over, &output);

        assert_true(report.oom_kills > 0);
        assert_true(report.memory_bytes <= 37 * MIB); /* the limit, and the empty box counted generously */
        report = world_run(world.slots[0], &under, &output);
        assert_int_equal(report.oom_kills, 0);
        assert_in_range(report.memory_bytes / MIB, 18, 40);
        /* the next small program on the same slot is not charged for it */
        report = world_run(world.slots[0], &rows[0], &output);
        assert_true(report.memory_bytes < 8 * MIB);
        bytes_deinit(&output);
}

/* On v1 the kernel kills one process; a parent that waits for something else must not turn that into a wall verdict. */
static void test_memory_of_a_child_ends_the_box(void **state)
{
        const struct order_row row = { { "sh", "-c",
                                         "(head -c 200m /dev/zero | tail -c 199m | wc -c) & sleep 60" },
                                       .wall_ms = 10000,
                                       .memory_mib = 32 };
        struct bytes output = BYTES_INIT(65536);
        struct box_report report = world_run(world.slots[0], &row, &output);

        assert_true(report.oom_kills > 0);
        assert_int_equal(report.end, END_EXITED);
        assert_true(report.wall_ns < 9 * NSEC_PER_SEC);
        /* and the next box of the slot starts with no such event */
        assert_int_equal(world_run(world.slots[0], &rows[0], &output).wait_status, 0);
        bytes_deinit(&output);
}

static void test_processes_disk_inodes_file_size(void **state)
{
        const struct order_row forks = {
                { "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 60 & done; exit 1" }, .processes = 4
        };
        const struct order_row disk = { { "sh", "-c", "head -c 1m /dev/zero > a; exit 1" }, .disk_kib = 128 };
        const struct order_row inodes = {
                { "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do : > $i; done; exit 1" },
                .inodes = 16
        };
        const struct order_row file_size = { { "sh", "-c", "exec head -c 1m /dev/zero > a" },
                                             .file_kib = 64 };
        struct bytes output = BYTES_INIT(2 * MIB);
        struct box_report report = world_run(world.slots[0], &forks, &output);

        assert_true(report.fork_failures > 0);
        report = world_run(world.slots[0], &disk, &output);
        assert_true(report.flags & REPORT_DISK_FULL);
        report = world_run(world.slots[0], &inodes, &output);
        assert_true(report.flags & REPORT_INODES_FULL);
        report = world_run(world.slots[0], &file_size, &output);
        assert_int_equal(report.wait_status, SIGXFSZ);
        bytes_deinit(&output);
}

static void test_kill_and_signal(void **state)
{
        const struct order_row row = { { "sleep", "60" } };
        const struct order_row trap = {
                { "sh", "-c", "trap 'echo usr1; exit 3' USR1; echo set; while :; do sleep 0.01; done" }
        };
        struct bytes output = BYTES_INIT(65536);
        struct box_report report;
        char first[4];
        int out;

        out = world_start(world.slots[0], &row, -1, -1);
        assert_int_equal(box_kill(world.slots[0], world.job, END_CANCELLED), 0);
        report = world_report(world.slots[0]);
        assert_int_equal(report.end, END_CANCELLED);
        close(out);
        world_expect_ready(world.slots[0]);

        out = world_start(world.slots[0], &trap, -1, -1);
        assert_int_equal(read(out, first, 4), 4); /* "set\n": the trap stands */
        assert_int_equal(box_signal(world.slots[0], world.job, SIGUSR1), 0);
        report = world_report(world.slots[0]);
        assert_int_equal(report.wait_status, 3 << 8);
        world_output(out, &output);
        assert_string_equal(output.p, "usr1\n");
        world_expect_ready(world.slots[0]);
        /* too late: the slot's next box is not hurt */
        assert_int_equal(box_kill(world.slots[0], world.job, END_CANCELLED), 0);
        bytes_clear(&output);
        (void)world_run(world.slots[0], &rows[0], &output);
        assert_string_equal(output.p, "hello\n");
        bytes_deinit(&output);
}

/* What the first box made comes back as a pack and is there in the second, with its executable bit. */
static void test_files_and_artefact(void **state)
{
        const struct order_row make = {
                { "sh", "-c", "cat src/a.txt > b; chmod +x b; mkdir -p d/e; ln -s /etc/passwd l; mkfifo f" }
        };
        const struct order_row look = { { "sh", "-c", "ls -1 -R; ./b" } };
        int fd = pack_open(1), artefact[2], copy = pack_open(0), out;
        struct bytes pack = BYTES_INIT(MIB), output = BYTES_INIT(65536);
        static const char script[] = "#!/bin/sh\necho ran\n";

        assert_int_equal(pack_add(fd, "src/a.txt", 9, script, strlen(script), 0), 0);
        assert_int_equal(pack_seal(fd, 1), 0);
        assert_int_equal(pipe2(artefact, O_CLOEXEC), 0);
        out = world_start(world.slots[0], &make, fd, artefact[1]);
        close(artefact[1]);
        assert_int_equal(bytes_read_fd(&pack, artefact[0]), 0);
        close(artefact[0]);
        assert_int_equal(world_report(world.slots[0]).wait_status, 0);
        world_expect_ready(world.slots[0]);
        close(out);
        assert_int_equal(pwrite(copy, pack.p, pack.n, 0), (ssize_t)pack.n);
        assert_int_equal(pack_seal(copy, ((struct pack_head *)(void *)pack.p)->count), 0);
        out = world_start(world.slots[1], &look, copy, -1);
        assert_int_equal(world_report(world.slots[1]).wait_status, 0);
        world_output(out, &output);
        assert_string_equal(output.p, ".:\nb\nd\nsrc\n\n./d:\ne\n\n./d/e:\n\n./src:\na.txt\nran\n");
        world_expect_ready(world.slots[1]);
        close(fd);
        close(copy);
        bytes_deinit(&pack);
        bytes_deinit(&output);
}

/* By the time of the report every writer is dead: what is in the pipe then is all there will ever be. */
static void test_nothing_is_written_after_the_report(void **state)
{
        const struct order_row writer = {
                { "sh", "-c", "(setsid sh -c 'while :; do echo x; done' &); sleep 0.01; exit 0" }
        };

        for (int i = 0; i < 40; i++) {
                struct bytes output = BYTES_INIT(MIB);
                int out = world_start(world.slots[0], &writer, -1, -1), there;

                assert_int_equal(world_report(world.slots[0]).end, END_EXITED);
                assert_int_equal(ioctl(out, FIONREAD, &there), 0);
                world_output(out, &output);
                assert_int_equal(output.n, there);
                world_expect_ready(world.slots[0]);
                bytes_deinit(&output);
        }
}

/* As box_run() would send it, but unchecked: the keeper must not believe it. */
static void send_order(int slot, const struct box_spec *spec, const char *words, size_t n_fds)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC), fds[FDIO_FDS_MAX];
        struct iovec iov[2] = { { (void *)(uintptr_t)spec, sizeof(*spec) },
                                { (void *)(uintptr_t)words, spec->words_bytes } };

        for (size_t i = 0; i < n_fds; i++)
                fds[i] = null;
        assert_int_equal(fdio_send(slot, iov, 2, fds, n_fds), 0);
        close(null);
}

static void test_bad_orders_are_refused(void **state)
{
        struct bytes output = BYTES_INIT(65536);
        struct box_spec good, spec;
        static const char words[] = "true\0A=b";

        world_fill(&good, &rows[0]);
        good.n_args = 1;
        good.words_bytes = sizeof(words);
        for (int i = 0; i < 6; i++) {
                spec = good;
                switch (i) {
                case 0:
                        spec.memory_bytes = 1;
                        break;
                case 1:
                        spec.wall_ns = UINT64_MAX;
                        break;
                case 2:
                        spec.processes = 0;
                        break;
                case 3:
                        spec.n_args = UINT32_MAX;
                        break;
                case 4:
                        spec.flags = SPEC_HAS_FILES; /* which are not there */
                        break;
                default:
                        spec.magic = 0;
                }
                send_order(world.slots[0], &spec, words, 3);
                assert_int_equal(world_report(world.slots[0]).end, END_REFUSED);
        }
        for (size_t n = 0; n <= FDIO_FDS_MAX; n++) {
                if (n == 3)
                        continue;
                send_order(world.slots[0], &good, words, n);
                assert_int_equal(world_report(world.slots[0]).end, END_REFUSED);
        }
        (void)!send(world.slots[0], "x", 1, 0); /* not an order at all: nothing happens */
        assert_int_equal(world_run(world.slots[0], &rows[0], &output).end, END_EXITED);
        assert_string_equal(output.p, "hello\n");
        bytes_deinit(&output);
}

static void test_killed_init_is_lost_not_blamed(void **state)
{
        const struct order_row row = { { "sleep", "60" } };
        struct box_report report;
        int out = world_start(world.slots[0], &row, -1, -1);

        assert_int_equal(world_kill_user(world.warden.uid_base + WARDEN_UID_INIT), 1); /* ours by its uid */
        report = world_report(world.slots[0]);
        assert_int_equal(report.end, END_LOST);
        close(out);
        world_expect_ready(world.slots[0]);
}

static int set_up(void **state)
{
        if (world_open(CODERUNR_KEEPER, 2000500000) < 0)
                return -1;
        world_start_slots();
        return 0;
}

static int tear_down(void **state)
{
        return world_close();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows),
                cmocka_unit_test(test_limits_end_when_they_say),
                cmocka_unit_test(test_memory_is_seen_by_the_kernel),
                cmocka_unit_test(test_memory_of_a_child_ends_the_box),
                cmocka_unit_test(test_processes_disk_inodes_file_size),
                cmocka_unit_test(test_kill_and_signal),
                cmocka_unit_test(test_files_and_artefact),
                cmocka_unit_test(test_nothing_is_written_after_the_report),
                cmocka_unit_test(test_bad_orders_are_refused),
                cmocka_unit_test(test_killed_init_is_lost_not_blamed),
        };

        if (geteuid() != 0) {
                print_message("box: needs root\n");
                return 77;
        }
        return cmocka_run_group_tests(tests, set_up, tear_down);
}

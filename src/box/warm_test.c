/*
 * Warm programs in real slots: each interpreter that is here runs its program cold, then warm, and nobody can tell by what
 * the program says which was which.
 */
#include "box/steps.h"
#include "box/test_world.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

enum { SHORT_IDLE_MS = 500 };
enum { PYTHON = 1, BASH = 4, NODE = 7 }; /* rows of the table below, from 1 on */

static const struct language {
        const char *tool;
        const char *file;
        uint32_t by;
        const char *prelude;
        const char *source;
        bool at_read;
} languages[] = {
        { "/usr/bin/python3", "main.py", SLOT_WARM_FORK, "import json, random, re",
          "import sys, os, signal\n"
          "print(sys.argv, __name__, __file__, sys.flags, os.getcwd(), os.getuid(), os.getppid())\n"
          "print(sorted(os.environ.items()), sys.path, oct(os.umask(0)))\n"
          "print(sorted(os.listdir('/proc/self/fd')), signal.getsignal(signal.SIGINT))\n"
          "print(open('/proc/self/environ').read().rstrip('\\0'))\n"
          "sys.stdout.flush()\n"
          "1/0\n" },
        { "/usr/bin/perl", "main.pl", SLOT_WARM_FORK, "",
          "print \"$0 @ARGV $< $> \", getppid(), ' ', umask, ' ', join(',', map { \"$_=$ENV{$_}\" } sort "
          "keys %ENV), \"\\n\";\n"
          "print STDERR `ls /proc/self/fd | wc -l`;\n"
          "die 'end' . __LINE__;\n__END__\nrest\n" },
        { "/usr/bin/lua5.4", "main.lua", SLOT_WARM_FORK, "",
          "print(arg[0], #arg, os.getenv('PATH'))\nerror('end')\n" },
        { "/bin/bash", "main.sh", SLOT_WARM_FORK, "",
          "echo $0 $# $UID $EUID $PWD $PPID $BASH_SUBSHELL $-\n[ $$ = $BASHPID ] && echo same\nls "
          "/proc/self/fd\nfalse\nexit 7\n" },
        { "/usr/bin/ruby", "main.rb", SLOT_WARM_FORK, "",
          "puts $0, ARGV.inspect, Process.uid, Dir.pwd, ENV.to_h.inspect\nt = Thread.new { 41 + 1 }\nputs "
          "t.value\n$stdout.flush\n$stderr.puts $LOADED_FEATURES.size, Gem::VERSION\nraise 'end'\n",
          .at_read = true },
        { "/usr/bin/php", "main.php", SLOT_WARM_FORK, "",
          "<?php\necho json_encode([$argv, getmyuid(), posix_getuid() , getcwd(), __FILE__]), "
          "\"\\n\";\nsystem('echo sub');\nexit(3);\n" },
        { "/usr/bin/node", "main.js", SLOT_WARM_PARK, "",
          "console.log(process.argv, __filename, process.cwd(), process.getuid(), "
          "Object.keys(process.env).sort());\nthrow new Error('end');\n" },
        /* as images have them */
        { "/usr/bin/python3", "main.py", SLOT_WARM_PARK, "",
          "import sys, os\nprint(sys.argv, __name__, sorted(sys.modules), os.getuid(), os.getpid())\n"
          "print(sorted(os.listdir('/proc/self/fd')), sorted(os.environ.items()))\n1/0\n" },
        { "/usr/bin/ruby", "main.rb", SLOT_WARM_PARK, "",
          "puts $0, $LOADED_FEATURES, Process.pid\nraise 'end'\n", .at_read = true },
        { "/bin/bash", "main.sh", SLOT_WARM_PARK, "",
          "echo $0 $$ $PPID $UID $-\nls /proc/self/fd\nexit 7\n" },
};

static struct slot_warm warm[ARRAY_LEN(languages)];

static void fill_warm(void)
{
        for (size_t i = 0; i < ARRAY_LEN(languages); i++) {
                const struct language *language = &languages[i];

                warm[i] = (struct slot_warm){ .by = language->by,
                                              .at_read = language->at_read,
                                              .memory_bytes = 256 * MIB,
                                              .processes = 64,
                                              .n_args = 2,
                                              .n_env = 1 };
                warm[i].words_bytes =
                        (uint32_t)snprintf(warm[i].words, sizeof(warm[i].words), "%s%c%s%cPATH=/usr/bin:/bin",
                                           language->tool, 0, language->file, 0) +
                        1;
                snprintf(warm[i].door, sizeof(warm[i].door), "%s", language->file);
                snprintf(warm[i].prelude, sizeof(warm[i].prelude), "%s", language->prelude);
        }
}

static int pack_of(const char *name, const char *content)
{
        int fd = pack_open(1);

        assert_int_equal(pack_add(fd, name, strlen(name), content, strlen(content), 0), 0);
        assert_int_equal(pack_seal(fd, 1), 0);
        return fd;
}

/* Run the source of a row; the report, and in *ret_warm what waits in the next box. */
static struct box_report run(int slot, const struct order_row *row, const char *file, const char *source,
                             struct bytes *output, uint32_t *ret_warm)
{
        int files = pack_of(file, source), out = world_start(slot, row, files, -1);
        struct box_report report = world_report(slot), ready;

        close(files);
        world_output(out, output);
        ready = world_report(slot);
        if (ready.end == END_SETUP) {
                print_error("could not %s: %s\n", box_step_name(ready.step), strerror(ready.error));
                ready = world_report(slot);
        }
        assert_int_equal(ready.end, END_READY);
        *ret_warm = ready.warm;
        return report;
}

static void compare(size_t i)
{
        const struct language *language = &languages[i];
        struct order_row row = { .argv = { language->tool, language->file },
                                 .memory_mib = 512,
                                 .processes = 128,
                                 .warm = (uint32_t)i + 1,
                                 .next = (uint32_t)i + 1 };
        struct bytes cold = BYTES_INIT(65536), hot = BYTES_INIT(65536);
        uint32_t waits;
        struct box_report first = run(world.slots[0], &row, language->file, language->source, &cold, &waits);

        assert_int_equal(first.flags & REPORT_WARM, 0);
        for (int n = 0; n < 3; n++) {
                struct box_report report;

                assert_int_equal(waits, i + 1);
                bytes_clear(&hot);
                if (n == 2)
                        row.next = 0;
                report = run(world.slots[0], &row, language->file, language->source, &hot, &waits);
                if (cold.n != hot.n || memcmp(cold.p, hot.p, cold.n) != 0)
                        print_error("%s cold:\n%.*s\nwarm:\n%.*s\n", language->tool, (int)cold.n, cold.p,
                                    (int)hot.n, hot.p);
                assert_int_equal(report.flags & REPORT_WARM, REPORT_WARM);
                assert_int_equal(report.end, END_EXITED);
                assert_int_equal(report.wait_status, first.wait_status);
                assert_int_equal(cold.n, hot.n);
                assert_memory_equal(cold.p, hot.p, cold.n);
                if (n == 0)
                        print_message("%s: cold %.1f ms, warm %.1f ms\n", language->tool,
                                      (double)first.wall_ns / 1e6, (double)report.wall_ns / 1e6);
        }
        assert_int_equal(waits, 0);
        bytes_deinit(&cold);
        bytes_deinit(&hot);
}

static void test_nobody_can_tell(void **state)
{
        for (size_t i = 0; i < ARRAY_LEN(languages); i++)
                if (access(languages[i].tool, X_OK) == 0)
                        compare(i);
                else
                        print_message("%s is not here\n", languages[i].tool);
}

/* The zygote's child cannot go on with these and starts anew; what they print is what they always print. */
static void test_programs_that_speak_to_their_interpreter(void **state)
{
        static const char *const sources[] = { "#!/usr/bin/ruby -s\nputs 1\n", "", "__END__\n",
                                               "=begin\n=end\nputs 2" };
        static const char *const outputs[] = { "1\n", "", "", "2\n" };
        const uint32_t ruby = 5;
        struct order_row row = { .argv = { "/usr/bin/ruby", "main.rb" },
                                 .memory_mib = 512,
                                 .processes = 64,
                                 .warm = ruby,
                                 .next = ruby };
        uint32_t waits;

        if (access("/usr/bin/ruby", X_OK) < 0)
                skip();
        for (size_t i = 0; i < 2 * ARRAY_LEN(sources); i++) {
                struct bytes output = BYTES_INIT(65536);
                struct box_report report =
                        run(world.slots[1], &row, "main.rb", sources[i / 2], &output, &waits);

                assert_int_equal(report.wait_status, 0);
                assert_string_equal(output.n ? output.p : "", outputs[i / 2]);
                assert_int_equal(waits, ruby);
                bytes_deinit(&output);
        }
}

/* A warm box serves any order: what waits in it is replaced by what was asked for. */
static void test_another_program_in_a_warm_box(void **state)
{
        static const char script[] =
                "import sys, signal, os\n"
                "print(signal.getsignal(signal.SIGPIPE), len(os.listdir('/proc/self/fd')))\n";
        struct order_row python = {
                .argv = { "/usr/bin/python3", "main.py" }, .memory_mib = 256, .warm = 1, .next = 1
        };
        struct order_row other = {
                .argv = { "/bin/sh", "-c",
                          "ls /proc/self/fd | wc -l; echo $PATH; grep -c . /proc/self/environ" },
                .next = 1
        };
        struct bytes cold = BYTES_INIT(65536), warmed = BYTES_INIT(65536);
        uint32_t waits;

        other.next = 0;
        (void)run(world.slots[0], &other, "x", "", &cold, &waits);
        assert_int_equal(waits, 0);
        (void)run(world.slots[0], &python, "main.py", script, &warmed, &waits);
        assert_int_equal(waits, 1);
        bytes_clear(&warmed);
        assert_int_equal(run(world.slots[0], &other, "x", "", &warmed, &waits).flags & REPORT_WARM, 0);
        assert_int_equal(cold.n, warmed.n);
        assert_memory_equal(cold.p, warmed.p, cold.n);
        bytes_deinit(&cold);
        bytes_deinit(&warmed);
}

/* Something parked may have left files, so its box is thrown away: the other program's process is a young one. */
static void test_a_box_with_something_parked_is_for_nobody_else(void **state)
{
        static const char young[] =
                "import time\n"
                "born = int(open('/proc/self/stat').read().rsplit(')')[1].split()[19]) / 100\n"
                "print(time.clock_gettime(time.CLOCK_BOOTTIME) - born < 1)\n";
        struct order_row row = { .argv = { languages[PYTHON - 1].tool, "main.py" },
                                 .memory_mib = 256,
                                 .next = NODE };
        struct bytes output = BYTES_INIT(4096);
        uint32_t waits;

        if (access(languages[PYTHON - 1].tool, X_OK) < 0 || access(languages[NODE - 1].tool, X_OK) < 0)
                skip();
        (void)run(world.slots[0], &row, "main.py", "", &output, &waits);
        assert_int_equal(waits, NODE);
        poll(NULL, 0, 1500);
        row.next = 0;
        (void)run(world.slots[0], &row, "main.py", young, &output, &waits);
        assert_string_equal(output.p, "True\n");
        bytes_deinit(&output);
}

/* Two programs of one zygote draw different numbers, and none those of the zygote. */
static void test_random_numbers_are_drawn_anew(void **state)
{
        static const char *const sources[] = {
                "import random\nprint(random.random())\n",
                "print rand()",
                "print(math.random())\n",
                "echo $RANDOM$RANDOM$SRANDOM\n",
                "puts rand\n",
                "<?php echo mt_rand(), random_int(0, 1 << 40);\n",
        };

        for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
                struct order_row row = { .argv = { languages[i].tool, languages[i].file },
                                         .memory_mib = 512,
                                         .warm = (uint32_t)i + 1,
                                         .next = (uint32_t)i + 1 };
                struct bytes first = BYTES_INIT(4096), second = BYTES_INIT(4096);
                uint32_t waits;

                if (access(languages[i].tool, X_OK) < 0)
                        continue;
                (void)run(world.slots[0], &row, languages[i].file, sources[i], &first, &waits);
                bytes_clear(&first);
                (void)run(world.slots[0], &row, languages[i].file, sources[i], &first, &waits);
                assert_int_equal(
                        run(world.slots[0], &row, languages[i].file, sources[i], &second, &waits).flags &
                                REPORT_WARM,
                        REPORT_WARM);
                if (first.n == second.n && memcmp(first.p, second.p, first.n) == 0)
                        fail_msg("%s draws %.*s twice", languages[i].tool, (int)first.n, first.p);
                bytes_deinit(&first);
                bytes_deinit(&second);
        }
}

/* What nobody asked for is let go, and an order that still counts on it is served by a cold one. */
static void test_let_go_when_idle(void **state)
{
        struct order_row row = { .argv = { languages[PYTHON - 1].tool, languages[PYTHON - 1].file },
                                 .memory_mib = 256,
                                 .warm = PYTHON,
                                 .next = PYTHON };
        struct bytes output = BYTES_INIT(4096);
        uint32_t waits;

        if (access(languages[PYTHON - 1].tool, X_OK) < 0)
                skip();
        (void)run(world.slots[0], &row, "main.py", "print(1)", &output, &waits);
        assert_int_equal(waits, 1);
        poll(NULL, 0, 4 * SHORT_IDLE_MS);
        assert_int_equal(
                run(world.slots[0], &row, "main.py", "print(2)", &output, &waits).flags & REPORT_WARM, 0);
        assert_int_equal(waits, 1);
        assert_string_equal(output.p, "1\n2\n");
        bytes_deinit(&output);
}

static struct order_row python_row(void)
{
        return (struct order_row){ .argv = { languages[PYTHON - 1].tool, languages[PYTHON - 1].file },
                                   .memory_mib = 256,
                                   .warm = PYTHON,
                                   .next = PYTHON };
}

static void start_faulty(const struct slot_fault *fault)
{
        struct err err = { "" };

        world.warden.boot->fault = *fault;
        if (warden_slot_start(&world.warden, 0, &world.slots[0], &err) < 0)
                fail_msg("%s", err.text);
        world_expect_ready(world.slots[0]);
}

static void stop_slot(void)
{
        close_fd(&world.slots[0]);
        assert_int_equal(warden_reaped(&world.warden, waitpid(world.warden.keepers[0], NULL, 0)), 0);
}

/* A step of a warm start that fails costs the warm start: the box is an ordinary one and the job is served. */
static void test_steps_that_fail(void **state)
{
        static const enum step steps[] = { STEP_WARM_START, STEP_WARM_FORK, STEP_WARM_ENTER, STEP_WARM_IDS,
                                           STEP_WARM_USER };
        struct order_row row = python_row();

        if (access(languages[PYTHON - 1].tool, X_OK) < 0)
                skip();
        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
                struct bytes output = BYTES_INIT(4096);
                uint32_t waits;

                start_faulty(&(struct slot_fault){ .step = steps[i], .error = ENOMEM, .times = 1 });
                (void)run(world.slots[0], &row, "main.py", "print(1)", &output, &waits);
                assert_int_equal(waits, 0);
                assert_int_equal(
                        run(world.slots[0], &row, "main.py", "print(2)", &output, &waits).wait_status, 0);
                /* one that does not start is left alone for a while */
                assert_int_equal(waits, steps[i] == STEP_WARM_START ? 0 : 1);
                assert_string_equal(output.p, "1\n2\n");
                bytes_deinit(&output);
                stop_slot();
        }
}

/* The keeper's other child: the one that is no pid 1. */
static int find_zygote(void)
{
        struct bytes text = BYTES_INIT(4096);
        char path[64];
        int zygote = 0;
        char *rest;

        snprintf(path, sizeof(path), "/proc/%d/task/%d/children", world.warden.keepers[0],
                 world.warden.keepers[0]);
        assert_int_equal(bytes_read_file(&text, path), 0);
        for (char *word = strtok_r(text.p, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
                struct bytes name = BYTES_INIT(64);

                snprintf(path, sizeof(path), "/proc/%s/comm", word);
                if (bytes_read_file(&name, path) == 0 && strncmp(name.p, "python", 6) == 0)
                        zygote = (int)strtol(word, NULL, 10);
                bytes_deinit(&name);
        }
        bytes_deinit(&text);
        return zygote;
}

static void test_a_killed_zygote_is_replaced(void **state)
{
        struct order_row row = python_row();
        struct bytes output = BYTES_INIT(4096);
        uint32_t waits = 0;
        int zygote;

        if (access(languages[PYTHON - 1].tool, X_OK) < 0)
                skip();
        start_faulty(&(struct slot_fault){ STEP_NONE });
        (void)run(world.slots[0], &row, "main.py", "print(1)", &output, &waits);
        assert_int_equal(waits, 1);
        zygote = find_zygote();
        assert_true(zygote > 0);
        assert_int_equal(kill(zygote, SIGKILL), 0);
        assert_int_equal(run(world.slots[0], &row, "main.py", "print(2)", &output, &waits).wait_status, 0);
        for (int i = 0; i < 3 && waits == 0; i++)
                assert_int_equal(
                        run(world.slots[0], &row, "main.py", "print(3)", &output, &waits).wait_status, 0);
        assert_int_equal(waits, 1);
        assert_int_not_equal(find_zygote(), zygote);
        stop_slot();
        assert_int_equal(kill(zygote, 0), -1);
        bytes_deinit(&output);
}

/* Bash reaps whatever has ended, also in the helper, which shares its memory; then nobody tells the box's init. */
static void test_a_program_that_ends_before_the_helper_that_forked_it(void **state)
{
        const struct language *bash = &languages[BASH - 1];
        struct order_row row = {
                .argv = { bash->tool, bash->file }, .memory_mib = 64, .warm = BASH, .next = BASH
        };
        struct bytes output = BYTES_INIT(4096);
        struct box_report report;
        uint32_t waits;

        start_faulty(&(struct slot_fault){ .step = STEP_WARM_LEAVE, .delay_ms = 500, .times = 1 });
        (void)run(world.slots[0], &row, bash->file, "echo 1", &output, &waits);
        assert_int_equal(waits, BASH);
        report = run(world.slots[0], &row, bash->file, "echo 2", &output, &waits);
        assert_int_equal(report.flags & REPORT_WARM, REPORT_WARM);
        assert_int_equal(report.end, END_EXITED);
        assert_int_equal(report.wait_status, 0);
        assert_string_equal(output.p, "1\n2\n");
        bytes_deinit(&output);
        stop_slot();
}

static int set_up(void **state)
{
        fill_warm();
        world.warm = warm;
        world.n_warm = ARRAY_LEN(warm);
        if (world_open(CODERUNR_KEEPER, 2000950000) < 0)
                return -1;
        world_start_slots();
        return 0;
}

static int set_up_faulty(void **state)
{
        fill_warm();
        world.warm = warm;
        world.n_warm = ARRAY_LEN(warm);
        world.library = CODERUNR_WARM_FAULTS;
        return world_open(CODERUNR_KEEPER_FAULTS, 2000950000);
}

static int set_up_short(void **state)
{
        world.warm_idle_ms = SHORT_IDLE_MS;
        return set_up(state);
}

static int tear_down(void **state)
{
        return world_close();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nobody_can_tell),
                cmocka_unit_test(test_programs_that_speak_to_their_interpreter),
                cmocka_unit_test(test_another_program_in_a_warm_box),
                cmocka_unit_test(test_a_box_with_something_parked_is_for_nobody_else),
                cmocka_unit_test(test_random_numbers_are_drawn_anew),
        };
        const struct CMUnitTest faulty[] = {
                cmocka_unit_test(test_steps_that_fail),
                cmocka_unit_test(test_a_killed_zygote_is_replaced),
                cmocka_unit_test(test_a_program_that_ends_before_the_helper_that_forked_it),
        };
        const struct CMUnitTest idle[] = { cmocka_unit_test(test_let_go_when_idle) };

        if (geteuid() != 0) {
                print_message("box_warm: needs root\n");
                return 77;
        }
        return cmocka_run_group_tests(tests, set_up, tear_down) |
               cmocka_run_group_tests(idle, set_up_short, tear_down) |
               cmocka_run_group_tests(faulty, set_up_faulty, tear_down);
}

/* Every row of verdict.def that a report can lead to, and the order in which evidence counts. */
#include "runner/verdict_of.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

enum { LIMIT_OUTPUT = 100, EXITED_WITH = 0x100 /* as waitpid(2) gives exit status 1 */ };

static const struct {
        const char *name;
        struct box_report report;
        uint64_t out, err;
        bool artefact_over;
        enum verdict verdict;
        int exit_code, signal;
} rows[] = {
        { "zero", { .end = END_EXITED }, 0, 0, false, VERDICT_OK, 0, 0 },
        { "three", { .end = END_EXITED, .wait_status = 3 << 8 }, 0, 0, false, VERDICT_EXIT, 3, 0 },
        { "255", { .end = END_EXITED, .wait_status = 255 << 8 }, 0, 0, false, VERDICT_EXIT, 255, 0 },
        { "segv", { .end = END_EXITED, .wait_status = SIGSEGV }, 0, 0, false, VERDICT_SIGNAL, -1, SIGSEGV },
        { "core",
          { .end = END_EXITED, .wait_status = SIGABRT | 0x80 },
          0,
          0,
          false,
          VERDICT_SIGNAL,
          -1,
          SIGABRT },
        { "sigsys",
          { .end = END_EXITED, .wait_status = SIGSYS, .flags = REPORT_FORBIDDEN },
          0,
          0,
          false,
          VERDICT_SIGNAL,
          -1,
          SIGSYS },
        { "wall", { .end = END_WALL, .wait_status = SIGKILL }, 0, 0, false, VERDICT_WALL, -1, SIGKILL },
        { "wall unreaped", { .end = END_WALL }, 0, 0, false, VERDICT_WALL, -1, SIGKILL },
        { "cpu", { .end = END_CPU }, 0, 0, false, VERDICT_CPU, -1, SIGKILL },
        { "sigxcpu", { .end = END_EXITED, .wait_status = SIGXCPU }, 0, 0, false, VERDICT_CPU, -1, SIGXCPU },
        { "oom",
          { .end = END_EXITED, .wait_status = SIGKILL, .oom_kills = 1 },
          0,
          0,
          false,
          VERDICT_MEMORY,
          -1,
          SIGKILL },
        { "oom of a child", { .end = END_EXITED, .oom_kills = 1 }, 0, 0, false, VERDICT_MEMORY, 0, 0 },
        { "oom of init", { .end = END_LOST, .oom_kills = 2 }, 0, 0, false, VERDICT_MEMORY, -1, SIGKILL },
        { "forks",
          { .end = END_EXITED, .wait_status = EXITED_WITH, .fork_failures = 4 },
          0,
          0,
          false,
          VERDICT_PROCESSES,
          1,
          0 },
        { "forks, signal",
          { .end = END_EXITED, .wait_status = SIGABRT, .fork_failures = 4 },
          0,
          0,
          false,
          VERDICT_PROCESSES,
          -1,
          SIGABRT },
        { "forks survived", { .end = END_EXITED, .fork_failures = 4 }, 0, 0, false, VERDICT_OK, 0, 0 },
        { "sigxfsz",
          { .end = END_EXITED, .wait_status = SIGXFSZ },
          0,
          0,
          false,
          VERDICT_FILE_SIZE,
          -1,
          SIGXFSZ },
        { "disk",
          { .end = END_EXITED, .wait_status = EXITED_WITH, .flags = REPORT_DISK_FULL },
          0,
          0,
          false,
          VERDICT_DISK,
          1,
          0 },
        { "disk survived", { .end = END_EXITED, .flags = REPORT_DISK_FULL }, 0, 0, false, VERDICT_OK, 0, 0 },
        { "artefact", { .end = END_EXITED }, 0, 0, true, VERDICT_DISK, 0, 0 },
        { "artefact, killed", { .end = END_KILLED }, 0, 0, true, VERDICT_DISK, -1, SIGKILL },
        { "inodes",
          { .end = END_EXITED, .wait_status = EXITED_WITH, .flags = REPORT_INODES_FULL },
          0,
          0,
          false,
          VERDICT_INODES,
          1,
          0 },
        { "stdout at the limit", { .end = END_EXITED }, LIMIT_OUTPUT, LIMIT_OUTPUT, false, VERDICT_OK, 0, 0 },
        { "stdout over", { .end = END_STDOUT }, LIMIT_OUTPUT + 1, 0, false, VERDICT_STDOUT, -1, SIGKILL },
        { "stdout over, exited first",
          { .end = END_EXITED },
          LIMIT_OUTPUT + 1,
          0,
          false,
          VERDICT_STDOUT,
          0,
          0 },
        { "stdout over, wall first",
          { .end = END_WALL },
          LIMIT_OUTPUT + 1,
          0,
          false,
          VERDICT_STDOUT,
          -1,
          SIGKILL },
        { "stderr over", { .end = END_STDERR }, 0, LIMIT_OUTPUT + 1, false, VERDICT_STDERR, -1, SIGKILL },
        { "both over, stderr first",
          { .end = END_STDERR },
          LIMIT_OUTPUT + 1,
          LIMIT_OUTPUT + 1,
          false,
          VERDICT_STDERR,
          -1,
          SIGKILL },
        { "both over, exited",
          { .end = END_EXITED },
          LIMIT_OUTPUT + 1,
          LIMIT_OUTPUT + 1,
          false,
          VERDICT_STDOUT,
          0,
          0 },
        { "exec", { .end = END_EXEC, .error = ENOENT }, 0, 0, false, VERDICT_EXEC, -1, 0 },
        { "files", { .end = END_FILES, .error = ENOSPC }, 0, 0, false, VERDICT_EXEC, -1, 0 },
        { "cancelled", { .end = END_CANCELLED }, LIMIT_OUTPUT + 1, 0, false, VERDICT_CANCELLED, -1, SIGKILL },
        { "setup",
          { .end = END_SETUP, .step = 1, .error = EPERM },
          LIMIT_OUTPUT + 1,
          0,
          false,
          VERDICT_ENGINE,
          -1,
          0 },
        { "lost", { .end = END_LOST }, 0, 0, false, VERDICT_ENGINE, -1, SIGKILL },
        { "refused", { .end = END_REFUSED, .error = EINVAL }, 0, 0, false, VERDICT_ENGINE, -1, 0 },
        { "killed by nobody", { .end = END_KILLED }, 0, 0, false, VERDICT_ENGINE, -1, SIGKILL },
        { "killed for no output", { .end = END_STDOUT }, 5, 5, false, VERDICT_ENGINE, -1, SIGKILL },
        { "ready is no end", { .end = END_READY }, 0, 0, false, VERDICT_ENGINE, -1, 0 },
};

static void test_rows(void **state)
{
        struct limits limits = { .output_bytes = LIMIT_OUTPUT, .memory_bytes = 4096 };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct verdict_evidence evidence = { .report = &rows[i].report,
                                                     .limits = &limits,
                                                     .seen = { rows[i].out, rows[i].err },
                                                     .artefact_over = rows[i].artefact_over };
                struct stage_result stage = { 0 };

                verdict_of(&evidence, &stage);
                if (stage.verdict != rows[i].verdict || stage.exit_code != rows[i].exit_code ||
                    stage.signal != rows[i].signal || !stage.ran)
                        fail_msg("%s: %s, exit %d, signal %d", rows[i].name, verdict_name(stage.verdict),
                                 stage.exit_code, stage.signal);
                if ((stage.verdict == VERDICT_ENGINE || stage.verdict == VERDICT_EXEC) !=
                    (stage.text[0] != '\0'))
                        fail_msg("%s: text \"%s\"", rows[i].name, stage.text);
        }
}

static void test_usage_comes_from_the_report(void **state)
{
        struct limits limits = { .output_bytes = 1, .memory_bytes = 4096 };
        struct box_report report = { .end = END_EXITED, .wall_ns = 7, .cpu_ns = 8, .memory_bytes = 4200 };
        struct verdict_evidence evidence = { .report = &report, .limits = &limits };
        struct stage_result stage = { 0 };

        verdict_of(&evidence, &stage);
        assert_int_equal(stage.wall_ns, 7);
        assert_int_equal(stage.cpu_ns, 8);
        assert_int_equal(stage.memory_bytes, 4200);
        report.oom_kills = 1;
        verdict_of(&evidence, &stage);
        assert_int_equal(stage.memory_bytes, 4096);
}

static void test_engine_text_names_the_step(void **state)
{
        struct limits limits = { .output_bytes = 1 };
        struct box_report report = { .end = END_SETUP, .step = 2, .error = EPERM };
        struct verdict_evidence evidence = { .report = &report, .limits = &limits };
        struct stage_result stage = { 0 };

        verdict_of(&evidence, &stage);
        assert_non_null(strstr(stage.text, "enter the slot's own namespaces"));
        assert_non_null(strstr(stage.text, "not permitted"));
        report.step = 100000;
        verdict_of(&evidence, &stage);
        assert_non_null(strstr(stage.text, "unknown step"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows),
                cmocka_unit_test(test_usage_comes_from_the_report),
                cmocka_unit_test(test_engine_text_names_the_step),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

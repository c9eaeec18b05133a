/* Waits by poll(2) only; nothing here sleeps and hopes. */
#include "box/test_world.h"
#include "util/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>

struct world world;

struct box_report world_report(int slot)
{
        struct box_report report;
        struct pollfd fd = { slot, POLLIN, 0 };

        assert_int_equal(poll(&fd, 1, WORLD_WAIT_MS), 1);
        assert_int_equal(box_report_recv(slot, &report), 0);
        return report;
}

void world_expect_ready(int slot)
{
        struct box_report report = world_report(slot);

        if (report.end != END_READY)
                print_error("slot: could not %s: %s\n", box_step_name(report.step), strerror(report.error));
        assert_int_equal(report.end, END_READY);
}

void world_start_slots(void)
{
        struct err err = { "" };

        for (uint32_t i = 0; i < WORLD_SLOTS; i++) {
                if (warden_slot_start(&world.warden, i, &world.slots[i], &err) < 0)
                        fail_msg("%s", err.text);
                world_expect_ready(world.slots[i]);
        }
}

void world_fill(struct box_spec *spec, const struct order_row *row)
{
        box_spec_init(spec, ++world.job);
        spec->wall_ns = (row->wall_ms ? row->wall_ms : 5000) * NSEC_PER_MSEC;
        spec->cpu_ns = (row->cpu_ms ? row->cpu_ms : 5000) * NSEC_PER_MSEC;
        spec->memory_bytes = (row->memory_mib ? row->memory_mib : 64) * MIB;
        spec->processes = row->processes ? (uint32_t)row->processes : 32;
        spec->open_files = 64;
        spec->file_size_bytes = (row->file_kib ? row->file_kib : 8192) * KIB;
        spec->disk_bytes = (row->disk_kib ? row->disk_kib : 16384) * KIB;
        spec->inodes = row->inodes ? row->inodes : 1024;
        spec->n_env = 1;
        spec->image = row->image;
        spec->warm = row->warm;
        spec->next = row->next;
}

int world_start(int slot, const struct order_row *row, int files, int artefact)
{
        CLEANUP(close_fd) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        char words[1024];
        struct err err = { "" };
        struct box_spec spec;
        int out[2], n = 0;

        world_fill(&spec, row);
        for (int i = 0; i < 4 && row->argv[i]; i++, spec.n_args++)
                n += snprintf(words + n, sizeof(words) - (size_t)n, "%s", row->argv[i]) + 1;
        n += snprintf(words + n, sizeof(words) - (size_t)n, "PATH=/usr/bin:/bin") + 1;
        spec.words_bytes = (uint32_t)n;
        spec.flags = (files >= 0 ? SPEC_HAS_FILES : 0) | (artefact >= 0 ? SPEC_HAS_ARTEFACT : 0);
        assert_int_equal(pipe2(out, O_CLOEXEC), 0);
        assert_int_equal(box_run(slot, &spec, words,
                                 (int[BOX_FD_COUNT]){ null, out[1], out[1], files, artefact }, &err),
                         0);
        close(out[1]);
        return out[0];
}

void world_output(int fd, struct bytes *output)
{
        struct pollfd poll_fd = { fd, POLLIN, 0 };

        /* the report is in, so every writer is dead: the end must come at once */
        assert_int_equal(poll(&poll_fd, 1, 1000), 1);
        assert_int_equal(bytes_read_fd(output, fd), 0);
        close(fd);
}

struct box_report world_run(int slot, const struct order_row *row, struct bytes *output)
{
        int out = world_start(slot, row, -1, -1);
        struct box_report report = world_report(slot);

        world_output(out, output);
        world_expect_ready(slot);
        assert_int_equal(report.job, world.job);
        return report;
}

/* The real user of a process, as its status says: the owner of /proc/PID is root where it is not dumpable. */
static uint32_t process_user(int pid)
{
        struct bytes text = BYTES_INIT(8192);
        char path[64];
        const char *line;
        uint32_t uid = 0;

        snprintf(path, sizeof(path), "/proc/%d/status", pid);
        if (bytes_read_file(&text, path) == 0 && (line = strstr(text.p, "\nUid:")))
                uid = (uint32_t)strtoul(line + 5, NULL, 10);
        bytes_deinit(&text);
        return uid;
}

static int each_of_user(uint32_t uid, int signal)
{
        DIR *dir = opendir("/proc");
        struct dirent *entry;
        int n = 0;

        while ((entry = readdir(dir))) {
                int pid = (int)strtol(entry->d_name, NULL, 10);

                if (pid > 0 && process_user(pid) == uid)
                        n += kill(pid, signal) == 0;
        }
        closedir(dir);
        return n;
}

int world_kill_user(uint32_t uid)
{
        return each_of_user(uid, SIGKILL);
}

int world_count_user(uint32_t uid)
{
        return each_of_user(uid, 0);
}

int world_open(const char *keeper, uint32_t uid_base)
{
        struct err err = { "" };
        struct warden_args args = { .keeper = keeper,
                                    .root = world.root,
                                    .directories = "",
                                    .cgroup_parent = getenv("CODERUNR_CGROUP_PARENT"),
                                    .n_slots = WORLD_SLOTS,
                                    .images = world.images,
                                    .n_images = world.n_images,
                                    .library = world.library ? world.library : CODERUNR_WARM_LIBRARY,
                                    .warm = world.warm,
                                    .n_warm = world.n_warm,
                                    .warm_idle_ms = world.warm_idle_ms ? world.warm_idle_ms : 60000,
                                    .uid_base = uid_base,
                                    .disk_bytes = 16 * MIB,
                                    .inodes = 1024 };

        for (int i = 0; i < WORLD_SLOTS; i++)
                world.slots[i] = -1;
        snprintf(world.root, sizeof(world.root), "/tmp/box-test-XXXXXX");
        if (mkdtemp(world.root) && warden_open(&world.warden, &args, &err) == 0)
                return 0;
        print_error("%s\n", err.text);
        return -1;
}

int world_close(void)
{
        for (int i = 0; i < WORLD_SLOTS; i++)
                close_fd(&world.slots[i]);
        warden_close(&world.warden);
        return rmdir(world.root);
}

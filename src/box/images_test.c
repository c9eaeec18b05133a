/*
 * Boxes whose root is an image, for real: one with a static program and little else, one whose every name tries to lead
 * out.  Needs root and busybox; where either is missing the test is skipped.
 */
#include "box/test_world.h"
#include "util/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { PLAIN = 1, HOSTILE, ABSENT };

static char folder[] = "/tmp/images-test-XXXXXX";
static char files[2][64];

#define BUSYBOX "/bin/busybox"

static const char *busybox(void)
{
        static const char *const paths[] = { "/bin/busybox", "/usr/bin/busybox" };

        for (size_t i = 0; i < ARRAY_LEN(paths); i++)
                if (access(paths[i], X_OK) == 0)
                        return paths[i];
        return NULL;
}

/* A name below one of the two folders. */
static const char *name_in(int image, const char *name)
{
        static char path[128];

        snprintf(path, sizeof(path), "%s/%s", files[image], name);
        return path;
}

static void make_folder(int image, const char *name)
{
        assert_int_equal(mkdir(name_in(image, name), 0755), 0);
}

static void make_link(int image, const char *name, const char *target)
{
        assert_int_equal(symlink(target, name_in(image, name)), 0);
}

static void make_text(int image, const char *name, const char *text)
{
        CLEANUP(close_fd) int fd = open(name_in(image, name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void make_program(int image, const char *name, mode_t mode)
{
        struct bytes program = BYTES_INIT(16 * MIB);
        CLEANUP(close_fd) int fd = open(name_in(image, name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

        assert_int_equal(bytes_read_file(&program, busybox()), 0);
        assert_int_equal(write(fd, program.p, program.n), program.n);
        assert_int_equal(fchmod(fd, mode), 0);
        bytes_deinit(&program);
}

static const struct order_row rows[] = {
        /* the image's files and the box's own */
        { { BUSYBOX, "sh", "-c", "cat /etc/of-the-image; id -u; hostname; pwd; echo $0" },
          .image = PLAIN,
          .output = "the image\n1000\nbox\n/box/submission\nsh\n" },
        { { BUSYBOX, "ls", "/" },
          .image = PLAIN,
          .output = "bin\nbox\ndev\netc\nproc\nrun\nsys\ntmp\nvar\n" },
        { { BUSYBOX, "ls", "/dev" },
          .image = PLAIN,
          .output = "fd\nfull\nnull\nrandom\nshm\nstderr\nstdin\nstdout\nurandom\nzero\n" },
        { { BUSYBOX, "sh", "-c", "echo a > /tmp/a; echo b > b; cat /tmp/a b; head -c 2 /dev/zero | wc -c" },
          .image = PLAIN,
          .output = "a\nb\n2\n" },
        { { BUSYBOX, "cat", "/etc/hosts" },
          .image = PLAIN,
          .output = "127.0.0.1\tlocalhost box\n::1\tlocalhost\n" },
        /* two mounts and what each box mounts; none tells where the image lies */
        { { BUSYBOX, "sh", "-c", "cut -d ' ' -f 2 /proc/mounts; grep -c images-test /proc/self/mountinfo" },
          .image = PLAIN,
          .status = 1 << 8,
          .output = "/\n/dev\n/box\n/tmp\n/proc/pid\n0\n" },
        { { BUSYBOX, "sh", "-c",
            "for f in /etc/x /x /bin/x /dev/x /proc/x; do echo x > $f; done 2>&1 | grep -c Read-only" },
          .image = PLAIN,
          .output = "5\n" },
        { { BUSYBOX, "sh", "-c", "/bin/id -u; mknod /tmp/d c 1 1; test -c /tmp/d || echo none" },
          .image = PLAIN,
          .output = "1000\nmknod: /tmp/d: Operation not permitted\nnone\n" },
        { { BUSYBOX, "sh", "-c", "head -c 1 /opt/disk" },
          .image = HOSTILE,
          .status = 1 << 8,
          .output = "head: /opt/disk: Permission denied\n" },
        /* what the hostile image puts in the place of the box's folders does not count */
        { { BUSYBOX, "sh", "-c",
            "for d in /box /dev /etc /proc /run /sys /tmp /var; do test -d $d || echo $d; done" },
          .image = HOSTILE,
          .output = "" },
        { { BUSYBOX, "sh", "-c",
            "for d in /box /dev /etc /proc /run /sys /tmp /var; do test -L $d && echo $d; done" },
          .image = HOSTILE,
          .status = 1 << 8,
          .output = "" },
        { { BUSYBOX, "sh", "-c",
            "cat /etc/hostname; echo x > /tmp/x; echo y > y; cat /tmp/x; pwd; test -e /proc/self" },
          .image = HOSTILE,
          .output = "box\nx\n/box/submission\n" },
        { { BUSYBOX, "sh", "-c", "ls -A /root-of-host/; cat /etc-of-host/shadow" },
          .image = HOSTILE,
          .status = 1 << 8,
          .output = "bin\nbox\ndev\netc\netc-of-host\nopt\nproc\nroot-of-host\nrun\nsys\ntmp\nup\nvar\n"
                    "cat: can't open '/etc-of-host/shadow': No such file or directory\n" },
        { { BUSYBOX, "sh", "-c", "ls -d /up/usr /up/home" },
          .image = HOSTILE,
          .status = 1 << 8,
          .output = "ls: /up/usr: No such file or directory\nls: /up/home: No such file or directory\n" },
        /* no program of the host, no library of it */
        { { "/usr/bin/env" }, .image = PLAIN, .end = END_EXEC, .status = -1 },
        { { BUSYBOX, "ls", "-d", "/usr" },
          .image = PLAIN,
          .status = 1 << 8,
          .output = "ls: /usr: No such file or directory\n" },
        /* and the host's root is as it was */
        { { "sh", "-c", "cat /etc/of-the-image || test -x /usr/bin/env" },
          .output = "cat: /etc/of-the-image: No such file or directory\n" },
};

static void run_row(size_t i, int slot)
{
        struct bytes output = BYTES_INIT(65536);
        enum report_end end = rows[i].end ? rows[i].end : END_EXITED;
        struct box_report report = world_run(slot, &rows[i], &output);
        const char *text = output.p ? output.p : "";

        if (report.end != end || (rows[i].output && !streq(text, rows[i].output)))
                print_error("row %zu: %s (%s: %d), output '%s'\n", i, box_end_name(report.end),
                            box_step_name(report.step), report.error, text);
        assert_int_equal(report.end, end);
        if (rows[i].status >= 0)
                assert_int_equal(report.wait_status, rows[i].status);
        if (rows[i].output)
                assert_string_equal(text, rows[i].output);
        bytes_deinit(&output);
}

/* One slot goes from root to root; the other one goes the other way round. */
static void test_rows(void **state)
{
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                run_row(i, world.slots[0]);
        for (size_t i = ARRAY_LEN(rows); i-- > 0;)
                run_row(i, world.slots[1]);
}

/* A slot has as many roots as it was made with; one more is refused, and nothing is lost by it. */
static void test_an_image_that_is_not_there(void **state)
{
        const struct order_row row = { { BUSYBOX, "true" }, .image = ABSENT + 1 };
        struct box_report report;

        close(world_start(world.slots[0], &row, -1, -1));
        report = world_report(world.slots[0]);
        assert_int_equal(report.end, END_REFUSED);
        run_row(0, world.slots[0]);
}

static void make_plain(void)
{
        make_folder(0, "bin");
        make_program(0, "bin/busybox", 0755);
        make_program(0, "bin/id", 04755);
        make_folder(0, "etc");
        make_text(0, "etc/of-the-image", "the image\n");
        make_text(0, "etc/hosts", "bad\n");
}

static void make_hostile(void)
{
        static const char *const links[][2] = {
                { "proc", "/" },
                { "dev", "/etc" },
                { "box", "../../../.." },
                { "etc", "/" },
                { "var", "." },
                { "root-of-host", "/" },
                { "etc-of-host", "/etc" },
                { "up", "../../../../.." },
                { "run", "/root" },
        };

        make_folder(1, "bin");
        make_program(1, "bin/busybox", 0755);
        for (size_t i = 0; i < ARRAY_LEN(links); i++)
                make_link(1, links[i][0], links[i][1]);
        make_text(1, "tmp", "x");
        make_text(1, "sys", "x");
        make_folder(1, "opt");
        assert_int_equal(mknod(name_in(1, "opt/disk"), S_IFBLK | 0666, makedev(7, 0)), 0);
        assert_int_equal(chmod(name_in(1, "opt/disk"), 0666), 0);
}

/* An image whose files cannot be shown fails its own jobs, with the reason; the slot serves all others. */
static void test_an_image_whose_files_are_gone(void **state)
{
        const struct order_row row = { { BUSYBOX, "true" }, .image = ABSENT };

        for (int i = 0; i < 2; i++) {
                struct box_report report;

                close(world_start(world.slots[0], &row, -1, -1));
                report = world_report(world.slots[0]);
                assert_int_equal(report.end, END_SETUP);
                assert_int_equal(report.step, STEP_SLOT_IMAGE);
                assert_int_equal(report.error, ENOENT);
                world_expect_ready(world.slots[0]);
                run_row(0, world.slots[0]);
        }
}

static int set_up(void **state)
{
        umask(022);
        assert_non_null(mkdtemp(folder));
        assert_int_equal(chmod(folder, 0755), 0);
        for (int i = 0; i < 2; i++) {
                snprintf(files[i], sizeof(files[i]), "%s/%d", folder, i);
                world.images[world.n_images++] = files[i];
                make_folder(i, "");
        }
        world.images[world.n_images++] = "/no/such/folder";
        make_plain();
        make_hostile();
        if (world_open(CODERUNR_KEEPER, 2000900000) < 0)
                return -1;
        world_start_slots();
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
        (void)st;
        (void)kind;
        (void)where;
        return remove(path);
}

static int tear_down(void **state)
{
        int r = world_close();

        return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0 ? -1 : r;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows),
                cmocka_unit_test(test_an_image_that_is_not_there),
                cmocka_unit_test(test_an_image_whose_files_are_gone),
        };

        if (geteuid() != 0 || !busybox()) {
                print_message("box_images: needs root and busybox\n");
                return 77;
        }
        return cmocka_run_group_tests(tests, set_up, tear_down);
}

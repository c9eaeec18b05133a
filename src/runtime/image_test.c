/* Names as people write them, folders as `image pull` leaves them, and programs that images only seem to have. */
#include "runtime/image.h"
#include "config/config.h"
#include "util/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

static void test_names(void **state)
{
        static const char *const rows[][2] = {
                { "python", "docker.io/library/python:latest" },
                { "python:alpine", "docker.io/library/python:alpine" },
                { "bitnami/node:20", "docker.io/bitnami/node:20" },
                { "ghcr.io/a/b", "ghcr.io/a/b:latest" },
                { "localhost/a", "localhost/a:latest" },
                { "127.0.0.1:5000/box:1", "127.0.0.1:5000/box:1" },
                { "python@sha256:00", "docker.io/library/python@sha256:00" },
        };
        static const char *const bad[] = { "",    "-x",  "/a",      "a//b", "a/../b",
                                           "a b", "a;b", "python:", "a\n",  "a/" };
        char name[IMAGE_NAME_MAX], longest[IMAGE_NAME_MAX + 1];
        struct err err;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                assert_int_equal(image_name(rows[i][0], name, &err), 0);
                assert_string_equal(name, rows[i][1]);
        }
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_int_equal(image_name(bad[i], name, &err), -EINVAL);
        memset(longest, 'a', IMAGE_NAME_MAX);
        longest[IMAGE_NAME_MAX] = '\0';
        assert_int_equal(image_name(longest, name, &err), -EINVAL);
}

static void test_versions_of_tags(void **state)
{
        static const char *const rows[][2] = {
                { "docker.io/library/python:3.12-alpine", "3.12.0" },
                { "docker.io/library/python:3.12.4", "3.12.4" },
                { "127.0.0.1:5000/a:7", "7.0.0" },
                { "docker.io/library/python:alpine", NULL },
                { "127.0.0.1:5000/a@sha256:00", NULL },
        };
        char version[32];

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct image image = { .lock = -1 };

                snprintf(image.name, sizeof(image.name), "%s", rows[i][0]);
                assert_int_equal(image_tag_version(&image, version, sizeof(version)), rows[i][1] != NULL);
                if (rows[i][1])
                        assert_string_equal(version, rows[i][1]);
        }
}

#define DIGEST "sha256-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ROOT   "images/roots/" DIGEST

static char folder[] = "/tmp/image-test-XXXXXX";

static void make_file(const char *name, const char *text, mode_t mode)
{
        CLEANUP(close_fd) int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void expect_program(const struct image *image, const char *name, const char *path)
{
        char *found = NULL;

        assert_int_equal(image_program(image, name, &found), path ? 0 : IMAGE_NO_PROGRAM);
        if (path)
                assert_string_equal(found, path);
        free(found);
}

static void test_an_image_on_disk(void **state)
{
        struct config config = { .data_directory = folder };
        struct image image;
        struct err err;
        int other;

        assert_int_equal(image_open(&config, "box", &image, &err), IMAGE_ABSENT);
        make_file("images/names/docker.io+library+box:latest", DIGEST "\n", 0644);
        assert_int_equal(image_open(&config, "box", &image, &err), IMAGE_ABSENT);
        assert_int_equal(mkdir(ROOT, 0755), 0);
        assert_int_equal(mkdir(ROOT "/files", 0755), 0);
        assert_int_equal(mkdir(ROOT "/files/opt", 0755), 0);
        make_file(ROOT "/env", "PATH=/opt:relative:/none\n\n=odd\nword\nBOX_VERSION=1.2.3\n", 0644);
        make_file(ROOT "/files/opt/box", "", 0755);
        make_file(ROOT "/files/opt/text", "", 0644);
        assert_int_equal(symlink("/opt/box", ROOT "/files/opt/inside"), 0);
        assert_int_equal(symlink("/bin/sh", ROOT "/files/opt/outside"), 0);
        assert_int_equal(symlink("../../../../../../bin/sh", ROOT "/files/opt/up"), 0);
        assert_int_equal(image_open(&config, "docker.io/library/box:latest", &image, &err), 0);
        assert_string_equal(image.digest, DIGEST);
        assert_string_equal(image_env(&image, "BOX_VERSION"), "1.2.3");
        assert_null(image_env(&image, "BOX"));
        assert_null(image.env[2]);
        expect_program(&image, "box", "/opt/box");
        expect_program(&image, "/opt/box", "/opt/box");
        expect_program(&image, "inside", "/opt/inside");
        expect_program(&image, "text", NULL);
        expect_program(&image, "outside", NULL);
        expect_program(&image, "up", NULL);
        expect_program(&image, "sh", NULL);
        expect_program(&image, "/bin/sh", NULL);
        other = open(ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
        image_deinit(&image);
        assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
        close(other);
        make_file("images/names/docker.io+library+box:latest", "../../etc", 0644);
        assert_int_equal(image_open(&config, "box", &image, &err), -EBADMSG);
}

static int set_up(void **state)
{
        static const char *const names[] = { "images", "images/names", "images/roots" };

        if (!mkdtemp(folder) || chdir(folder) < 0)
                return -1;
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                if (mkdir(names[i], 0755) < 0)
                        return -1;
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
        return remove(path);
}

static int tear_down(void **state)
{
        return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_versions_of_tags),
                cmocka_unit_test(test_an_image_on_disk),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}

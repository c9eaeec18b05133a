/* The cache on a real folder: what it promises about bounds, order, restarts and broken files. */
#include "runner/cache.h"
#include "job/result.h"
#include "util/fdio.h"
#include "util/log.h"
#include "util/pack.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <cmocka.h>

static char folder[] = "/tmp/coderunr-cache-XXXXXX";

static int folder_open(void)
{
        return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static struct cache *cache_of(uint64_t disk, uint64_t memory)
{
        struct cache *cache = cache_new_take(folder_open(), disk, memory);

        assert_non_null(cache);
        return cache;
}

static void write_all(struct cache *cache)
{
        while (cache_work(cache))
                ;
}

static void key_of(int number, uint8_t key[DIGEST_BYTES])
{
        struct digest digest;

        digest_begin(&digest);
        digest_number(&digest, (uint64_t)number);
        digest_end(&digest, key);
}

/* Artefact @number: a pack of one file with @n bytes of it. */
static int pack_of(int number, size_t n)
{
        char *content = malloc(n + 1);
        int fd = pack_open(1);

        memset(content, 'a' + number % 26, n);
        assert_int_equal(pack_add(fd, "a.out", 5, content, n, PACK_EXECUTABLE), 0);
        assert_int_equal(pack_seal(fd, 1), 0);
        free(content);
        return fd;
}

static void put(struct cache *cache, int number, size_t n)
{
        struct result result;
        uint8_t key[DIGEST_BYTES];
        int pack = pack_of(number, n);

        result_init(&result);
        result.stages[0].ran = true;
        result.stages[0].exit_code = 0;
        result.stages[0].cpu_ns = (uint64_t)number + 1000;
        assert_int_equal(output_add(&result.stages[0].output, STREAM_STDERR, "warning", 7), 0);
        key_of(number, key);
        cache_put(cache, key, &result.stages[0], pack);
        result_deinit(&result);
        close(pack);
}

/* Is it there, and whole? */
static bool has(struct cache *cache, int number, size_t n)
{
        struct pack_reader reader;
        struct pack_item item;
        struct result result;
        uint8_t key[DIGEST_BYTES];
        int pack = -1;
        const char *p;
        size_t all;
        bool found;

        result_init(&result);
        key_of(number, key);
        found = cache_get(cache, key, &result.stages[0], &pack);
        if (found) {
                assert_true(result.stages[0].ran && result.stages[0].cached);
                assert_int_equal(result.stages[0].cpu_ns, number + 1000);
                assert_int_equal(result.stages[0].output.totals[STREAM_STDERR], 7);
                assert_memory_equal(result.stages[0].output.bytes.p, "warning", 7);
                assert_int_equal(fdio_map(pack, &p, &all), 0);
                assert_int_equal(pack_reader_init(&reader, p, all), 0);
                assert_int_equal(pack_reader_next(&reader, &item), 1);
                assert_int_equal(item.size, n);
                assert_int_equal(item.content[n - 1], 'a' + number % 26);
                fdio_unmap(p, all);
                close(pack);
        }
        result_deinit(&result);
        return found;
}

static size_t count_files(void)
{
        DIR *dir = opendir(folder);
        struct dirent *entry;
        size_t n = 0;

        while ((entry = readdir(dir)))
                n += entry->d_name[0] != '.';
        closedir(dir);
        return n;
}

static void file_of(int number, char path[256])
{
        uint8_t key[DIGEST_BYTES];
        char name[DIGEST_TEXT];

        key_of(number, key);
        digest_hex(key, name);
        snprintf(path, 256, "%s/%s", folder, name);
}

static int empty(void **state)
{
        int fd = folder_open();
        DIR *dir = fdopendir(fd);
        struct dirent *entry;

        while ((entry = readdir(dir)))
                if (!streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
                        (void)unlinkat(fd, entry->d_name, 0);
        closedir(dir);
        return 0;
}

static void test_keeps_and_finds(void **state)
{
        struct cache *cache = cache_of(10 * MIB, MIB);

        assert_false(has(cache, 1, 100));
        put(cache, 1, 100);
        put(cache, 2, 700000);
        assert_true(has(cache, 1, 100));
        assert_true(has(cache, 2, 700000));
        assert_false(has(cache, 3, 100));
        write_all(cache);
        assert_int_equal(count_files(), 2);
        cache_free(cache);
}

static void test_survives_a_restart(void **state)
{
        struct cache *cache = cache_of(10 * MIB, MIB);

        put(cache, 1, 100);
        put(cache, 2, 2000000); /* more than the memory may hold */
        write_all(cache);
        assert_true(has(cache, 2, 2000000));
        cache_free(cache);
        cache = cache_of(10 * MIB, MIB);
        assert_true(has(cache, 1, 100));
        assert_true(has(cache, 2, 2000000));
        cache_free(cache);
}

/* Every byte of a file: changed, or the file cut short there. */
static void test_broken_files(void **state)
{
        struct cache *cache = cache_of(10 * MIB, 0);
        struct cache_counts counts;
        char path[256], *whole;
        struct stat st;
        int fd;

        put(cache, 1, 40);
        write_all(cache);
        cache_free(cache);
        file_of(1, path);
        assert_int_equal(stat(path, &st), 0);
        whole = malloc((size_t)st.st_size);
        fd = open(path, O_RDONLY);
        assert_int_equal(read(fd, whole, (size_t)st.st_size), st.st_size);
        close(fd);
        for (off_t at = 0; at < st.st_size; at++)
                for (int cut = 0; cut < 2; cut++) {
                        whole[at] ^= 1;
                        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
                        assert_int_equal(fdio_write_all(fd, whole, (size_t)(cut ? at : st.st_size)), 0);
                        close(fd);
                        whole[at] ^= 1;
                        cache = cache_of(10 * MIB, 0);
                        cache_count(cache, &counts);
                        assert_false(has(cache, 1, 40));
                        assert_int_equal(access(path, F_OK), -1);
                        cache_free(cache);
                }
        free(whole);
}

/* One's file under the name of another is not the other's. */
static void test_renamed_file(void **state)
{
        struct cache *cache = cache_of(10 * MIB, 0);
        char one[256], two[256];

        put(cache, 1, 40);
        write_all(cache);
        cache_free(cache);
        file_of(1, one);
        file_of(2, two);
        assert_int_equal(rename(one, two), 0);
        cache = cache_of(10 * MIB, 0);
        assert_false(has(cache, 1, 40));
        assert_false(has(cache, 2, 40));
        cache_free(cache);
}

static void test_oldest_goes_first(void **state)
{
        struct cache *cache = cache_of(1000 * KIB, 0);
        struct cache_counts counts;

        for (int i = 0; i < 9; i++) {
                put(cache, i, 100000);
                write_all(cache);
        }
        assert_true(has(cache, 0, 100000)); /* used: the next to go is 1 */
        put(cache, 9, 100000);
        write_all(cache);
        cache_count(cache, &counts);
        assert_in_range(counts.disk_bytes, 900000, 1000 * KIB);
        assert_true(has(cache, 0, 100000));
        assert_false(has(cache, 1, 100000));
        assert_true(has(cache, 2, 100000));
        cache_free(cache);
        cache = cache_of(350 * KIB, 0); /* told to hold less */
        assert_in_range(count_files(), 3, 3);
        assert_true(has(cache, 9, 100000));
        cache_free(cache);
}

static void test_memory_is_bounded(void **state)
{
        struct cache *cache = cache_new_take(-1, 0, 350000);
        struct cache_counts counts;

        for (int i = 0; i < 20; i++) {
                put(cache, i, 100000);
                cache_count(cache, &counts);
                assert_in_range(counts.memory_bytes, 100000, 350000);
                assert_in_range(counts.entries, 1, 3);
        }
        assert_true(has(cache, 19, 100000));
        assert_false(has(cache, 0, 100000));
        assert_false(cache_work(cache));
        cache_free(cache);
}

/* The folder went away under it: a disk that is full, read-only or broken is no worse. */
static void test_no_disk(void **state)
{
        char gone[] = "/tmp/coderunr-cache-XXXXXX";
        struct cache *cache;
        int fd;

        assert_non_null(mkdtemp(gone));
        fd = open(gone, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(rmdir(gone), 0);
        cache = cache_new_take(fd, 10 * MIB, MIB);
        put(cache, 1, 100);
        write_all(cache);
        assert_true(has(cache, 1, 100)); /* from memory */
        put(cache, 2, 2000000);
        write_all(cache);
        assert_false(has(cache, 2, 2000000));
        cache_free(cache);
}

/* Ended in the middle of writing: what is left is no artefact, and is removed. */
static void test_ended_while_writing(void **state)
{
        struct cache *cache = cache_of(100 * MIB, 10 * MIB);
        int fd;

        put(cache, 1, 5000000);
        for (int i = 0; i < 25; i++)
                assert_true(cache_work(cache));
        assert_int_equal(count_files(), 1);
        cache_free(cache);
        assert_int_equal(count_files(), 0);
        fd = folder_open();
        close(openat(fd, "fresh", O_CREAT | O_WRONLY, 0600));
        close(openat(fd, "something", O_CREAT | O_WRONLY, 0600));
        close(fd);
        cache = cache_of(100 * MIB, 10 * MIB);
        assert_int_equal(count_files(), 0);
        assert_false(has(cache, 1, 5000000));
        cache_free(cache);
}

static void test_too_large(void **state)
{
        struct cache *cache = cache_of(GIB, 0);

        put(cache, 1, CACHE_PACK_MAX);
        write_all(cache);
        assert_false(has(cache, 1, CACHE_PACK_MAX));
        cache_free(cache);
        cache = cache_of(MIB, 0);
        put(cache, 1, 300000); /* more than a quarter of all */
        write_all(cache);
        assert_int_equal(count_files(), 0);
        cache_free(cache);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_keeps_and_finds, empty),
                cmocka_unit_test_setup(test_survives_a_restart, empty),
                cmocka_unit_test_setup(test_broken_files, empty),
                cmocka_unit_test_setup(test_renamed_file, empty),
                cmocka_unit_test_setup(test_oldest_goes_first, empty),
                cmocka_unit_test_setup(test_memory_is_bounded, empty),
                cmocka_unit_test_setup(test_no_disk, empty),
                cmocka_unit_test_setup(test_ended_while_writing, empty),
                cmocka_unit_test_setup(test_too_large, empty),
        };
        int failed;

        log_open(LOG_NONE, "test");
        if (!mkdtemp(folder))
                return 1;
        failed = cmocka_run_group_tests(tests, NULL, NULL);
        (void)empty(NULL);
        rmdir(folder);
        return failed;
}

/*
 * Theory of operation: the content is hashed first and written then, both in slices; the temporary name is taken away by
 * rename(2) at the end, so whenever we are killed there is a whole file or a leftover that the next start removes.
 * Nothing is flushed: what a power cut leaves half fails its hash.
 */
#include "runner/cache_file.h"
#include "util/fdio.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
        MAGIC = 0x63727263, /* "crrc" */
        LAYOUT = 1,
        SLICE = 256 * 1024,
        BLOCK = 4096,
        FILE_MODE = 0600,
};

#define FRESH "fresh" /* there is one writer */

struct head {
        uint32_t magic;
        uint32_t layout;
        uint8_t key[DIGEST_BYTES];
        uint8_t sum[DIGEST_BYTES];
        uint64_t result_bytes;
        uint64_t pack_bytes;
};

uint64_t cache_file_cost(uint64_t n)
{
        return (n + sizeof(struct head) + 2 * BLOCK - 1) / BLOCK * BLOCK;
}

/* ---- reading ---- */

static int read_exactly(int fd, void *p, size_t n)
{
        char *at = p;

        while (n > 0) {
                ssize_t got = read(fd, at, n);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        return got < 0 ? -errno : -EBADMSG;
                at += got;
                n -= (size_t)got;
        }
        return 0;
}

static int read_head(int fd, const uint8_t key[DIGEST_BYTES], struct head *ret)
{
        struct stat st;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADMSG;
        r = read_exactly(fd, ret, sizeof(*ret));
        if (r < 0)
                return r;
        if (ret->magic != MAGIC || ret->layout != LAYOUT || memcmp(ret->key, key, DIGEST_BYTES) != 0 ||
            ret->result_bytes > CACHE_RESULT_MAX || ret->pack_bytes > (uint64_t)st.st_size ||
            sizeof(*ret) + ret->result_bytes + ret->pack_bytes != (uint64_t)st.st_size)
                return -EBADMSG;
        return 0;
}

static int read_pack(int fd, uint64_t left, struct digest *digest, int *ret_pack)
{
        CLEANUP(close_fd) int pack = fdio_memfd("artefact");
        CLEANUP(free_ptr) char *slice = malloc(SLICE);
        int r = pack < 0 ? pack : slice ? 0 : -ENOMEM;

        while (r == 0 && left > 0) {
                size_t n = MIN(left, (uint64_t)SLICE);

                r = read_exactly(fd, slice, n);
                if (r == 0) {
                        digest_raw(digest, slice, n);
                        r = fdio_write_all(pack, slice, n);
                }
                left -= n;
        }
        r = r ? r : fdio_seal(pack);
        if (r == 0)
                *ret_pack = TAKE_FD(pack);
        return r;
}

static void digest_head(struct digest *digest, const uint8_t key[DIGEST_BYTES], uint64_t result_bytes,
                        uint64_t pack_bytes)
{
        digest_begin(digest);
        digest_raw(digest, key, DIGEST_BYTES);
        digest_number(digest, result_bytes);
        digest_number(digest, pack_bytes);
}

static int read_rest(int fd, const struct head *head, struct bytes *result, int *ret_pack)
{
        CLEANUP(close_fd) int pack = -1;
        uint8_t sum[DIGEST_BYTES];
        struct digest digest;
        int r = bytes_reserve(result, head->result_bytes);

        r = r ? r : read_exactly(fd, result->p, head->result_bytes);
        if (r < 0)
                return r;
        result->n = head->result_bytes;
        result->p[result->n] = '\0';
        digest_head(&digest, head->key, head->result_bytes, head->pack_bytes);
        digest_raw(&digest, result->p, result->n);
        r = read_pack(fd, head->pack_bytes, &digest, &pack);
        digest_end(&digest, sum);
        if (r == 0 && memcmp(sum, head->sum, DIGEST_BYTES) != 0)
                r = -EBADMSG;
        if (r == 0)
                *ret_pack = TAKE_FD(pack);
        return r;
}

int cache_file_read(int folder, const uint8_t key[DIGEST_BYTES], struct bytes *result, int *ret_pack)
{
        CLEANUP(close_fd) int fd = -1;
        char name[DIGEST_TEXT];
        struct head head;
        int r;

        digest_hex(key, name);
        fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return errno == ELOOP ? -EBADMSG : -errno;
        r = read_head(fd, key, &head);
        return r ? r : read_rest(fd, &head, result, ret_pack);
}

int cache_file_remove(int folder, const uint8_t key[DIGEST_BYTES])
{
        char name[DIGEST_TEXT];

        digest_hex(key, name);
        return unlinkat(folder, name, 0) < 0 ? -errno : 0;
}

void cache_file_touch(int folder, const uint8_t key[DIGEST_BYTES])
{
        char name[DIGEST_TEXT];

        digest_hex(key, name);
        (void)utimensat(folder, name, NULL, AT_SYMLINK_NOFOLLOW);
}

/* ---- writing ---- */

/* A slice of result and pack taken as one string. */
static struct view slice_of(const struct cache_writer *writer)
{
        uint64_t at = writer->done;
        struct view part = writer->result;

        if (at >= part.n) {
                at -= part.n;
                part = writer->pack;
        }
        return (struct view){ part.p + at, MIN(part.n - at, (uint64_t)SLICE) };
}

static int hash_slice(struct cache_writer *writer, uint64_t all)
{
        struct view slice = slice_of(writer);

        if (writer->done == 0)
                digest_head(&writer->digest, writer->key, writer->result.n, writer->pack.n);
        digest_raw(&writer->digest, slice.p, slice.n);
        writer->done += slice.n;
        if (writer->done < all)
                return 1;
        digest_end(&writer->digest, writer->sum);
        writer->hashed = true;
        writer->done = 0;
        return 1;
}

static int begin_file(struct cache_writer *writer, int folder)
{
        struct head head = { .magic = MAGIC,
                             .layout = LAYOUT,
                             .result_bytes = writer->result.n,
                             .pack_bytes = writer->pack.n };

        memcpy(head.key, writer->key, DIGEST_BYTES);
        memcpy(head.sum, writer->sum, DIGEST_BYTES);
        writer->fd = openat(folder, FRESH, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
        return writer->fd < 0 ? -errno : fdio_write_all(writer->fd, &head, sizeof(head));
}

static int give_name(struct cache_writer *writer, int folder)
{
        char name[DIGEST_TEXT];
        int r;

        close_fd(&writer->fd);
        digest_hex(writer->key, name);
        if (renameat(folder, FRESH, folder, name) == 0)
                return 0;
        r = -errno;
        (void)unlinkat(folder, FRESH, 0);
        return r;
}

int cache_writer_step(struct cache_writer *writer, int folder)
{
        uint64_t all = writer->result.n + writer->pack.n;
        struct view slice;
        int r = 0;

        if (!writer->hashed)
                return hash_slice(writer, all);
        if (writer->fd < 0)
                r = begin_file(writer, folder);
        slice = slice_of(writer);
        r = r ? r : fdio_write_all(writer->fd, slice.p, slice.n);
        writer->done += slice.n;
        if (r == 0 && writer->done < all)
                return 1;
        r = r ? r : give_name(writer, folder);
        cache_writer_drop(writer, folder);
        return r;
}

void cache_writer_drop(struct cache_writer *writer, int folder)
{
        if (writer->digest.state)
                digest_drop(&writer->digest);
        if (writer->fd >= 0)
                (void)unlinkat(folder, FRESH, 0);
        close_fd(&writer->fd);
}

/* ---- at the start ---- */

static int from_hex(char c)
{
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_key(const char *name, uint8_t ret[DIGEST_BYTES])
{
        if (strlen(name) != DIGEST_TEXT - 1)
                return false;
        for (size_t i = 0; i < DIGEST_BYTES; i++) {
                int high = from_hex(name[2 * i]), low = from_hex(name[2 * i + 1]);

                if (high < 0 || low < 0)
                        return false;
                ret[i] = (uint8_t)(high << 4 | low);
        }
        return true;
}

int cache_file_each(int folder,
                    void (*each)(void *arg, const uint8_t key[DIGEST_BYTES], uint64_t bytes,
                                 uint64_t used_ns),
                    void *arg)
{
        int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;

        if (!dir) {
                int r = -errno;

                close_fd(&fd);
                return r;
        }
        while ((entry = readdir(dir))) {
                uint8_t key[DIGEST_BYTES];
                struct stat st;

                if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
                        continue;
                if (is_key(entry->d_name, key) && fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                    S_ISREG(st.st_mode) && (uint64_t)st.st_size >= sizeof(struct head))
                        each(arg, key, (uint64_t)st.st_size - sizeof(struct head),
                             (uint64_t)st.st_mtim.tv_sec * NSEC_PER_SEC + (uint64_t)st.st_mtim.tv_nsec);
                else
                        (void)unlinkat(fd, entry->d_name, 0);
        }
        closedir(dir);
        return 0;
}

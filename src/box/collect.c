/*
 * Collect: pack the work folder after a compile stage, with the box's own rights, from inside the box.
 *
 * Goes down by descriptors (openat, O_NOFOLLOW), takes regular files and folders and nothing else, and writes the
 * pack to a pipe.  The head of a pack tells the number of entries, so the folder is walked twice: once to count.
 */
#include "box/keeper.h"
#include "util/fdio.h"
#include "util/pack.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { DEPTH_MAX = 32, DENTS_BYTES = 8192 };

struct walk {
        int out;
        uint32_t count;
        bool dry; /* only count */
        char name[PACK_NAME_MAX + 1];
};

struct dent {
        uint64_t ino;
        int64_t off;
        unsigned short reclen;
        unsigned char type;
        char name[];
};

static int send_content(int out, int in, uint64_t size)
{
        while (size > 0) {
                ssize_t n = sendfile(out, in, NULL, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO; /* shrank under us */
                size -= (uint64_t)n;
        }
        return 0;
}

static int send_head(const struct walk *walk, size_t name_len, uint64_t size, uint32_t flags)
{
        struct pack_entry entry = { size, (uint32_t)name_len, flags };
        int r = fdio_write_all(walk->out, &entry, sizeof(entry));

        return r ? r : fdio_write_all(walk->out, walk->name, name_len);
}

static int take_file(struct walk *walk, int folder, const char *base, size_t name_len)
{
        CLEANUP(close_fd) int fd = openat(folder, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return 0; /* unreadable or special: not part of the artefact */
        walk->count++;
        if (walk->dry)
                return 0;
        r = send_head(walk, name_len, (uint64_t)st.st_size, st.st_mode & 0111 ? PACK_EXECUTABLE : 0);
        return r ? r : send_content(walk->out, fd, (uint64_t)st.st_size);
}

static int take_folder(struct walk *walk, int folder, size_t prefix, int depth);

static int take_entry(struct walk *walk, int folder, const struct dent *entry, size_t prefix, int depth)
{
        size_t n = strlen(entry->name), len = prefix + (prefix ? 1 : 0) + n;
        int inner, r;

        if (streq(entry->name, ".") || streq(entry->name, "..") || len > PACK_NAME_MAX)
                return 0;
        if (prefix)
                walk->name[prefix] = '/';
        memcpy(walk->name + len - n, entry->name, n + 1);
        if (entry->type == DT_REG)
                return take_file(walk, folder, entry->name, len);
        if (entry->type != DT_DIR || depth >= DEPTH_MAX)
                return 0;
        inner = openat(folder, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (inner < 0)
                return 0;
        walk->count++;
        r = walk->dry ? 0 : send_head(walk, len, 0, PACK_DIRECTORY);
        r = r ? r : take_folder(walk, inner, len, depth + 1);
        close(inner);
        return r;
}

static int take_folder(struct walk *walk, int folder, size_t prefix, int depth)
{
        _Alignas(struct dent) char buf[DENTS_BYTES];
        long n;
        int r = 0;

        if (lseek(folder, 0, SEEK_SET) < 0)
                return -errno;
        while (r == 0 && (n = syscall(SYS_getdents64, folder, buf, sizeof(buf))) > 0)
                for (long at = 0; r == 0 && at < n;) {
                        const struct dent *entry = (const struct dent *)(buf + at);

                        at += entry->reclen;
                        if (walk->count >= PACK_COUNT_MAX)
                                return -E2BIG;
                        r = take_entry(walk, folder, entry, prefix, depth);
                }
        return r;
}

int collect(int out)
{
        CLEANUP(close_fd) int folder = open(BOX_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        static struct walk walk;
        struct pack_head head = { .magic = PACK_MAGIC };
        int r;

        if (folder < 0)
                return -errno;
        walk = (struct walk){ .out = out, .dry = true };
        r = take_folder(&walk, folder, 0, 0);
        if (r < 0)
                return r;
        head.count = walk.count;
        walk = (struct walk){ .out = out };
        r = fdio_write_all(out, &head, sizeof(head));
        return r ? r : take_folder(&walk, folder, 0, 0);
}

/*
 * The writer goes through write(2) so that the pages of a memfd are charged to whoever writes, and the
 * descriptor can be handed on without a copy.  The reader is fuzzed: every length is checked against what is
 * left before it is used.
 */
#include "util/pack.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>

int pack_reader_init(struct pack_reader *reader, const void *p, size_t n)
{
        struct pack_head head;

        if (n < sizeof(head))
                return -EBADMSG;
        memcpy(&head, p, sizeof(head));
        if (head.magic != PACK_MAGIC || head.count > PACK_COUNT_MAX)
                return -EBADMSG;
        *reader = (struct pack_reader){ (const char *)p + sizeof(head), n - sizeof(head), head.count };
        return 0;
}

int pack_reader_next(struct pack_reader *reader, struct pack_item *ret_item)
{
        struct pack_entry entry;

        if (reader->left == 0)
                return 0;
        if (reader->n < sizeof(entry))
                return -EBADMSG;
        memcpy(&entry, reader->p, sizeof(entry));
        reader->p += sizeof(entry);
        reader->n -= sizeof(entry);
        if (entry.name_len > reader->n || entry.size > reader->n - entry.name_len)
                return -EBADMSG;
        *ret_item = (struct pack_item){ reader->p, entry.name_len, reader->p + entry.name_len, entry.size,
                                        entry.flags };
        if (!pack_name_ok(ret_item->name, ret_item->name_len))
                return -EBADMSG;
        reader->p += entry.name_len + entry.size;
        reader->n -= entry.name_len + entry.size;
        reader->left--;
        return 1;
}

static bool part_ok(const char *part, size_t len)
{
        return len > 0 && len <= 255 && !(len == 1 && part[0] == '.') &&
               !(len == 2 && part[0] == '.' && part[1] == '.');
}

bool pack_name_ok(const char *name, size_t len)
{
        size_t start = 0;

        if (len == 0 || len > PACK_NAME_MAX || memchr(name, '\0', len))
                return false;
        for (size_t i = 0; i <= len; i++) {
                if (i < len && name[i] != '/')
                        continue;
                if (!part_ok(name + start, i - start))
                        return false;
                start = i + 1;
        }
        return true;
}

static int write_all(int fd, struct iovec *iov, int n)
{
        while (n > 0) {
                ssize_t put = writev(fd, iov, n);

                if (put < 0 && errno == EINTR)
                        continue;
                if (put < 0)
                        return -errno;
                while (n > 0 && (size_t)put >= iov->iov_len) {
                        put -= (ssize_t)iov->iov_len;
                        iov++;
                        n--;
                }
                if (n > 0) {
                        iov->iov_base = (char *)iov->iov_base + put;
                        iov->iov_len -= (size_t)put;
                }
        }
        return 0;
}

int pack_open(uint32_t count)
{
        struct pack_head head = { PACK_MAGIC, count };
        struct iovec iov = { &head, sizeof(head) };
        int fd = memfd_create("pack", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        int r;

        if (fd < 0)
                return -errno;
        r = write_all(fd, &iov, 1);
        if (r < 0) {
                close(fd);
                return r;
        }
        return fd;
}

int pack_add(int fd, const char *name, size_t name_len, const void *content, size_t size, uint32_t flags)
{
        struct pack_entry entry = { size, (uint32_t)name_len, flags };
        struct iovec iov[3] = {
                { &entry, sizeof(entry) },
                { (void *)(uintptr_t)name, name_len },
                { (void *)(uintptr_t)content, size },
        };

        if (!pack_name_ok(name, name_len))
                return -EINVAL;
        return write_all(fd, iov, 3);
}

int pack_seal(int fd, uint32_t count)
{
        struct pack_head head = { PACK_MAGIC, count };

        if (pwrite(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
                return -errno;
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
                return -errno;
        return 0;
}

#pragma once

/*
 * Pack: a handful of files in one flat byte string.  This is how sources enter a box and how the artefact
 * of a compile stage leaves it.  Only regular files and folders; no links, no owners, no times.
 *
 *   pack    magic, count, count entries
 *   entry   struct pack_entry, name (no NUL), content; the next entry follows at once
 *
 * Reader and writer allocate nothing: the writer fills an iovec header, the reader walks a mapped view.  The reader believes
 * nothing: it is run inside the box on bytes that a stranger chose.
 */

#include "util/base.h"

enum {
        PACK_MAGIC = 0x6b706372, /* "crpk" */
        PACK_NAME_MAX = 1024,
        PACK_COUNT_MAX = 65536,
        PACK_DIRECTORY = 1 << 0, /* an empty folder; folders of files need no entry */
        PACK_EXECUTABLE = 1 << 1,
};

struct pack_head {
        uint32_t magic;
        uint32_t count;
};

struct pack_entry {
        uint64_t size;
        uint32_t name_len;
        uint32_t flags;
};

struct pack_reader {
        const char *p;
        size_t n;
        uint32_t left; /* entries */
};

struct pack_item {
        const char *name; /* not NUL-terminated */
        size_t name_len;
        const char *content;
        size_t size;
        uint32_t flags;
};

/* 0 or -EBADMSG. */
int pack_reader_init(struct pack_reader *reader, const void *p, size_t n) MUST_USE;

/* 1 and an item, 0 at the end, -EBADMSG for a pack that lies. Names are checked with pack_name_ok(). */
int pack_reader_next(struct pack_reader *reader, struct pack_item *ret_item) MUST_USE;

/* Relative, no empty, "." or ".." part, no NUL, at most PACK_NAME_MAX bytes. */
bool pack_name_ok(const char *name, size_t len);

/* A new sealable memfd that cannot be executed by accident (close-on-exec); -errno. */
int pack_open(uint32_t count) MUST_USE;

/* Append one entry to the memfd of pack_open().  0 or -errno. */
int pack_add(int fd, const char *name, size_t name_len, const void *content, size_t size,
             uint32_t flags) MUST_USE;

/* Set the count of entries and forbid every later change (F_SEAL_WRITE|GROW|SHRINK|SEAL). 0 or -errno. */
int pack_seal(int fd, uint32_t count) MUST_USE;

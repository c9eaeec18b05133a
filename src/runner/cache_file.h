#pragma once

/*
 * Cache file: one artefact of the compile cache on disk, named after its key.
 *
 *   head     magic, layout, key, sizes, SHA-256 of all that follows
 *   result   the compile stage's own result (job/outcome.h)
 *   pack     what it left (util/pack.h)
 *
 * A file gets its name when it is whole.  Nothing in it is believed that the hash does not vouch for.
 */

#include "util/bytes.h"
#include "util/digest.h"

enum { CACHE_RESULT_MAX = 4 * 1024 * 1024 };

/* Whole, verified: the result's bytes, and the pack as sealed memory.  0, -ENOENT, -EBADMSG for a file that is not what it
 * says (the caller removes it), or -errno. */
int cache_file_read(int folder, const uint8_t key[DIGEST_BYTES], struct bytes *result,
                    int *ret_pack) MUST_USE;

int cache_file_remove(int folder, const uint8_t key[DIGEST_BYTES]);

/* Bytes of disk that a file of @n bytes takes, folder entry and all. */
uint64_t cache_file_cost(uint64_t n);

/* Written in slices, so that a large artefact keeps nobody waiting. */
struct cache_writer {
        uint8_t key[DIGEST_BYTES];
        struct view result, pack; /* borrowed until the end */
        struct digest digest;
        uint8_t sum[DIGEST_BYTES];
        uint64_t done;
        int fd;
        bool hashed;
};

/* One slice.  1: more to do, 0: the file is there, -errno: it will not be.  To begin with, zero it, set key, result, pack
 * and fd = -1. */
int cache_writer_step(struct cache_writer *writer, int folder) MUST_USE;
void cache_writer_drop(struct cache_writer *writer, int folder);

/* Call @each for every file; whatever else lies in the folder is removed.  0 or -errno. */
int cache_file_each(int folder,
                    void (*each)(void *arg, const uint8_t key[DIGEST_BYTES], uint64_t bytes,
                                 uint64_t used_ns),
                    void *arg) MUST_USE;

/* It was used: its mtime is its place in line. */
void cache_file_touch(int folder, const uint8_t key[DIGEST_BYTES]);

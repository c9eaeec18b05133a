#pragma once

/*
 * Cache: artefacts of compile stages by the digest of all they were made from.
 *
 * In memory the artefacts used last, on disk all of them; each bounded in bytes, the one used longest ago goes first.
 * What the disk holds is read and verified when it is asked for.  Nothing that fails here fails a job: what
 * cannot be read is a miss, what cannot be written stays in memory for a while.
 */

#include "util/bytes.h"
#include "util/digest.h"

struct cache;
struct stage_result;

enum { CACHE_PACK_MAX = 32 * 1024 * 1024 }; /* larger artefacts are not kept */

/* @folder (-1: no disk) is taken over; 0 bytes of one kind: none of it. NULL: out of memory. */
struct cache *cache_new_take(int folder, uint64_t disk_bytes, uint64_t memory_bytes);
void cache_free(struct cache *cache);

/* True: @result (output empty) is filled with that of the compile stage, @ret_pack is the caller's. */
bool cache_get(struct cache *cache, const uint8_t key[DIGEST_BYTES], struct stage_result *result,
               int *ret_pack);

/* Keep a sealed pack, which stays the caller's too, under a key that cache_get() did not find. */
void cache_put(struct cache *cache, const uint8_t key[DIGEST_BYTES], const struct stage_result *result,
               int pack);

/* Write a slice of what is not on disk yet.  True: there is more; call it when there is nothing better to do. */
bool cache_work(struct cache *cache);

struct cache_counts {
        uint64_t entries, disk_bytes, memory_bytes;
        uint64_t hits, misses, broken; /* broken: files that were not what they said */
};

void cache_count(const struct cache *cache, struct cache_counts *ret);

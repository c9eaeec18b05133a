/*
 * Theory of operation: one entry per key, in a hash table and in line by last use.  An entry is hot (result and sealed pack
 * in memory), on disk, or both; one that is neither is freed.  New ones are hot and dirty until a writer has put them
 * on disk, slice by slice; while dirty they cannot be pushed out of memory, so what may be dirty is bounded too.
 *
 * A box gets the pack as a sealed memfd and copies out of it what it needs: jobs share no inode that one of them could
 * write, lock or watch.
 */
#include "runner/cache.h"
#include "job/outcome.h"
#include "runner/cache_file.h"
#include "util/clock.h"
#include "util/fdio.h"
#include "util/log.h"

#include <fcntl.h>
#include <sys/queue.h>

enum { BUCKETS = 4096, ENTRIES_MAX = 262144, HOT_MAX = 512 };

#define TOUCH_NS (60 * NSEC_PER_SEC)
#define QUIET_NS (60 * NSEC_PER_SEC) /* between two complaints about the disk */

struct entry {
        LIST_ENTRY(entry) by_key;
        TAILQ_ENTRY(entry) line; /* the one used last is first */
        TAILQ_ENTRY(entry) hot;  /* of those in memory */
        TAILQ_ENTRY(entry) unwritten;
        uint8_t key[DIGEST_BYTES];
        uint64_t disk; /* bytes, 0: not there */
        uint64_t used_ns;
        uint64_t touched_ns;
        struct bytes result; /* while hot */
        uint64_t pack_bytes;
        int pack; /* -1: not hot */
        bool dirty;
};

TAILQ_HEAD(line, entry);
LIST_HEAD(bucket, entry);

struct cache {
        int folder;
        uint64_t disk_most, memory_most;
        struct line line, hot, dirty;
        size_t n_hot;
        uint64_t dirty_bytes;
        struct cache_counts counts;
        struct cache_writer writer;
        const char *mapped; /* the pack being written */
        size_t n_mapped;
        uint64_t complained_ns;
        struct bucket buckets[BUCKETS];
};

static struct bucket *bucket_of(struct cache *cache, const uint8_t key[DIGEST_BYTES])
{
        return &cache->buckets[(key[0] | key[1] << 8) % BUCKETS];
}

static struct entry *find(struct cache *cache, const uint8_t key[DIGEST_BYTES])
{
        struct entry *entry;

        LIST_FOREACH(entry, bucket_of(cache, key), by_key)
        if (memcmp(entry->key, key, DIGEST_BYTES) == 0)
                return entry;
        return NULL;
}

static uint64_t hot_bytes(const struct entry *entry)
{
        return entry->result.n + entry->pack_bytes;
}

static void complain(struct cache *cache, const char *what, int r)
{
        uint64_t now = clock_now_ns();

        if (cache->complained_ns && now - cache->complained_ns < QUIET_NS)
                return;
        cache->complained_ns = now;
        log_warn("compile cache: %s: %s; jobs are compiled as if it were not there", what, strerror(-r));
}

/* ---- entries ---- */

static void cool(struct cache *cache, struct entry *entry)
{
        if (entry->pack < 0)
                return;
        cache->counts.memory_bytes -= hot_bytes(entry);
        cache->n_hot--;
        TAILQ_REMOVE(&cache->hot, entry, hot);
        close_fd(&entry->pack);
        bytes_deinit(&entry->result);
}

static void forget_disk(struct cache *cache, struct entry *entry)
{
        cache->counts.disk_bytes -= entry->disk;
        entry->disk = 0;
}

static void clean(struct cache *cache, struct entry *entry)
{
        if (!entry->dirty)
                return;
        TAILQ_REMOVE(&cache->dirty, entry, unwritten);
        cache->dirty_bytes -= hot_bytes(entry);
        entry->dirty = false;
}

static void entry_free(struct cache *cache, struct entry *entry)
{
        clean(cache, entry);
        cool(cache, entry);
        forget_disk(cache, entry);
        LIST_REMOVE(entry, by_key);
        TAILQ_REMOVE(&cache->line, entry, line);
        cache->counts.entries--;
        free(entry);
}

static struct entry *entry_new(struct cache *cache, const uint8_t key[DIGEST_BYTES])
{
        struct entry *entry = calloc(1, sizeof(*entry));

        if (!entry)
                return NULL;
        memcpy(entry->key, key, DIGEST_BYTES);
        entry->pack = -1;
        entry->result = BYTES_INIT(CACHE_RESULT_MAX);
        LIST_INSERT_HEAD(bucket_of(cache, key), entry, by_key);
        TAILQ_INSERT_HEAD(&cache->line, entry, line);
        cache->counts.entries++;
        return entry;
}

static void heat(struct cache *cache, struct entry *entry)
{
        TAILQ_INSERT_HEAD(&cache->hot, entry, hot);
        cache->counts.memory_bytes += hot_bytes(entry);
        cache->n_hot++;
}

static void used(struct cache *cache, struct entry *entry)
{
        uint64_t now = clock_now_ns();

        TAILQ_REMOVE(&cache->line, entry, line);
        TAILQ_INSERT_HEAD(&cache->line, entry, line);
        if (entry->pack >= 0) {
                TAILQ_REMOVE(&cache->hot, entry, hot);
                TAILQ_INSERT_HEAD(&cache->hot, entry, hot);
        }
        if (!entry->disk || now - entry->touched_ns < TOUCH_NS)
                return;
        entry->touched_ns = now;
        cache_file_touch(cache->folder, entry->key);
}

/* ---- bounds ---- */

static void trim_memory(struct cache *cache)
{
        struct entry *entry = TAILQ_LAST(&cache->hot, line), *before;

        for (; entry && (cache->counts.memory_bytes > cache->memory_most || cache->n_hot > HOT_MAX);
             entry = before) {
                before = TAILQ_PREV(entry, line, hot);
                if (entry->dirty)
                        continue;
                cool(cache, entry);
                if (!entry->disk)
                        entry_free(cache, entry);
        }
}

static void trim_disk(struct cache *cache, uint64_t room)
{
        struct entry *entry = TAILQ_LAST(&cache->line, line), *before;

        for (; entry &&
               (cache->counts.disk_bytes + room > cache->disk_most || cache->counts.entries > ENTRIES_MAX);
             entry = before) {
                before = TAILQ_PREV(entry, line, line);
                if (!entry->disk)
                        continue;
                (void)cache_file_remove(cache->folder, entry->key);
                forget_disk(cache, entry);
                if (entry->pack < 0)
                        entry_free(cache, entry);
        }
}

/* ---- getting ---- */

static int result_read(const struct bytes *bytes, struct stage_result *result)
{
        struct outcome outcome;
        int r = outcome_decode(bytes_view(bytes), &outcome);

        if (r < 0)
                return r;
        bytes_deinit(&result->output.bytes);
        bytes_deinit(&result->output.marks);
        *result = outcome.stage;
        result->cached = true;
        return 0;
}

static int load(struct cache *cache, struct entry *entry)
{
        uint64_t bytes;
        int r = cache_file_read(cache->folder, entry->key, &entry->result, &entry->pack);

        r = r ? r : fdio_sealed_size(entry->pack, &bytes);
        if (r < 0) {
                close_fd(&entry->pack);
                bytes_deinit(&entry->result);
                return r;
        }
        entry->pack_bytes = bytes;
        heat(cache, entry);
        return 0;
}

/* Not what it said it is, or not to be read: gone. */
static void lose(struct cache *cache, struct entry *entry, int r)
{
        char name[DIGEST_TEXT];

        cache->counts.broken++;
        digest_hex(entry->key, name);
        log_warn("compile cache: %.16s… is broken (%s) and removed", name, strerror(-r));
        if (entry->disk)
                (void)cache_file_remove(cache->folder, entry->key);
        entry_free(cache, entry);
}

bool cache_get(struct cache *cache, const uint8_t key[DIGEST_BYTES], struct stage_result *result,
               int *ret_pack)
{
        struct entry *entry = find(cache, key);
        int pack = -1, r = entry && entry->pack < 0 ? load(cache, entry) : 0;

        if (entry && r == 0) {
                pack = fcntl(entry->pack, F_DUPFD_CLOEXEC, 0);
                r = pack < 0 ? -errno : result_read(&entry->result, result);
        }
        if (!entry || r < 0) {
                close_fd(&pack);
                cache->counts.misses++;
                if (entry && r != -EMFILE && r != -ENOMEM)
                        lose(cache, entry, r);
                return false;
        }
        cache->counts.hits++;
        used(cache, entry);
        trim_memory(cache);
        *ret_pack = pack;
        return true;
}

/* ---- putting ---- */

static int result_write(const struct stage_result *result, struct bytes *out)
{
        struct outcome outcome = { .which = OUTCOME_COMPILE, .stage = *result };

        return outcome_encode(&outcome, out);
}

static int fill(struct entry *entry, const struct stage_result *result, int pack, uint64_t bytes)
{
        int r = result_write(result, &entry->result);

        if (r < 0)
                return r;
        entry->pack = fcntl(pack, F_DUPFD_CLOEXEC, 0);
        entry->pack_bytes = bytes;
        return entry->pack < 0 ? -errno : 0;
}

void cache_put(struct cache *cache, const uint8_t key[DIGEST_BYTES], const struct stage_result *result,
               int pack)
{
        struct entry *entry;
        uint64_t bytes;

        if (find(cache, key) || fdio_sealed_size(pack, &bytes) < 0 || bytes > CACHE_PACK_MAX)
                return;
        entry = entry_new(cache, key);
        if (!entry)
                return;
        if (fill(entry, result, pack, bytes) < 0) {
                close_fd(&entry->pack);
                bytes_deinit(&entry->result);
                entry_free(cache, entry);
                return;
        }
        heat(cache, entry);
        if (cache->folder >= 0 && cache_file_cost(hot_bytes(entry)) <= cache->disk_most / 4 &&
            cache->dirty_bytes + hot_bytes(entry) <= CACHE_PACK_MAX + CACHE_RESULT_MAX) {
                entry->dirty = true;
                cache->dirty_bytes += hot_bytes(entry);
                TAILQ_INSERT_TAIL(&cache->dirty, entry, unwritten);
        }
        trim_memory(cache);
}

/* ---- writing ---- */

static int write_begin(struct cache *cache, const struct entry *entry)
{
        int r = fdio_map(entry->pack, &cache->mapped, &cache->n_mapped);

        if (r < 0)
                return r;
        cache->writer = (struct cache_writer){ .result = bytes_view(&entry->result),
                                               .pack = { cache->mapped, cache->n_mapped },
                                               .fd = -1 };
        memcpy(cache->writer.key, entry->key, DIGEST_BYTES);
        trim_disk(cache, cache_file_cost(hot_bytes(entry)));
        return 0;
}

static void write_end(struct cache *cache, struct entry *entry, int r)
{
        fdio_unmap(cache->mapped, cache->n_mapped);
        cache->mapped = NULL;
        cache->n_mapped = 0;
        clean(cache, entry);
        if (r == 0) {
                entry->disk = cache_file_cost(hot_bytes(entry));
                entry->touched_ns = clock_now_ns();
                cache->counts.disk_bytes += entry->disk;
        } else {
                complain(cache, "an artefact cannot be written", r);
        }
        trim_memory(cache);
}

bool cache_work(struct cache *cache)
{
        struct entry *entry = TAILQ_FIRST(&cache->dirty);
        int r;

        if (!entry)
                return false;
        r = cache->mapped ? 0 : write_begin(cache, entry);
        r = r ? r : cache_writer_step(&cache->writer, cache->folder);
        if (r <= 0)
                write_end(cache, entry, r);
        return !TAILQ_EMPTY(&cache->dirty);
}

/* ---- life ---- */

struct found {
        struct cache *cache;
        bool full;
};

/* In line by the time of their last use; a start is the one moment at which they are not in it already. */
static void on_found(void *arg, const uint8_t key[DIGEST_BYTES], uint64_t bytes, uint64_t used_ns)
{
        struct found *found = arg;
        struct entry *entry = found->full ? NULL : entry_new(found->cache, key);

        if (!entry || found->cache->counts.entries > ENTRIES_MAX) {
                found->full = true;
                return;
        }
        entry->used_ns = used_ns;
        entry->disk = cache_file_cost(bytes);
        found->cache->counts.disk_bytes += entry->disk;
}

static int by_use(const void *a, const void *b)
{
        const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;

        return x->used_ns < y->used_ns ? -1 : x->used_ns > y->used_ns;
}

static int put_in_line(struct cache *cache)
{
        size_t n = cache->counts.entries, i = 0;
        CLEANUP(free_ptr) struct entry **all = calloc(n + 1, sizeof(struct entry *));
        struct entry *entry;

        if (!all)
                return -ENOMEM;
        while ((entry = TAILQ_FIRST(&cache->line))) {
                TAILQ_REMOVE(&cache->line, entry, line);
                all[i++] = entry;
        }
        qsort(all, n, sizeof(struct entry *), by_use);
        for (i = 0; i < n; i++)
                TAILQ_INSERT_HEAD(&cache->line, all[i], line);
        return 0;
}

struct cache *cache_new_take(int folder, uint64_t disk_bytes, uint64_t memory_bytes)
{
        struct cache *cache = calloc(1, sizeof(*cache));
        struct found found = { cache, false };
        int r = 0;

        if (!cache) {
                close_fd(&folder);
                return NULL;
        }
        cache->folder = disk_bytes ? TAKE_FD(folder) : -1;
        close_fd(&folder);
        cache->disk_most = disk_bytes;
        cache->memory_most = memory_bytes;
        TAILQ_INIT(&cache->line);
        TAILQ_INIT(&cache->hot);
        TAILQ_INIT(&cache->dirty);
        if (cache->folder >= 0)
                r = cache_file_each(cache->folder, on_found, &found);
        r = r ? r : put_in_line(cache);
        if (r < 0) {
                complain(cache, "its folder cannot be read", r);
                close_fd(&cache->folder);
        }
        trim_disk(cache, 0);
        return cache;
}

void cache_free(struct cache *cache)
{
        struct entry *entry;

        if (!cache)
                return;
        if (cache->mapped) {
                cache_writer_drop(&cache->writer, cache->folder);
                fdio_unmap(cache->mapped, cache->n_mapped);
        }
        while ((entry = TAILQ_FIRST(&cache->line)))
                entry_free(cache, entry);
        close_fd(&cache->folder);
        free(cache);
}

void cache_count(const struct cache *cache, struct cache_counts *ret)
{
        *ret = cache->counts;
}

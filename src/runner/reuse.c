/*
 *   arrives ──► digest ──► found: its result is told as if it had run ──► run stage
 *                     └──► not: compiles; meanwhile whoever has the same digest waits in line
 *   ended ok ──► kept, and those that wait find it; otherwise the next of them tries for itself
 *
 * Stdin is not in the digest, since one program with twenty inputs is one program.  A compiler could read it, though: so
 * what was compiled beside a stdin is kept only when not one byte was read, and an empty stdin, whose end can be
 * read without a trace, is a digest of its own.
 *
 * What failed to compile is compiled again: nothing is gained by keeping errors, and a host short of memory makes some
 * that are not the program's.  A few digests of those are remembered, so that equal ones need not wait in turn.
 */
#include "runner/reuse.h"
#include "job/plan.h"
#include "runner/cache.h"
#include "runner/live.h"
#include "runner/stage.h"
#include "runtime/identity.h"
#include "runtime/runtime.h"
#include "util/err.h"
#include "util/fdio.h"
#include "util/log.h"

#include <event2/event.h>
#include <sys/random.h>

enum { LAYOUT = 1, FAILED_MAX = 64, SMALL = 65536 };

struct flight {
        LIST_ENTRY(flight) link;
        uint8_t key[DIGEST_BYTES];
};

struct reuse {
        struct cache *cache;
        struct event *work;
        uint8_t engine[DIGEST_BYTES];
        LIST_HEAD(, flight) flights; /* at most one per slot */
        uint8_t failed[FAILED_MAX][DIGEST_BYTES];
        size_t next_failed;
        uint64_t n_kept;
};

/* ---- the digest ---- */

static int put_words(struct digest *digest, const struct task *task)
{
        CLEANUP(plan_words_deinit) struct plan_words words = { 0 };
        struct err err;
        int r = stage_words(task, &words, &err);

        if (r != 0)
                return r < 0 ? r : -E2BIG;
        digest_number(digest, words.n_args);
        digest_number(digest, words.n_env);
        digest_bytes(digest, bytes_view(&words.words));
        return 0;
}

/* They are sealed (task.c), so what is read is what the box will read.  Sources are small: mapping them costs more. */
static int put_files(struct digest *digest, const struct task *task)
{
        static char small[SMALL];
        const char *p;
        size_t n;
        int r;

        if (task->files_bytes <= sizeof(small)) {
                if (pread(task->files, small, sizeof(small), 0) != (ssize_t)task->files_bytes)
                        return -EIO;
                digest_bytes(digest, (struct view){ small, task->files_bytes });
                return 0;
        }
        r = fdio_map(task->files, &p, &n);
        if (r < 0)
                return r;
        digest_bytes(digest, (struct view){ p, n });
        fdio_unmap(p, n);
        return 0;
}

static int key_make(const struct reuse *reuse, struct task *task)
{
        const struct runtime *runtime = task->runtime;
        struct digest digest;
        int r;

        digest_begin(&digest);
        digest_number(&digest, LAYOUT);
        digest_raw(&digest, reuse->engine, DIGEST_BYTES);
        digest_raw(&digest, runtime->identity, DIGEST_BYTES);
        digest_text(&digest, runtime->language);
        digest_text(&digest, runtime->version);
        digest_number(&digest, LIMIT_COUNT);
        for (int i = 0; i < LIMIT_COUNT; i++)
                digest_number(&digest, limit_get(&task->limits[STAGE_COMPILE], (enum limit)i));
        digest_number(&digest, task->merged);
        digest_number(&digest, !task->interactive && task->input.n > 0);
        digest_number(&digest, task->owner);
        r = put_words(&digest, task);
        r = r ? r : put_files(&digest, task);
        digest_end(&digest, task->key);
        return r;
}

static bool may_reuse(const struct reuse *reuse, const struct task *task)
{
        return reuse && !task->fresh && task->stage == STAGE_COMPILE &&
               identity_known(task->runtime->identity);
}

/* ---- finding ---- */

/* More output than a client that streams takes at once: it is told by a compiler of its own. */
static void leave(struct task *task, int pack)
{
        struct output *output = &task->result.stages[STAGE_COMPILE].output;

        close_fd(&pack);
        bytes_clear(&output->bytes);
        bytes_clear(&output->marks);
        task->fresh = true;
}

static enum reuse_next take(struct task *task, int pack)
{
        if (task->interactive && !live_replay(task)) {
                leave(task, pack);
                return REUSE_GO;
        }
        close_fd(&task->files);
        task->files = pack;
        if (task->part == JOB_COMPILE) {
                task->result.pack = TAKE_FD(task->files);
                return REUSE_WHOLE;
        }
        stage_advance(task);
        return REUSE_GO;
}

static bool find(struct reuse *reuse, struct task *task, int *ret_pack)
{
        if (task->keyed && task->looked == reuse->n_kept)
                return false; /* nothing was kept since it was looked for */
        if (!task->keyed && key_make(reuse, task) < 0) {
                task->fresh = true;
                return false;
        }
        task->keyed = true;
        task->looked = reuse->n_kept;
        return cache_get(reuse->cache, task->key, &task->result.stages[STAGE_COMPILE], ret_pack);
}

static bool has_failed(const struct reuse *reuse, const uint8_t *key)
{
        for (size_t i = 0; i < FAILED_MAX; i++)
                if (memcmp(reuse->failed[i], key, DIGEST_BYTES) == 0)
                        return true;
        return false;
}

static struct flight *find_flight(const struct reuse *reuse, const uint8_t *key)
{
        struct flight *flight;

        LIST_FOREACH(flight, &reuse->flights, link)
        if (memcmp(flight->key, key, DIGEST_BYTES) == 0)
                return flight;
        return NULL;
}

enum reuse_next reuse_look(struct reuse *reuse, struct task *task)
{
        int pack;

        if (!may_reuse(reuse, task))
                return REUSE_GO;
        if (find(reuse, task, &pack))
                return take(task, pack);
        return task->keyed && find_flight(reuse, task->key) && !has_failed(reuse, task->key) ? REUSE_WAIT
                                                                                             : REUSE_GO;
}

/* ---- keeping ---- */

void reuse_begin(struct reuse *reuse, struct task *task)
{
        struct flight *flight;

        if (!may_reuse(reuse, task) || !task->keyed || find_flight(reuse, task->key))
                return;
        flight = calloc(1, sizeof(*flight));
        if (!flight)
                return;
        memcpy(flight->key, task->key, DIGEST_BYTES);
        LIST_INSERT_HEAD(&reuse->flights, flight, link);
        task->flies = true;
}

static void work_soon(struct reuse *reuse)
{
        struct timeval now = { 0 };

        (void)event_add(reuse->work, &now);
}

static void on_work(evutil_socket_t fd, short what, void *arg)
{
        struct reuse *reuse = arg;

        if (cache_work(reuse->cache))
                work_soon(reuse);
}

void reuse_abandon(struct reuse *reuse, struct task *task)
{
        struct flight *flight = task->flies ? find_flight(reuse, task->key) : NULL;

        if (flight) {
                LIST_REMOVE(flight, link);
                free(flight);
        }
        task->flies = false;
}

void reuse_end(struct reuse *reuse, struct task *task)
{
        const struct stage_result *result = &task->result.stages[STAGE_COMPILE];

        if (!may_reuse(reuse, task) || !task->keyed)
                return;
        reuse_abandon(reuse, task);
        if (result->verdict == VERDICT_ENGINE || task->orphan)
                return;
        if (result->verdict != VERDICT_OK) {
                memcpy(reuse->failed[reuse->next_failed++ % FAILED_MAX], task->key, DIGEST_BYTES);
                return;
        }
        if (task->input_read || (task->interactive && task->spoken) || task->files < 0)
                return;
        reuse->n_kept++;
        cache_put(reuse->cache, task->key, result, task->files);
        work_soon(reuse);
}

/* WHY random: when the engine starts again it reads what the toolchains have become, and keys of today must not be those. */
void reuse_forget(struct reuse *reuse)
{
        if (reuse)
                must(getrandom(reuse->engine, sizeof(reuse->engine), 0) == (ssize_t)sizeof(reuse->engine));
}

struct reuse *reuse_new_take(struct event_base *base, struct cache *cache, const uint8_t *engine)
{
        struct reuse *reuse = calloc(1, sizeof(*reuse));

        if (reuse)
                reuse->work = event_new(base, -1, 0, on_work, reuse);
        if (!reuse || !reuse->work) {
                free(reuse);
                cache_free(cache);
                return NULL;
        }
        reuse->cache = cache;
        memcpy(reuse->engine, engine, DIGEST_BYTES);
        LIST_INIT(&reuse->flights);
        return reuse;
}

void reuse_free(struct reuse *reuse)
{
        struct cache_counts counts;
        struct flight *flight;

        if (!reuse)
                return;
        while ((flight = LIST_FIRST(&reuse->flights))) {
                LIST_REMOVE(flight, link);
                free(flight);
        }
        while (cache_work(reuse->cache))
                ;
        cache_count(reuse->cache, &counts);
        if (counts.hits + counts.misses > 0)
                log_info("compile cache: %llu of %llu stages found; %llu artefacts, %.1f MiB on disk",
                         (unsigned long long)counts.hits, (unsigned long long)(counts.hits + counts.misses),
                         (unsigned long long)counts.entries, (double)counts.disk_bytes / (double)MIB);
        event_free(reuse->work);
        cache_free(reuse->cache);
        free(reuse);
}

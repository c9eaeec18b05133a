/*
 * Theory of operation: one pointer per number.  A runtime is filled before its pointer is stored, and stays for ever;
 * what changes afterwards is `gone` alone.  So a reader on another thread sees a whole runtime or none.
 *
 * TRUST: the bytes come from the packer, whose packages are strangers' work: every count and length is checked.
 */
#include "runtime/shelf.h"
#include "config/document.h"
#include "util/record.h"

enum { NUMBERS = SHELF_LAST - SHELF_FIRST + 1 };

struct shelf {
        struct runtime *all[NUMBERS];
        uint32_t end; /* no number from here on was ever given; counted from SHELF_FIRST */
};

struct shelf *shelf_new(void)
{
        return calloc(1, sizeof(struct shelf));
}

void runtime_deinit(struct runtime *runtime)
{
        free(runtime->language);
        free(runtime->version);
        free(runtime->title);
        free(runtime->package);
        document_list_free(runtime->aliases);
        document_list_free(runtime->extensions);
        document_list_free(runtime->companions);
        document_list_free(runtime->env);
        document_list_free(runtime->prepare);
        free(runtime->prepared);
        for (int i = 0; i < STAGE_COUNT; i++) {
                document_list_free(runtime->stages[i].argv);
                document_list_free(runtime->stages[i].env);
                free(runtime->stages[i].door);
                free(runtime->stages[i].prelude);
        }
        *runtime = (struct runtime){ 0 };
}

void shelf_free(struct shelf *shelf)
{
        for (uint32_t i = 0; shelf && i < shelf->end; i++)
                if (shelf->all[i]) {
                        runtime_deinit(shelf->all[i]);
                        free(shelf->all[i]);
                }
        free(shelf);
}

static struct runtime *load(const struct shelf *shelf, uint32_t i)
{
        return __atomic_load_n(&shelf->all[i], __ATOMIC_ACQUIRE);
}

const struct runtime *shelf_at(const struct shelf *shelf, uint32_t number)
{
        return number >= SHELF_FIRST && number <= SHELF_LAST ? load(shelf, number - SHELF_FIRST) : NULL;
}

const struct runtime *shelf_next(const struct shelf *shelf, const struct runtime *last)
{
        uint32_t i = last && last->index >= SHELF_FIRST ? last->index - SHELF_FIRST + 1 : 0;

        for (; i < __atomic_load_n(&shelf->end, __ATOMIC_ACQUIRE); i++) {
                const struct runtime *runtime = load(shelf, i);

                if (runtime && !__atomic_load_n(&runtime->gone, __ATOMIC_ACQUIRE))
                        return runtime;
        }
        return NULL;
}

/* ---- bytes ---- */

static void put_list(struct record_out *out, char *const *list)
{
        uint64_t n = 0;

        while (list && list[n])
                n++;
        record_put(out, n);
        for (uint64_t i = 0; i < n; i++)
                record_put_text(out, list[i]);
}

static void put_runtime(struct record_out *out, const struct runtime *runtime)
{
        record_put(out, runtime->index);
        record_put_text(out, runtime->language);
        record_put_text(out, runtime->version);
        record_put_text(out, runtime->title);
        record_put_text(out, runtime->package ? runtime->package : "");
        record_put(out, runtime->any_file);
        record_put_bytes(out, (struct view){ (const char *)runtime->identity, DIGEST_BYTES });
        put_list(out, runtime->aliases);
        put_list(out, runtime->env);
        for (int i = 0; i < STAGE_COUNT; i++) {
                put_list(out, runtime->stages[i].argv);
                for (int j = 0; j < LIMIT_COUNT; j++) {
                        record_put(out, limit_get(&runtime->limits[i], (enum limit)j));
                        record_put(out, limit_get(&runtime->doors[i], (enum limit)j));
                }
        }
}

int shelf_encode(const struct runtime *const *runtimes, size_t n, struct bytes *out)
{
        struct record_out record;

        record_out_init(&record, out);
        record_put(&record, n);
        for (size_t i = 0; i < n; i++)
                put_runtime(&record, runtimes[i]);
        return record.error;
}

static char *take_text(struct record_in *in)
{
        struct view text = record_take_bytes(in, SHELF_WORD_BYTES);

        if (memchr(text.p ? text.p : "", '\0', text.n))
                in->bad = true;
        return strndup(text.p ? text.p : "", text.n);
}

/* A list, of which an empty one is one too. */
static char **take_list(struct record_in *in, size_t *ret_n)
{
        uint64_t n = record_take(in, 0, SHELF_WORDS_MAX);
        char **list = calloc(n + 1, sizeof(*list));

        for (uint64_t i = 0; list && i < n; i++)
                if (!(list[i] = take_text(in)))
                        in->bad = true;
        if (!list)
                in->bad = true;
        *ret_n = n;
        return list;
}

static void take_stage(struct record_in *in, struct runtime *runtime, int stage)
{
        struct runtime_stage *to = &runtime->stages[stage];

        to->argv = take_list(in, &to->n_argv);
        if (to->n_argv == 0) {
                document_list_free(to->argv);
                to->argv = NULL;
        }
        for (int j = 0; j < LIMIT_COUNT; j++) {
                const struct limit_row *row = &limit_rows[j];

                *limit_at(&runtime->limits[stage], (enum limit)j) = record_take(in, row->least, row->most);
                *limit_at(&runtime->doors[stage], (enum limit)j) = record_take(in, 0, row->most);
        }
}

static void take_identity(struct record_in *in, struct runtime *runtime)
{
        struct view identity = record_take_bytes(in, DIGEST_BYTES);

        if (identity.n == DIGEST_BYTES)
                memcpy(runtime->identity, identity.p, DIGEST_BYTES);
        else
                in->bad = true;
}

static void take_runtime(struct record_in *in, struct runtime *runtime)
{
        size_t n;

        runtime->index = (uint32_t)record_take(in, SHELF_FIRST, SHELF_LAST);
        runtime->language = take_text(in);
        runtime->version = take_text(in);
        runtime->title = take_text(in);
        runtime->package = take_text(in);
        if (runtime->package && !runtime->package[0])
                free_ptr(&runtime->package);
        runtime->any_file = record_take(in, 0, 1);
        take_identity(in, runtime);
        runtime->aliases = take_list(in, &n);
        runtime->env = take_list(in, &n);
        runtime->extensions = calloc(1, sizeof(char *));
        runtime->companions = calloc(1, sizeof(char *));
        for (int i = 0; i < STAGE_COUNT; i++)
                take_stage(in, runtime, i);
        if (!runtime->language || !runtime->version || !runtime->title || !runtime->aliases ||
            !runtime->env || !runtime->extensions || !runtime->companions || !runtime->stages[STAGE_RUN].argv)
                in->bad = true;
}

/* ---- changing ---- */

static bool same(const struct runtime *a, const struct runtime *b)
{
        CLEANUP(bytes_deinit) struct bytes x = BYTES_INIT(SHELF_BYTES_MAX), y = BYTES_INIT(SHELF_BYTES_MAX);

        return shelf_encode(&a, 1, &x) == 0 && shelf_encode(&b, 1, &y) == 0 &&
               view_eq(bytes_view(&x), bytes_view(&y));
}

/* Put it in its place, or free it where the place holds the same already; true: something else is there now. */
static bool put(struct shelf *shelf, struct runtime *runtime)
{
        uint32_t i = runtime->index - SHELF_FIRST;
        struct runtime *old = shelf->all[i];

        if (old && same(old, runtime)) {
                runtime_deinit(runtime);
                free(runtime);
                return __atomic_exchange_n(&old->gone, false, __ATOMIC_ACQ_REL);
        }
        if (old)
                __atomic_store_n(&old->gone, true, __ATOMIC_RELEASE);
        __atomic_store_n(&shelf->all[i], runtime, __ATOMIC_RELEASE);
        if (i >= shelf->end)
                __atomic_store_n(&shelf->end, i + 1, __ATOMIC_RELEASE);
        return true;
}

static void free_some(struct runtime **some, size_t n)
{
        for (size_t i = 0; some && i < n; i++)
                if (some[i]) {
                        runtime_deinit(some[i]);
                        free(some[i]);
                }
        free(some);
}

static bool replace(struct shelf *shelf, struct runtime **some, size_t n)
{
        CLEANUP(free_ptr) bool *stays = calloc(NUMBERS, sizeof(bool));
        bool changed = false;

        must(stays);
        for (size_t i = 0; i < n; i++) {
                stays[some[i]->index - SHELF_FIRST] = true;
                changed |= put(shelf, TAKE_PTR(some[i]));
        }
        for (uint32_t i = 0; i < shelf->end; i++)
                if (shelf->all[i] && !stays[i])
                        changed |= !__atomic_exchange_n(&shelf->all[i]->gone, true, __ATOMIC_ACQ_REL);
        return changed;
}

int shelf_take(struct shelf *shelf, struct view bytes)
{
        struct record_in in;
        struct runtime **some;
        bool changed;
        uint64_t n;

        record_in_init(&in, bytes);
        n = record_take(&in, 0, NUMBERS);
        some = calloc(n + 1, sizeof(struct runtime *));
        if (!some)
                return -ENOMEM;
        for (uint64_t i = 0; i < n && !in.bad; i++) {
                some[i] = calloc(1, sizeof(**some));
                if (some[i])
                        take_runtime(&in, some[i]);
                else
                        in.bad = true;
        }
        if (record_in_end(&in) < 0) {
                free_some(some, n);
                return -EBADMSG;
        }
        changed = replace(shelf, some, n);
        free_some(some, n);
        return changed ? SHELF_CHANGED : 0;
}

/* Theory of operation: a list, the last used first; beyond SETS_BYTES the ones nobody uses go, the longest unused first. */
#include "ledger/sets.h"
#include "config/config.h"
#include "ledger/book.h"
#include "util/err.h"

#define SETS_BYTES (64 * MIB)

enum { SWEEP_EVERY_MS = 5000, SWEEP_MOST = 20, MINUTE_MS = 60000 };

_Static_assert((int)STORE_SET_NAME == (int)ORDER_SET_TEXT, "the store has room for the name of a set");

struct set {
        TAILQ_ENTRY(set) link;
        char name[ORDER_SET_TEXT];
        struct bytes cases;
        uint32_t n;
        unsigned users;
};

TAILQ_HEAD(set_list, set);

struct sets {
        struct book *book;
        struct set_list list;
        uint64_t bytes;
        uint64_t swept_ms;
};

int sets_new(struct book *book, struct sets **ret_sets, struct err *err)
{
        struct sets *sets = calloc(1, sizeof(*sets));

        if (!sets)
                return err_set(err, -ENOMEM, "ledger: out of memory");
        sets->book = book;
        TAILQ_INIT(&sets->list);
        *ret_sets = sets;
        return 0;
}

static void set_free(struct set *set)
{
        bytes_deinit(&set->cases);
        free(set);
}

static void drop(struct sets *sets, struct set *set)
{
        TAILQ_REMOVE(&sets->list, set, link);
        sets->bytes -= set->cases.n;
        set_free(set);
}

void sets_free(struct sets *sets)
{
        if (!sets)
                return;
        while (!TAILQ_EMPTY(&sets->list))
                drop(sets, TAILQ_FIRST(&sets->list));
        free(sets);
}

static void make_room(struct sets *sets)
{
        struct set *set = TAILQ_LAST(&sets->list, set_list), *before;

        for (; set && sets->bytes > SETS_BYTES; set = before) {
                before = TAILQ_PREV(set, set_list, link);
                if (set->users == 0)
                        drop(sets, set);
        }
}

static int load(struct sets *sets, const char *name, struct set **ret_set, struct err *err)
{
        struct book *book = sets->book;
        struct set *set = calloc(1, sizeof(*set));
        int r;

        if (!set)
                return err_set(err, -ENOMEM, "no memory for a test set");
        memcpy(set->name, name, strlen(name) + 1);
        set->cases = BYTES_INIT(ORDER_BYTES_MAX);
        r = book->store_ops->set_get(book->store, name, &set->cases, err);
        if (r == 0 && order_cases_count(bytes_view(&set->cases), &set->n) < 0)
                r = err_set(err, -EUCLEAN, "test set %s cannot be read", name);
        if (r != 0) {
                set_free(set);
                return r;
        }
        sets->bytes += set->cases.n;
        TAILQ_INSERT_HEAD(&sets->list, set, link);
        *ret_set = set;
        return 0;
}

static struct set *find(struct sets *sets, const char *name)
{
        struct set *set;

        TAILQ_FOREACH(set, &sets->list, link)
        if (streq(set->name, name))
                break;
        return set;
}

int sets_get(struct sets *sets, const char *name, struct set **ret_set, struct err *err)
{
        struct set *set = find(sets, name);
        int r = 0;

        if (!set)
                r = load(sets, name, &set, err);
        if (r != 0)
                return r;
        TAILQ_REMOVE(&sets->list, set, link);
        TAILQ_INSERT_HEAD(&sets->list, set, link);
        set->users++;
        make_room(sets);
        *ret_set = set;
        return 0;
}

void sets_put(struct sets *sets, struct set *set)
{
        if (!set)
                return;
        set->users--;
        make_room(sets);
}

/* Sets used before are needed by nobody. */
static bool first_created(void *arg, const struct entry *entry)
{
        /* WHY a minute: the store knows the time of a use no better. */
        *(uint64_t *)arg = entry->created_ms > MINUTE_MS ? entry->created_ms - MINUTE_MS : 0;
        return false;
}

static int sweep_one(struct sets *sets, uint64_t unused_ms, uint64_t needed_ms, struct err *err)
{
        struct book *book = sets->book;
        struct store_usage usage;
        char name[STORE_SET_NAME];
        struct set *set;
        int r = book->store_ops->usage(book->store, &usage, err);

        if (r < 0)
                return r;
        if (usage.set_bytes <= book->config->test_set_store_size)
                needed_ms = MIN(needed_ms, unused_ms);
        r = book->store_ops->set_sweep(book->store, needed_ms, name, err);
        if (r != 0)
                return r;
        set = find(sets, name);
        if (set && set->users == 0)
                drop(sets, set);
        return 0;
}

int sets_sweep(struct sets *sets, uint64_t now_ms, struct err *err)
{
        struct book *book = sets->book;
        uint64_t keep = book->config->test_set_retention / NSEC_PER_MSEC, needed = UINT64_MAX >> 1;
        int r;

        if (now_ms < sets->swept_ms + SWEEP_EVERY_MS && now_ms >= sets->swept_ms)
                return 0;
        sets->swept_ms = now_ms;
        r = book->store_ops->open_entries(book->store, first_created, &needed, err);
        for (int i = 0; i < SWEEP_MOST && r == 0; i++)
                r = sweep_one(sets, now_ms > keep ? now_ms - keep : 0, needed, err);
        return r < 0 ? r : 0;
}

struct view set_cases(const struct set *set)
{
        return bytes_view(&set->cases);
}

uint32_t set_count(const struct set *set)
{
        return set->n;
}

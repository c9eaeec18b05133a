/* Theory of operation: a list, the last used first; beyond SETS_BYTES the ones nobody uses go, the longest unused first. */
#include "ledger/sets.h"
#include "ledger/book.h"
#include "util/err.h"

#define SETS_BYTES (64 * MIB)

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

int sets_get(struct sets *sets, const char *name, struct set **ret_set, struct err *err)
{
        struct set *set;
        int r = 0;

        TAILQ_FOREACH(set, &sets->list, link)
        if (streq(set->name, name))
                break;
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

struct view set_cases(const struct set *set)
{
        return bytes_view(&set->cases);
}

uint32_t set_count(const struct set *set)
{
        return set->n;
}

/* Theory of operation: sets and cards are few and stand in lists; they are not part of the journal of a group. */
#include "backend/store_memory_priv.h"
#include "util/err.h"

#include <stdio.h>

static struct kept_set *find_set(const struct store *store, const char *name)
{
        struct kept_set *set;

        LIST_FOREACH(set, &store->sets, link)
        if (streq(set->name, name))
                return set;
        return NULL;
}

static void set_free(struct kept_set *set)
{
        bytes_deinit(&set->cases);
        free(set->name);
        free(set);
}

int store_memory_set_use(struct store *store, const char *name, uint64_t now_ms, struct err *err)
{
        struct kept_set *set = find_set(store, name);

        if (!set)
                return STORE_NONE;
        set->used_ms = MAX(set->used_ms, now_ms);
        return 0;
}

int store_memory_set_put(struct store *store, const char *name, struct view cases, uint64_t now_ms,
                         struct err *err)
{
        struct kept_set *set;

        if (store_memory_set_use(store, name, now_ms, err) == 0)
                return 0;
        set = calloc(1, sizeof(*set));
        if (!set)
                return err_set(err, -ENOMEM, "no memory for a test set");
        set->used_ms = now_ms;
        set->name = strdup(name);
        set->cases = BYTES_INIT(cases.n);
        if (!set->name || bytes_add(&set->cases, cases.p, cases.n) < 0) {
                set_free(set);
                return err_set(err, -ENOMEM, "no memory for a test set");
        }
        LIST_INSERT_HEAD(&store->sets, set, link);
        store->set_bytes += cases.n;
        return 0;
}

int store_memory_set_get(struct store *store, const char *name, struct bytes *ret_cases, struct err *err)
{
        const struct kept_set *set = find_set(store, name);

        return set ? bytes_add(ret_cases, set->cases.p, set->cases.n) : STORE_NONE;
}

int store_memory_set_sweep(struct store *store, uint64_t before_ms, char ret_name[STORE_SET_NAME],
                           struct err *err)
{
        struct kept_set *set, *oldest = NULL;

        LIST_FOREACH(set, &store->sets, link)
        if (set->used_ms < before_ms && (!oldest || set->used_ms < oldest->used_ms))
                oldest = set;
        if (!oldest)
                return STORE_NONE;
        snprintf(ret_name, STORE_SET_NAME, "%s", oldest->name);
        store->set_bytes -= oldest->cases.n;
        LIST_REMOVE(oldest, link);
        set_free(oldest);
        return 0;
}

static void card_free(struct kept_card *card)
{
        bytes_deinit(&card->text);
        free(card->drawer);
        free(card->name);
        free(card);
}

static int card_order(const struct kept_card *card, const char *drawer, const char *name)
{
        int r = strcmp(card->drawer, drawer);

        return r ? r : strcmp(card->name, name);
}

/* Put a card in the place of its name.  No group undoes it: putting it again does no harm. */
int store_memory_card_put(struct store *store, const char *drawer, const char *name, struct view text,
                          struct err *err)
{
        struct kept_card *card = calloc(1, sizeof(*card)), *other, *before = NULL;

        if (card)
                *card = (struct kept_card){ .drawer = strdup(drawer),
                                            .name = strdup(name),
                                            .text = BYTES_INIT(text.n) };
        if (!card || !card->drawer || !card->name || bytes_add(&card->text, text.p, text.n) < 0) {
                if (card)
                        card_free(card);
                return err_set(err, -ENOMEM, "no memory for a card");
        }
        LIST_FOREACH(other, &store->cards, link)
        if (card_order(other, drawer, name) < 0)
                before = other;
        other = before ? LIST_NEXT(before, link) : LIST_FIRST(&store->cards);
        if (other && card_order(other, drawer, name) == 0) {
                LIST_REMOVE(other, link);
                card_free(other);
        }
        if (before)
                LIST_INSERT_AFTER(before, card, link);
        else
                LIST_INSERT_HEAD(&store->cards, card, link);
        return 0;
}

int store_memory_card_drop(struct store *store, const char *drawer, const char *name, struct err *err)
{
        struct kept_card *card;

        LIST_FOREACH(card, &store->cards, link)
        if (card_order(card, drawer, name) == 0)
                break;
        if (!card)
                return STORE_NONE;
        LIST_REMOVE(card, link);
        card_free(card);
        return 0;
}

int store_memory_card_get(struct store *store, const char *drawer, const char *name, struct bytes *ret_text,
                          struct err *err)
{
        const struct kept_card *card;

        LIST_FOREACH(card, &store->cards, link)
        if (card_order(card, drawer, name) == 0)
                return bytes_add(ret_text, card->text.p, card->text.n);
        return STORE_NONE;
}

int store_memory_cards(struct store *store, const char *drawer, const char *after, store_card_fn each,
                       void *arg, struct err *err)
{
        const struct kept_card *card;

        LIST_FOREACH(card, &store->cards, link)
        if (streq(card->drawer, drawer) && strcmp(card->name, after) > 0 &&
            !each(arg, card->name, bytes_view(&card->text)))
                break;
        return 0;
}

void store_memory_shelf_clear(struct store *store)
{
        struct kept_card *card;
        struct kept_set *set;

        while ((card = LIST_FIRST(&store->cards))) {
                LIST_REMOVE(card, link);
                card_free(card);
        }
        while ((set = LIST_FIRST(&store->sets))) {
                LIST_REMOVE(set, link);
                set_free(set);
        }
}

/*
 * Theory of operation: entries in a list by seq and in two hash tables; a group keeps a journal of what it did, and a
 * rollback undoes it backwards.  Nothing survives the process: for tests, and for engines that are to keep nothing.
 */
#include "backend/backend.h"
#include "backend/store_memory_priv.h"
#include "job/notice.h"
#include "util/err.h"

static size_t hash(const char *a, const char *b)
{
        uint64_t hash = 14695981039346656037u;

        for (; *a; a++)
                hash = (hash ^ (unsigned char)*a) * 1099511628211u;
        for (hash *= 31; *b; b++)
                hash = (hash ^ (unsigned char)*b) * 1099511628211u;
        return hash % BUCKETS;
}

static struct kept *find_id(struct store *store, const char *id)
{
        struct kept *kept;

        LIST_FOREACH(kept, &store->ids[hash(id, "")], by_id)
        if (streq(kept->entry.head.id, id))
                return kept;
        return NULL;
}

static struct kept *find_token(struct store *store, const char *owner, const char *token)
{
        struct kept *kept;

        LIST_FOREACH(kept, &store->tokens[hash(owner, token)], by_token)
        if (streq(kept->entry.head.token, token) && streq(kept->entry.head.owner, owner))
                return kept;
        return NULL;
}

static struct kept *find_seq(struct store *store, uint64_t seq)
{
        struct kept *kept;

        LIST_FOREACH(kept, &store->seqs[seq % BUCKETS], by_seq)
        if (kept->entry.seq == seq)
                return kept;
        return NULL;
}

static void outcome_forget(struct kept *kept)
{
        bytes_deinit(&kept->outcomes[--kept->n_outcomes].bytes);
}

static void kept_free(struct store *store, struct kept *kept)
{
        if (flow_has_ended(kept->entry.flow.state))
                store->bytes -= kept->entry.bytes;
        store->n_entries--;
        TAILQ_REMOVE(&store->entries, kept, link);
        LIST_REMOVE(kept, by_id);
        LIST_REMOVE(kept, by_seq);
        if (kept->entry.head.token[0])
                LIST_REMOVE(kept, by_token);
        while (kept->n_outcomes > 0)
                outcome_forget(kept);
        free(kept->outcomes);
        bytes_deinit(&kept->order);
        free(kept);
}

static int memory_open(const char *directory, struct store **ret_store, struct err *err)
{
        struct store *store = calloc(1, sizeof(*store));

        if (!store)
                return err_set(err, -ENOMEM, "no memory for the store");
        TAILQ_INIT(&store->entries);
        *ret_store = store;
        return 0;
}

static void memory_rollback(struct store *store);

static void memory_close(struct store *store)
{
        if (!store)
                return;
        memory_rollback(store);
        while (!TAILQ_EMPTY(&store->entries))
                kept_free(store, TAILQ_FIRST(&store->entries));
        store_memory_shelf_clear(store);
        free(store);
}

static int memory_begin(struct store *store, struct err *err)
{
        must(!store->in_group);
        store->in_group = true;
        store->seq_before = store->last_seq;
        store->ended_before = store->last_ended;
        return 0;
}

static void journal_drop(struct store *store)
{
        struct undo *undo;

        while ((undo = SLIST_FIRST(&store->undos))) {
                SLIST_REMOVE_HEAD(&store->undos, link);
                free(undo);
        }
        store->in_group = false;
}

static int memory_commit(struct store *store, struct err *err)
{
        journal_drop(store);
        return 0;
}

static void put_back(struct store *store, struct kept *kept, const struct entry *before)
{
        if (flow_has_ended(kept->entry.flow.state))
                store->bytes -= kept->entry.bytes;
        kept->entry = *before;
        if (flow_has_ended(before->flow.state))
                store->bytes += before->bytes;
}

static void memory_rollback(struct store *store)
{
        struct undo *undo;

        SLIST_FOREACH(undo, &store->undos, link)
        {
                if (undo->kind == UNDO_ADD)
                        kept_free(store, undo->kept);
                else if (undo->kind == UNDO_UPDATE)
                        put_back(store, undo->kept, &undo->before);
                else
                        outcome_forget(undo->kept);
        }
        if (store->in_group) {
                store->last_seq = store->seq_before;
                store->last_ended = store->ended_before;
        }
        journal_drop(store);
}

static int journal(struct store *store, struct kept *kept, int kind)
{
        struct undo *undo;

        if (!store->in_group)
                return 0;
        undo = calloc(1, sizeof(*undo));
        if (!undo)
                return -ENOMEM;
        undo->kept = kept;
        undo->kind = kind;
        undo->before = kept->entry;
        SLIST_INSERT_HEAD(&store->undos, undo, link);
        return 0;
}

static int memory_add(struct store *store, struct entry *entry, struct view order, struct err *err)
{
        const struct entry_head *head = &entry->head;
        struct kept *kept;
        int r;

        if (find_id(store, head->id) || (head->token[0] && find_token(store, head->owner, head->token)))
                return STORE_TAKEN;
        kept = calloc(1, sizeof(*kept));
        if (!kept)
                return err_set(err, -ENOMEM, "no memory for another job");
        kept->order = BYTES_INIT(order.n);
        r = bytes_add(&kept->order, order.p, order.n);
        r = r ? r : journal(store, kept, UNDO_ADD);
        if (r < 0) {
                bytes_deinit(&kept->order);
                free(kept);
                return err_set(err, r, "no memory for another job");
        }
        entry->seq = ++store->last_seq;
        kept->entry = *entry;
        store->n_entries++;
        TAILQ_INSERT_TAIL(&store->entries, kept, link);
        LIST_INSERT_HEAD(&store->ids[hash(head->id, "")], kept, by_id);
        LIST_INSERT_HEAD(&store->seqs[entry->seq % BUCKETS], kept, by_seq);
        if (head->token[0])
                LIST_INSERT_HEAD(&store->tokens[hash(head->owner, head->token)], kept, by_token);
        return 0;
}

static int found(const struct kept *kept, struct entry *ret_entry)
{
        if (!kept)
                return STORE_NONE;
        *ret_entry = kept->entry;
        return 0;
}

static int memory_find(struct store *store, const char *id, struct entry *ret_entry, struct err *err)
{
        return found(find_id(store, id), ret_entry);
}

static int memory_find_token(struct store *store, const char *owner, const char *token,
                             struct entry *ret_entry, struct err *err)
{
        return found(find_token(store, owner, token), ret_entry);
}

static int memory_find_seq(struct store *store, uint64_t seq, struct entry *ret_entry, struct err *err)
{
        return found(find_seq(store, seq), ret_entry);
}

static int memory_order(struct store *store, uint64_t seq, struct bytes *ret_order, struct err *err)
{
        const struct kept *kept = find_seq(store, seq);

        return kept ? bytes_add(ret_order, kept->order.p, kept->order.n) : STORE_NONE;
}

static int memory_update(struct store *store, struct entry *entry, const struct flow *expected,
                         struct err *err)
{
        struct kept *kept = find_seq(store, entry->seq);
        const struct flow *flow = kept ? &kept->entry.flow : NULL;

        if (!kept)
                return STORE_NONE;
        if (flow->state != expected->state || flow->attempts != expected->attempts ||
            flow->fence != expected->fence)
                return STORE_STALE;
        if (journal(store, kept, UNDO_UPDATE) < 0)
                return err_set(err, -ENOMEM, "no memory for the journal");
        if (flow_has_ended(entry->flow.state) && entry->ended_number == 0)
                entry->ended_number = ++store->last_ended;
        put_back(store, kept, entry);
        return 0;
}

static int memory_outcome_add(struct store *store, uint64_t seq, uint32_t which, struct view outcome,
                              uint64_t *ret_number, struct err *err)
{
        struct kept *kept = find_seq(store, seq);
        struct kept_outcome *outcomes, *slot;

        if (!kept)
                return STORE_NONE;
        for (size_t i = 0; i < kept->n_outcomes; i++)
                if (kept->outcomes[i].which == which)
                        return STORE_TAKEN;
        outcomes = reallocarray(kept->outcomes, kept->n_outcomes + 1, sizeof(*outcomes));
        if (!outcomes || journal(store, kept, UNDO_OUTCOME) < 0)
                return err_set(err, -ENOMEM, "no memory for an outcome");
        kept->outcomes = outcomes;
        slot = &outcomes[kept->n_outcomes++];
        *slot = (struct kept_outcome){ which, BYTES_INIT(outcome.n) };
        *ret_number = kept->n_outcomes;
        return bytes_add(&slot->bytes, outcome.p, outcome.n);
}

static int memory_outcomes(struct store *store, uint64_t seq, uint64_t after, store_outcome_fn each,
                           void *arg, struct err *err)
{
        const struct kept *kept = find_seq(store, seq);

        for (size_t i = after; kept && i < kept->n_outcomes; i++)
                if (!each(arg, i + 1, bytes_view(&kept->outcomes[i].bytes)))
                        break;
        return 0;
}

static bool wanted(const char *want, const char *is)
{
        return !want || streq(want, is);
}

static int memory_list(struct store *store, const struct store_filter *filter, store_entry_fn each, void *arg,
                       struct err *err)
{
        const struct kept *kept;

        TAILQ_FOREACH_REVERSE(kept, &store->entries, kept_list, link)
        {
                const struct entry *entry = &kept->entry;

                if ((filter->before != 0 && entry->seq >= filter->before) ||
                    !wanted(filter->owner, entry->head.owner) || !wanted(filter->door, entry->head.door) ||
                    !wanted(filter->batch, entry->head.batch) ||
                    (filter->states != 0 && !(filter->states & 1u << entry->flow.state)))
                        continue;
                if (!each(arg, entry))
                        break;
        }
        return 0;
}

/* The entry with the least ended_number above @after. */
static const struct kept *next_ended(const struct store *store, uint64_t after)
{
        const struct kept *kept, *best = NULL;

        TAILQ_FOREACH(kept, &store->entries, link)
        if (kept->entry.ended_number > after &&
            (!best || kept->entry.ended_number < best->entry.ended_number))
                best = kept;
        return best;
}

static int memory_ended(struct store *store, const char *owner, const char *batch, uint64_t after,
                        store_entry_fn each, void *arg, struct err *err)
{
        const struct kept *kept;

        for (; (kept = next_ended(store, after)); after = kept->entry.ended_number) {
                if (!wanted(owner, kept->entry.head.owner) || !wanted(batch, kept->entry.head.batch))
                        continue;
                if (!each(arg, &kept->entry))
                        break;
        }
        return 0;
}

static int memory_open_entries(struct store *store, store_entry_fn each, void *arg, struct err *err)
{
        const struct kept *kept;

        TAILQ_FOREACH(kept, &store->entries, link)
        if (!flow_has_ended(kept->entry.flow.state) && !each(arg, &kept->entry))
                break;
        return 0;
}

static int memory_sweep(struct store *store, uint64_t before_ms, uint64_t most_bytes, uint32_t most,
                        struct err *err)
{
        int n = 0;

        while ((uint32_t)n < most) {
                struct kept *oldest = NULL, *kept;

                TAILQ_FOREACH(kept, &store->entries, link)
                if (kept->entry.ended_number > 0 &&
                    (!oldest || kept->entry.ended_number < oldest->entry.ended_number))
                        oldest = kept;
                if (!oldest || (oldest->entry.ended_ms >= before_ms && store->bytes <= most_bytes))
                        break;
                if (oldest->entry.head.notify)
                        (void)store_memory_card_drop(store, NOTICE_DRAWER, oldest->entry.head.id, err);
                kept_free(store, oldest);
                n++;
        }
        return n;
}

static int memory_usage(struct store *store, struct store_usage *ret_usage, struct err *err)
{
        *ret_usage = (struct store_usage){ store->n_entries, store->bytes, store->last_seq, store->last_ended,
                                           store->set_bytes };
        return 0;
}

static int memory_touch(struct store *store, struct err *err)
{
        return 0;
}

const struct store_ops store_memory = {
        .name = "memory",
        .open = memory_open,
        .close = memory_close,
        .begin = memory_begin,
        .commit = memory_commit,
        .rollback = memory_rollback,
        .add = memory_add,
        .find = memory_find,
        .find_token = memory_find_token,
        .find_seq = memory_find_seq,
        .order = memory_order,
        .update = memory_update,
        .outcome_add = memory_outcome_add,
        .outcomes = memory_outcomes,
        .list = memory_list,
        .ended = memory_ended,
        .open_entries = memory_open_entries,
        .sweep = memory_sweep,
        .set_put = store_memory_set_put,
        .set_use = store_memory_set_use,
        .set_get = store_memory_set_get,
        .set_sweep = store_memory_set_sweep,
        .card_put = store_memory_card_put,
        .card_drop = store_memory_card_drop,
        .card_get = store_memory_card_get,
        .cards = store_memory_cards,
        .touch = memory_touch,
        .usage = memory_usage,
};

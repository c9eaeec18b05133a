/*
 * Theory of operation: everything that can be refused is looked at before the change is made; inside the change only
 * ids and idempotency keys decide, since only there they cannot change any more.  First all are looked up, then all are added,
 * so that a refusal leaves nothing behind.
 */
#include "ledger/book.h"
#include "config/config.h"
#include "job/notice.h"
#include "ledger/sets.h"
#include "util/clock.h"
#include "util/err.h"

#include <stdio.h>

enum { ORDERS_MAX = 10000, CONFLICT = 1, NO_SET };

enum { ENTRY_COST = 1024 }; /* bytes of the store for a job of no size */

struct item {
        struct view order;  /* in the payload */
        struct view notice; /* so too, empty without */
        struct entry entry;
        bool known;
        bool existed;
        char set[ORDER_SET_TEXT]; /* its test set, or "" */
};

struct submit {
        struct change change;
        struct book *book;
        uint64_t ticket;
        struct bytes payload;
        struct item *items;
        size_t n;
};

static void submit_free(struct submit *submit)
{
        bytes_deinit(&submit->payload);
        free(submit->items);
        free(submit);
}

/* ---- before the change ---- */

static int count_cases(struct book *book, const struct order *order, struct view cases, uint32_t *ret_n,
                       struct err *err)
{
        struct set *set;
        int r;

        if (!order->set[0])
                return order_cases_count(cases, ret_n);
        r = sets_get(book->sets, order->set, &set, err);
        if (r != 0)
                return r;
        *ret_n = set_count(set);
        sets_put(book->sets, set);
        return 0;
}

/* 0, a desk_status, or -errno. */
static int item_fill(struct book *book, struct item *item, struct err *err)
{
        struct entry *entry = &item->entry;
        struct order order;
        struct view cases;
        uint64_t patience;
        int r = order_peek(item->order, &order, &cases);

        if (r < 0 || !order.head.id[0])
                return err_set(err, DESK_BAD, "an order cannot be read");
        *entry = (struct entry){ .head = order.head,
                                 .created_ms = clock_wall_ms(),
                                 .bytes = item->order.n + ENTRY_COST };
        memcpy(item->set, order.set, sizeof(item->set));
        r = count_cases(book, &order, cases, &entry->n_cases, err);
        if (r == STORE_NONE)
                return err_set(err, DESK_BAD, "test set %s is not known", order.set);
        if (r == -EBADMSG)
                return err_set(err, DESK_BAD, "the cases of an order cannot be read");
        patience =
                order.head.patience_ms ? order.head.patience_ms : book->config->job_patience / NSEC_PER_MSEC;
        entry->expires_ms = entry->created_ms + patience;
        return r;
}

static int items_take(struct submit *submit, struct err *err)
{
        struct record_in in;
        int r = 0;

        record_in_init(&in, bytes_view(&submit->payload));
        submit->n = record_take(&in, 1, ORDERS_MAX);
        submit->items = calloc(submit->n, sizeof(*submit->items));
        if (!submit->items)
                return err_set(err, -ENOMEM, "no memory for so many jobs");
        for (size_t i = 0; i < submit->n && r == 0 && !in.bad; i++) {
                submit->items[i].order = record_take_bytes(&in, ORDER_BYTES_MAX);
                if (!in.bad)
                        r = item_fill(submit->book, &submit->items[i], err);
        }
        for (size_t i = 0; i < submit->n && r == 0 && !in.bad; i++)
                if (submit->items[i].entry.head.notify)
                        submit->items[i].notice = record_take_bytes(&in, NOTICE_BYTES_MAX);
        if (r == 0 && record_in_end(&in) < 0)
                return err_set(err, DESK_BAD, "the orders cannot be read");
        return r;
}

static int by_id(const void *a, const void *b)
{
        return strcmp((*(struct item *const *)a)->entry.head.id, (*(struct item *const *)b)->entry.head.id);
}

static int by_token(const void *a, const void *b)
{
        const struct entry_head *one = &(*(struct item *const *)a)->entry.head;
        const struct entry_head *other = &(*(struct item *const *)b)->entry.head;
        int r = strcmp(one->token, other->token);

        return r ? r : strcmp(one->owner, other->owner);
}

/* No two of a call may claim the same id or key: inside the change it would be too late to say so. */
static bool are_distinct(const struct submit *submit)
{
        CLEANUP(free_ptr) struct item **sorted = calloc(submit->n, sizeof(struct item *));
        bool distinct = sorted != NULL;

        for (size_t i = 0; i < submit->n && sorted; i++)
                sorted[i] = &submit->items[i];
        if (sorted)
                qsort(sorted, submit->n, sizeof(struct item *), by_id);
        for (size_t i = 1; i < submit->n && distinct; i++)
                distinct = by_id(&sorted[i - 1], &sorted[i]) != 0;
        if (sorted)
                qsort(sorted, submit->n, sizeof(struct item *), by_token);
        for (size_t i = 1; i < submit->n && distinct; i++)
                distinct = !sorted[i]->entry.head.token[0] || by_token(&sorted[i - 1], &sorted[i]) != 0;
        return distinct;
}

/* A lane is asked for all jobs of the call: they mostly have the same one. */
static bool has_room(const struct submit *submit)
{
        struct book *book = submit->book;
        const struct entry_head *head = &submit->items[0].entry.head;
        struct queue_item item = { .owner = head->owner, .lane = head->lane, .local = head->local };

        return book->queue_ops->room(book->queue, &item, submit->n + book->n_arriving) == 0;
}

/* ---- the change ---- */

static bool same_digest(const struct entry *a, const struct entry *b)
{
        return memcmp(a->head.digest, b->head.digest, sizeof(a->head.digest)) == 0;
}

/* Is it there already?  By its own id (the request came twice), or by its idempotency key. */
static int look_up(struct book *book, struct item *item, struct err *err)
{
        const struct entry_head *head = &item->entry.head;
        struct entry there;
        int r = book->store_ops->find(book->store, head->id, &there, err);

        if (r == STORE_NONE && head->token[0])
                r = book->store_ops->find_token(book->store, head->owner, head->token, &there, err);
        if (r == STORE_NONE)
                return 0;
        if (r != 0)
                return r;
        if (!same_digest(&there, &item->entry))
                return CONFLICT;
        item->existed = !streq(there.head.id, head->id);
        item->known = true;
        item->entry = there;
        return 0;
}

static int add(struct book *book, struct item *item, struct err *err)
{
        int r = book->store_ops->add(book->store, &item->entry, item->order, err);

        if (r == STORE_TAKEN)
                return CONFLICT;
        if (r != 0 || !item->entry.head.notify)
                return r;
        return book->store_ops->card_put(book->store, NOTICE_DRAWER, item->entry.head.id, item->notice, err);
}

/* What is used now is not swept; it may have been since we looked. */
static int use_sets(struct submit *submit, struct err *err)
{
        struct book *book = submit->book;
        uint64_t now = clock_wall_ms();
        int r = 0;

        for (size_t i = 0; i < submit->n && r == 0; i++) {
                struct item *item = &submit->items[i];

                if (!item->known && item->set[0])
                        r = book->store_ops->set_use(book->store, item->set, now, err);
        }
        return r > 0 ? NO_SET : r;
}

static int submit_apply(struct change *change, struct err *err)
{
        struct submit *submit = (struct submit *)change;
        struct book *book = submit->book;
        int r = 0;

        for (size_t i = 0; i < submit->n && r == 0; i++)
                if (!submit->items[i].known)
                        r = look_up(book, &submit->items[i], err);
        r = r ? r : use_sets(submit, err);
        for (size_t i = 0; i < submit->n && r == 0; i++)
                if (!submit->items[i].known)
                        r = add(book, &submit->items[i], err);
        return r;
}

static void answer(const struct submit *submit)
{
        struct desk_answer said = { .status = DESK_OK, .last = true };
        struct desk_entry *entries = calloc(submit->n, sizeof(*entries));

        if (!entries) {
                book_refuse(submit->book, submit->ticket, DESK_UNAVAILABLE, "no memory for the answer");
                return;
        }
        for (size_t i = 0; i < submit->n; i++) {
                entries[i].entry = submit->items[i].entry;
                entries[i].existed = submit->items[i].existed;
        }
        book_answer(submit->book, submit->ticket, &said, entries, submit->n);
        free(entries);
}

static void submit_done(struct change *change, int r, const char *text)
{
        struct submit *submit = (struct submit *)change;
        struct book *book = submit->book;

        book->n_arriving -= submit->n;
        if (r == 0) {
                answer(submit);
                for (size_t i = 0; i < submit->n; i++)
                        if (!flow_has_ended(submit->items[i].entry.flow.state))
                                book_stepped(book, &submit->items[i].entry);
        } else if (r == CONFLICT) {
                book_refuse(book, submit->ticket, DESK_CONFLICT,
                            "this idempotency key was used for another request");
        } else if (r == NO_SET) {
                book_refuse(book, submit->ticket, DESK_BAD, "a test set is not there any more");
        } else {
                book_refuse(book, submit->ticket, DESK_UNAVAILABLE, text);
        }
        submit_free(submit);
}

void book_submit(struct book *book, uint64_t ticket, const struct note_ask *ask)
{
        struct submit *submit = calloc(1, sizeof(*submit));
        struct err err = { "" };
        int r;

        if (!submit) {
                book_refuse(book, ticket, DESK_UNAVAILABLE, "out of memory");
                return;
        }
        submit->change = (struct change){ .apply = submit_apply, .done = submit_done };
        submit->book = book;
        submit->ticket = ticket;
        submit->payload = BYTES_INIT(ask->payload.n);
        r = bytes_add(&submit->payload, ask->payload.p, ask->payload.n);
        r = r ? r : items_take(submit, &err);
        if (r == 0 && submit->n > 1 && !are_distinct(submit))
                r = err_set(&err, DESK_BAD, "two jobs have the same id or idempotency key");
        if (r == 0 && has_room(submit)) {
                book->n_arriving += submit->n;
                group_add(book->group, &submit->change);
                return;
        }
        if (r == 0)
                book_refuse(book, ticket, DESK_FULL, "too many jobs are waiting");
        else if (r > 0)
                book_refuse(book, ticket, (enum desk_status)r, err.text);
        else
                book_fault(book, ticket, &err);
        submit_free(submit);
}

/* ---- cancel ---- */

struct cancel {
        struct change change;
        struct book *book;
        uint64_t ticket;
        struct entry entry;
        char owner[ENTRY_OWNER_MAX + 1];
        char id[ENTRY_ID_MAX + 1];
};

static int cancel_apply(struct change *change, struct err *err)
{
        struct cancel *cancel = (struct cancel *)change;
        struct flow before;
        int r = book_find(cancel->book, cancel->owner, cancel->id, &cancel->entry, err);

        if (r != 0)
                return r;
        before = cancel->entry.flow;
        if (book_step(cancel->book, &cancel->entry, FLOW_EVENT_CANCEL, 0, "") != 0)
                return STORE_STALE;
        return book_write(cancel->book, &cancel->entry, &before, err);
}

static void cancel_done(struct change *change, int r, const char *text)
{
        struct cancel *cancel = (struct cancel *)change;
        struct desk_entry entry = { .entry = cancel->entry };
        struct desk_answer said = { .status = r == 0 ? DESK_OK : DESK_STALE, .last = true };

        if (r == STORE_STALE)
                said.text = "the job has ended already";
        if (r == 0 || r == STORE_STALE)
                book_answer(cancel->book, cancel->ticket, &said, &entry, 1);
        else if (r == STORE_NONE)
                book_refuse(cancel->book, cancel->ticket, DESK_NOT_FOUND, "there is no such job");
        else
                book_refuse(cancel->book, cancel->ticket, DESK_UNAVAILABLE, text);
        if (r == 0)
                book_stepped(cancel->book, &cancel->entry);
        free(cancel);
}

void book_cancel(struct book *book, uint64_t ticket, const struct note_ask *ask)
{
        struct cancel *cancel = calloc(1, sizeof(*cancel));

        if (!cancel) {
                book_refuse(book, ticket, DESK_UNAVAILABLE, "out of memory");
                return;
        }
        cancel->change = (struct change){ .apply = cancel_apply, .done = cancel_done };
        cancel->book = book;
        cancel->ticket = ticket;
        memcpy(cancel->owner, ask->owner, sizeof(cancel->owner));
        memcpy(cancel->id, ask->id, sizeof(cancel->id));
        group_add(book->group, &cancel->change);
}

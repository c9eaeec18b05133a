/*
 * Theory of operation: an answer is gathered in memory with a bound on its size, and sent whole.  What lies in several entries
 * is kept in one struct bytes each until then.
 */
#include "ledger/read.h"
#include "ledger/book.h"
#include "job/notice.h"
#include "util/err.h"
#include "util/log.h"

enum { PIECE_BYTES = 1024 * 1024, ENTRIES_MOST = 1000 };

#define WHOLE_BYTES (512 * MIB)

/* Entries of one answer, with what they point to. */
struct pages {
        struct book *book;
        struct desk_entry *entries;
        struct bytes *outcomes;
        struct bytes *orders; /* memos lie in them */
        struct bytes *notices;
        size_t n;
        size_t most;
        size_t bytes;
        size_t bytes_most;
        unsigned want;
        int r;
        struct err *err;
};

static void pages_deinit(struct pages *pages)
{
        for (size_t i = 0; i < pages->n; i++) {
                bytes_deinit(&pages->outcomes[i]);
                bytes_deinit(&pages->orders[i]);
                bytes_deinit(&pages->notices[i]);
        }
        free(pages->entries);
        free(pages->outcomes);
        free(pages->orders);
        free(pages->notices);
}

static int pages_init(struct pages *pages, size_t most)
{
        pages->most = most;
        pages->entries = calloc(most, sizeof(*pages->entries));
        pages->outcomes = calloc(most, sizeof(*pages->outcomes));
        pages->orders = calloc(most, sizeof(*pages->orders));
        pages->notices = calloc(most, sizeof(*pages->notices));
        return pages->entries && pages->outcomes && pages->orders && pages->notices ? 0 : -ENOMEM;
}

/* Outcomes of one entry, up to a bound. */
struct gather {
        struct record_out out;
        size_t most;
        uint32_t n;
        uint64_t last;
        bool more; /* there are some that were not taken */
};

static bool gather_one(void *arg, uint64_t number, struct view outcome)
{
        struct gather *gather = arg;

        gather->more = gather->n > 0 && gather->out.bytes->n + outcome.n > gather->most;
        if (gather->more)
                return false;
        note_outcome_put(&gather->out, number, outcome);
        gather->n++;
        gather->last = number;
        return gather->out.error == 0;
}

static int gather_outcomes(struct book *book, uint64_t seq, uint64_t after, size_t most, struct bytes *bytes,
                           struct gather *ret_gather, struct err *err)
{
        int r;

        *ret_gather = (struct gather){ .most = most, .last = after };
        *bytes = BYTES_INIT(NOTE_BODY_MAX - MIB);
        record_out_init(&ret_gather->out, bytes);
        r = book->store_ops->outcomes(book->store, seq, after, gather_one, ret_gather, err);
        return r ? r : ret_gather->out.error;
}

static int add_memo(struct pages *pages, struct desk_entry *entry, struct bytes *bytes)
{
        struct order order;
        struct view cases;
        int r;

        *bytes = BYTES_INIT(ORDER_BYTES_MAX);
        r = book_order(pages->book, entry->entry.seq, bytes, pages->err);
        if (r != 0)
                return r < 0 ? r : 0;
        if (order_peek(bytes_view(bytes), &order, &cases) == 0)
                entry->memo = order.memo;
        pages->bytes += bytes->n;
        return 0;
}

static int add_notice(struct pages *pages, struct desk_entry *entry, struct bytes *bytes)
{
        const struct book *book = pages->book;
        int r;

        *bytes = BYTES_INIT(NOTICE_BYTES_MAX);
        r = book->store_ops->card_get(book->store, NOTICE_DRAWER, entry->entry.head.id, bytes, pages->err);
        entry->notice = bytes_view(bytes);
        return r < 0 ? r : 0;
}

static bool pages_add(void *arg, const struct entry *what)
{
        struct pages *pages = arg;
        struct desk_entry *entry = &pages->entries[pages->n];
        struct gather gather;

        if (pages->n > 0 && pages->bytes > pages->bytes_most)
                return false;
        *entry = (struct desk_entry){ .entry = *what };
        if (pages->want & DESK_WANT_MEMO)
                pages->r = add_memo(pages, entry, &pages->orders[pages->n]);
        if (pages->r == 0 && pages->want & DESK_WANT_MEMO && what->head.notify)
                pages->r = add_notice(pages, entry, &pages->notices[pages->n]);
        if (pages->r == 0 && pages->want & DESK_WANT_OUTCOMES) {
                struct bytes *bytes = &pages->outcomes[pages->n];

                pages->r = gather_outcomes(pages->book, what->seq, 0, pages->bytes_most, bytes, &gather,
                                           pages->err);
                entry->n_outcomes = gather.n;
                entry->outcomes = bytes_view(bytes);
                pages->bytes += bytes->n;
        }
        pages->bytes += sizeof(*entry);
        pages->n++;
        return pages->r == 0 && pages->n < pages->most;
}

/* Find the entry a request is about; else it is answered, and the result is false. */
static bool find_or_answer(struct book *book, uint64_t ticket, const struct note_ask *ask,
                           struct entry *ret_entry)
{
        struct err err = { "" };
        int r = book_find(book, ask->owner, ask->id, ret_entry, &err);

        if (r == STORE_NONE)
                book_refuse(book, ticket, DESK_NOT_FOUND, "there is no such job");
        else if (r < 0)
                book_fault(book, ticket, &err);
        return r == 0;
}

int read_get(struct book *book, uint64_t ticket, const struct note_ask *ask, bool final, uint64_t *ret_seq)
{
        CLEANUP(pages_deinit)
        struct pages pages = { .book = book, .want = ask->want, .bytes_most = WHOLE_BYTES };
        struct desk_answer said = { .status = DESK_OK, .last = true };
        struct err err = { "" };
        struct entry entry;

        *ret_seq = 0;
        if (!find_or_answer(book, ticket, ask, &entry))
                return 0;
        *ret_seq = entry.seq;
        if (!final && !flow_has_ended(entry.flow.state))
                return READ_NOT_YET;
        pages.err = &err;
        if (pages_init(&pages, 1) == 0)
                (void)pages_add(&pages, &entry);
        else
                pages.r = err_set(&err, -ENOMEM, "no memory for an answer");
        if (pages.r < 0)
                book_fault(book, ticket, &err);
        else
                book_answer(book, ticket, &said, pages.entries, pages.n);
        return 0;
}

int read_watch(struct book *book, uint64_t ticket, const struct note_ask *ask, bool final, uint64_t *ret_seq)
{
        CLEANUP(bytes_deinit) struct bytes bytes = BYTES_INIT(0);
        struct desk_answer said = { .status = DESK_OK };
        struct desk_entry entry = { .existed = false };
        struct gather gather;
        struct err err = { "" };
        bool ended;

        *ret_seq = 0;
        if (!find_or_answer(book, ticket, ask, &entry.entry))
                return 0;
        *ret_seq = entry.entry.seq;
        if (gather_outcomes(book, entry.entry.seq, ask->after, PIECE_BYTES, &bytes, &gather, &err) < 0) {
                book_fault(book, ticket, &err);
                return 0;
        }
        ended = flow_has_ended(entry.entry.flow.state);
        if (gather.n == 0 && !ended && !final)
                return READ_NOT_YET;
        said.number = gather.last;
        said.last = ended && !gather.more;
        entry.n_outcomes = gather.n;
        entry.outcomes = bytes_view(&bytes);
        book_answer(book, ticket, &said, &entry, 1);
        return 0;
}

static bool stop_at_first(void *arg, const struct entry *entry)
{
        *(bool *)arg = true;
        return false;
}

/* Is there one of the batch that has not ended? */
static int batch_is_open(struct book *book, const struct note_ask *ask, bool *ret_open, struct err *err)
{
        struct store_filter filter = { .batch = ask->id,
                                       .states = 1u << FLOW_QUEUED | 1u << FLOW_RETRY | 1u << FLOW_LEASED };

        *ret_open = false;
        if (!ask->id[0]) {
                *ret_open = true;
                return 0;
        }
        return book->store_ops->list(book->store, &filter, stop_at_first, ret_open, err);
}

int read_ended(struct book *book, uint64_t ticket, const struct note_ask *ask, bool final)
{
        CLEANUP(pages_deinit)
        struct pages pages = { .book = book, .want = ask->want, .bytes_most = PIECE_BYTES };
        struct desk_answer said = { .status = DESK_OK, .number = ask->after };
        struct err err = { "" };
        bool open = true;
        int r = pages_init(&pages, ENTRIES_MOST);

        pages.err = &err;
        r = r ? r
              : book->store_ops->ended(book->store, ask->owner[0] ? ask->owner : NULL,
                                       ask->id[0] ? ask->id : NULL, ask->after, pages_add, &pages, &err);
        r = r ? r : pages.r;
        if (r == 0 && pages.n == 0)
                r = batch_is_open(book, ask, &open, &err);
        if (r < 0) {
                book_fault(book, ticket, &err);
                return 0;
        }
        if (pages.n == 0 && open && !final)
                return READ_NOT_YET;
        said.last = !open;
        if (pages.n > 0)
                said.number = pages.entries[pages.n - 1].entry.ended_number;
        book_answer(book, ticket, &said, pages.entries, pages.n);
        return 0;
}

void read_list(struct book *book, uint64_t ticket, const struct note_ask *ask)
{
        CLEANUP(pages_deinit)
        struct pages pages = { .book = book, .want = ask->want, .bytes_most = WHOLE_BYTES };
        struct store_filter filter = { .states = ask->states, .before = ask->before };
        struct desk_answer said = { .status = DESK_OK, .last = true };
        struct err err = { "" };
        int r = pages_init(&pages, MAX(ask->most, 1u));

        pages.err = &err;
        filter.owner = ask->owner[0] ? ask->owner : NULL;
        filter.door = ask->door[0] ? ask->door : NULL;
        filter.batch = ask->id[0] ? ask->id : NULL;
        r = r ? r : book->store_ops->list(book->store, &filter, pages_add, &pages, &err);
        r = r ? r : pages.r;
        if (r < 0)
                book_fault(book, ticket, &err);
        else
                book_answer(book, ticket, &said, pages.entries, pages.n);
}

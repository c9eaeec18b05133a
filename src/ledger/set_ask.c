/* Theory of operation: a set is named by what is in it, so putting one that is there changes nothing but when it was used. */
#include "ledger/book.h"
#include "config/config.h"
#include "ledger/sets.h"
#include "util/clock.h"
#include "util/err.h"

enum { NO_ROOM = 1 };

struct put {
        struct change change;
        struct book *book;
        uint64_t ticket;
        struct bytes cases;
        char name[ORDER_SET_TEXT];
        uint32_t n;
};

static int put_apply(struct change *change, struct err *err)
{
        struct put *put = (struct put *)change;
        struct book *book = put->book;
        struct store_usage usage;
        int r = book->store_ops->set_use(book->store, put->name, clock_wall_ms(), err);

        if (r != STORE_NONE)
                return r;
        r = book->store_ops->usage(book->store, &usage, err);
        if (r == 0 && usage.set_bytes + put->cases.n > book->config->test_set_store_size)
                return NO_ROOM;
        return r ? r
                 : put->book->store_ops->set_put(put->book->store, put->name, bytes_view(&put->cases),
                                                 clock_wall_ms(), err);
}

static void put_done(struct change *change, int r, const char *text)
{
        struct put *put = (struct put *)change;
        struct desk_answer said = { .status = DESK_OK, .last = true, .number = put->n };

        memcpy(said.set, put->name, sizeof(said.set));
        if (r == 0)
                book_answer(put->book, put->ticket, &said, NULL, 0);
        else if (r == NO_ROOM)
                book_refuse(put->book, put->ticket, DESK_FULL, "there is no room for more test sets");
        else
                book_refuse(put->book, put->ticket, DESK_UNAVAILABLE, text);
        bytes_deinit(&put->cases);
        free(put);
}

void book_set_put(struct book *book, uint64_t ticket, const struct note_ask *ask)
{
        struct put *put = calloc(1, sizeof(*put));

        if (!put) {
                book_refuse(book, ticket, DESK_UNAVAILABLE, "out of memory");
                return;
        }
        put->change = (struct change){ .apply = put_apply, .done = put_done };
        put->book = book;
        put->ticket = ticket;
        put->cases = BYTES_INIT(ask->payload.n);
        if (order_cases_count(ask->payload, &put->n) < 0 ||
            bytes_add(&put->cases, ask->payload.p, ask->payload.n) < 0) {
                book_refuse(book, ticket, DESK_BAD, "the test set cannot be read");
                free(put);
                return;
        }
        order_set_name(ask->payload, put->name);
        group_add(book->group, &put->change);
}

void book_set_get(struct book *book, uint64_t ticket, const struct note_ask *ask)
{
        struct desk_answer said = { .status = DESK_OK, .last = true };
        struct err err = { "" };
        struct set *set;
        int r = sets_get(book->sets, ask->set, &set, &err);

        if (r < 0) {
                book_fault(book, ticket, &err);
                return;
        }
        if (r > 0) {
                book_refuse(book, ticket, DESK_NOT_FOUND, "there is no such test set");
                return;
        }
        said.number = set_count(set);
        memcpy(said.set, ask->set, sizeof(said.set));
        book_answer(book, ticket, &said, NULL, 0);
        sets_put(book->sets, set);
}

/* Theory of operation: a card that is put or dropped is a change of a group; the others are read at once. */
#include "ledger/cards.h"
#include "job/notice.h"
#include "ledger/book.h"
#include "ledger/read.h"
#include "util/err.h"

#include <stdio.h>

/* One answer of a list; the rest is asked for with another. */
#define LIST_BYTES (16 * MIB)

struct card_change {
        struct change change;
        struct book *book;
        uint64_t ticket;
        char drawer[ENTRY_DOOR_MAX + 1];
        char name[ENTRY_ID_MAX + 1];
        struct bytes text;
};

static void answer(struct book *book, uint64_t ticket, const char *drawer, const char *name, struct view text)
{
        struct desk_entry entry = { .memo = text };
        struct desk_answer said = { .status = DESK_OK, .last = true };

        snprintf(entry.entry.head.door, sizeof(entry.entry.head.door), "%s", drawer);
        snprintf(entry.entry.head.id, sizeof(entry.entry.head.id), "%s", name);
        book_answer(book, ticket, &said, &entry, 1);
}

/* A notice is made with its job and goes with it; one that is late does not come back. */
static int notice_is_there(struct card_change *card, struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(NOTICE_BYTES_MAX);

        if (!streq(card->drawer, NOTICE_DRAWER))
                return 0;
        return card->book->store_ops->card_get(card->book->store, card->drawer, card->name, &text, err);
}

static int put_apply(struct change *change, struct err *err)
{
        struct card_change *card = (struct card_change *)change;
        int r = notice_is_there(card, err);

        return r ? r
                 : card->book->store_ops->card_put(card->book->store, card->drawer, card->name,
                                                   bytes_view(&card->text), err);
}

static int drop_apply(struct change *change, struct err *err)
{
        struct card_change *card = (struct card_change *)change;

        return card->book->store_ops->card_drop(card->book->store, card->drawer, card->name, err);
}

static void card_done(struct change *change, int r, const char *text)
{
        struct card_change *card = (struct card_change *)change;

        if (r == 0)
                answer(card->book, card->ticket, card->drawer, card->name, VIEW(""));
        else if (r > 0)
                book_refuse(card->book, card->ticket, DESK_NOT_FOUND, "there is no such card");
        else
                book_refuse(card->book, card->ticket, DESK_UNAVAILABLE, text);
        bytes_deinit(&card->text);
        free(card);
}

static void change(struct book *book, uint64_t ticket, const struct note_ask *ask,
                   int (*apply)(struct change *change, struct err *err))
{
        struct card_change *card = calloc(1, sizeof(*card));

        if (card)
                card->text = BYTES_INIT(ORDER_MEMO_MAX);
        if (!ask->door[0] || !ask->id[0] || ask->payload.n > ORDER_MEMO_MAX) {
                book_refuse(book, ticket, DESK_BAD, "a card needs a name and may not be so large");
                free(card);
        } else if (!card || bytes_add(&card->text, ask->payload.p, ask->payload.n) < 0) {
                book_refuse(book, ticket, DESK_UNAVAILABLE, "out of memory");
                free(card);
        } else {
                card->change = (struct change){ .apply = apply, .done = card_done };
                card->book = book;
                card->ticket = ticket;
                memcpy(card->drawer, ask->door, sizeof(card->drawer));
                memcpy(card->name, ask->id, sizeof(card->name));
                group_add(book->group, &card->change);
        }
}

void cards_put(struct book *book, uint64_t ticket, const struct note_ask *ask)
{
        change(book, ticket, ask, put_apply);
}

void cards_drop(struct book *book, uint64_t ticket, const struct note_ask *ask)
{
        change(book, ticket, ask, drop_apply);
}

void cards_get(struct book *book, uint64_t ticket, const struct note_ask *ask)
{
        CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(ORDER_MEMO_MAX);
        struct err err = { "" };
        int r = book->store_ops->card_get(book->store, ask->door, ask->id, &text, &err);

        if (r == 0)
                answer(book, ticket, ask->door, ask->id, bytes_view(&text));
        else if (r > 0)
                book_refuse(book, ticket, DESK_NOT_FOUND, "there is no such card");
        else
                book_fault(book, ticket, &err);
}

/* ---- a list ---- */

struct listing {
        struct desk_entry *entries;
        size_t n;
        size_t most;
        struct bytes texts; /* of all of them; views are made when it does not move any more */
        bool more;
        bool failed;
};

static bool listing_add(void *arg, const char *name, struct view text)
{
        struct listing *listing = arg;
        struct desk_entry *entry = &listing->entries[listing->n];

        listing->more =
                listing->n == listing->most || (listing->n > 0 && listing->texts.n + text.n > LIST_BYTES);
        if (listing->more)
                return false;
        if (bytes_add(&listing->texts, text.p, text.n) < 0) {
                listing->failed = true;
                return false;
        }
        snprintf(entry->entry.head.id, sizeof(entry->entry.head.id), "%s", name);
        entry->memo.n = text.n;
        listing->n++;
        return true;
}

static void listing_answer(struct book *book, uint64_t ticket, struct listing *listing)
{
        struct desk_answer said = { .status = DESK_OK, .last = !listing->more };
        const char *at = listing->texts.p ? listing->texts.p : "";

        for (size_t i = 0; i < listing->n; i++) {
                listing->entries[i].memo.p = at;
                at += listing->entries[i].memo.n;
        }
        book_answer(book, ticket, &said, listing->entries, listing->n);
}

int cards_list(struct book *book, uint64_t ticket, const struct note_ask *ask, bool final)
{
        struct listing listing = { .most = ask->most, .texts = BYTES_INIT(LIST_BYTES + ORDER_MEMO_MAX) };
        struct err err = { "" };
        int r;

        listing.entries = calloc(listing.most + 1, sizeof(*listing.entries));
        if (!listing.entries) {
                book_refuse(book, ticket, DESK_UNAVAILABLE, "out of memory");
                return 0;
        }
        r = book->store_ops->cards(book->store, ask->door, ask->id, listing_add, &listing, &err);
        if (r == 0 && listing.failed)
                r = err_set(&err, -ENOMEM, "no memory for a list of cards");
        if (r < 0)
                book_fault(book, ticket, &err);
        else if (listing.n > 0 || final)
                listing_answer(book, ticket, &listing);
        else
                r = READ_NOT_YET;
        free(listing.entries);
        bytes_deinit(&listing.texts);
        return r == READ_NOT_YET ? r : 0;
}

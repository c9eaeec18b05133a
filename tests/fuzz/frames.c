/*
 * Frames and records between our own processes, each end of which believes nothing of the other: what is believed can be
 * written again.  The first byte says which.
 */
#include "fuzz.h"
#include "job/note.h"
#include "job/order.h"
#include "job/outcome.h"
#include "job/parcel.h"
#include "runtime/catalog.h"
#include "runtime/shelf.h"
#include "util/err.h"

static char *words[] = { (char *)"py", NULL };
static struct runtime runtime = { .language = (char *)"py",
                                  .version = (char *)"3.1.4",
                                  .aliases = words + 1,
                                  .extensions = words,
                                  .companions = words + 1,
                                  .stages[STAGE_RUN] = { .argv = words, .n_argv = 1 } };
static const struct catalog catalog = { .runtimes = &runtime, .n_runtimes = 1 };

static void ask(struct view bytes)
{
        struct bytes again = BYTES_INIT(bytes.n + MIB);
        struct note_ask ask;

        if (note_ask_decode(bytes, &ask) == 0) {
                must(note_ask_encode(&ask, &again) == 0);
                must(view_eq(bytes_view(&again), bytes));
        }
        bytes_deinit(&again);
}

static void note(struct view bytes)
{
        struct note note;

        if (note_decode(bytes.p, bytes.n, NULL, 0, &note) < 0)
                return;
        must(note.kind > 0 && note.kind < NOTE_KIND_COUNT && !note.mapped && note.body.n <= bytes.n);
        if (note.kind != NOTE_ANSWER)
                ask(note.body);
        note_deinit(&note);
}

static void outcome(struct view bytes)
{
        struct bytes once = BYTES_INIT(bytes.n + MIB), twice = once;
        struct outcome outcome;

        if (outcome_decode(bytes, &outcome) < 0)
                return;
        must(outcome_encode(&outcome, &once) == 0);
        outcome_deinit(&outcome);
        must(outcome_decode(bytes_view(&once), &outcome) == 0);
        must(outcome_encode(&outcome, &twice) == 0 && view_eq(bytes_view(&once), bytes_view(&twice)));
        outcome_deinit(&outcome);
        bytes_deinit(&once);
        bytes_deinit(&twice);
}

static void answer(struct view bytes)
{
        struct desk_entry *entries = NULL;
        struct desk_answer answer;

        if (note_answer_decode(bytes, &answer, &entries) < 0)
                return;
        must(answer.status < DESK_STATUS_COUNT);
        for (size_t i = 0; i < answer.n_entries; i++) {
                struct outcome outcome;
                uint64_t number;
                size_t at = 0;

                while (desk_outcome(&answer.entries[i], &at, &outcome, &number) == 1)
                        outcome_deinit(&outcome);
        }
        free(entries);
}

static void cases(struct view bytes)
{
        struct order_cursor cursor;
        struct order_case one;
        uint32_t n, seen = 0;

        if (order_cases_count(bytes, &n) < 0)
                return;
        for (order_cases_begin(&cursor, bytes); order_cases_next(&cursor, &one); seen++)
                must(one.input.p >= bytes.p && one.input.p + one.input.n <= bytes.p + bytes.n);
        must(seen == n);
}

static void order(struct view bytes)
{
        struct order_read read;
        struct order order;
        struct err err = { "" };
        struct view list;
        int r = order_decode(bytes, &catalog, &read, &err);

        must(r != ORDER_NO_RUNTIME || err.text[0]);
        if (r == 0)
                order_read_deinit(&read);
        r = order_peek(bytes, &order, &list);
        if (r == 0)
                cases(list);
}

static void parcel(struct view bytes)
{
        for (size_t n_fds = 0; n_fds < 3; n_fds++) {
                struct parcel parcel;

                if (parcel_decode(bytes.p, bytes.n, n_fds, &parcel) == 0)
                        must(parcel.kind > 0 && parcel.kind < PARCEL_KIND_END &&
                             strnlen(parcel.name, PARCEL_TEXT_MAX) < PARCEL_TEXT_MAX &&
                             strnlen(parcel.range, PARCEL_TEXT_MAX) < PARCEL_TEXT_MAX);
        }
}

/* What is on the shelf afterwards can be listed and written down. */
static void shelf(struct view bytes)
{
        struct shelf *shelf = shelf_new();
        const struct runtime *runtimes[64], *last = NULL;
        struct bytes again = BYTES_INIT(bytes.n + MIB);
        size_t n = 0;

        must(shelf);
        if (shelf_take(shelf, bytes) >= 0) {
                while (n < ARRAY_LEN(runtimes) && (last = shelf_next(shelf, last)) != NULL)
                        runtimes[n++] = last;
                must(shelf_encode(runtimes, n, &again) == 0);
                must(shelf_take(shelf, bytes_view(&again)) >= 0);
        }
        bytes_deinit(&again);
        shelf_free(shelf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static void (*const readers[])(struct view bytes) = { note,  ask,   outcome, answer,
                                                              cases, order, parcel,  shelf };
        size_t which = size > 0 ? data[0] - (size_t)'0' : ARRAY_LEN(readers);

        if (which < ARRAY_LEN(readers))
                readers[which]((struct view){ (const char *)data + 1, size - 1 });
        return 0;
}

/*
 * Theory of operation: a saying is one change: the outcomes of one result, and the entry as it is after them; the one after
 * which nothing of its work is left ends the entry.  It is vital: a store that cannot be written is tried again until it
 * can, and the result waits in memory.
 */
#include "job/client.h"
#include "ledger/book.h"
#include "ledger/waiters.h"
#include "ledger/works_priv.h"
#include "util/err.h"

#include <fcntl.h>

enum { SAYINGS_MAX = 2 }; /* outcomes of one result: compile and case */

struct saying {
        struct change change;
        struct work *work;
        struct entry entry;   /* as it will be */
        struct entry written; /* as the store made it of that */
        uint32_t which[SAYINGS_MAX];
        struct bytes bytes[SAYINGS_MAX];
        size_t n;
};

static int saying_apply(struct change *change, struct err *err)
{
        struct saying *saying = (struct saying *)change;
        struct book *book = saying->work->works->book;
        uint64_t number;
        int r = 0;

        saying->written = saying->entry;
        for (size_t i = 0; i < saying->n && r == 0; i++) {
                r = book->store_ops->outcome_add(book->store, saying->entry.seq, saying->which[i],
                                                 bytes_view(&saying->bytes[i]), &number, err);
                r = r == STORE_TAKEN ? 0 : r;
        }
        return r ? r : book_write(book, &saying->written, &saying->work->entry.flow, err);
}

static void saying_done(struct change *change, int r, const char *text)
{
        struct saying *saying = (struct saying *)change;
        struct work *work = saying->work;
        struct works *works = work->works;
        struct book *book = works->book;

        work->n_changes--;
        if (work->dead)
                work_free_if_dead(works, work);
        else if (r != 0)
                work_end(works, work);
        if (r == 0 && flow_has_ended(saying->written.flow.state))
                book_stepped(book, &saying->written); /* ends the work, too */
        else if (r == 0)
                waiters_notify(book->waiters, &saying->written);
        for (size_t i = 0; i < saying->n; i++)
                bytes_deinit(&saying->bytes[i]);
        free(saying);
}

static struct saying *saying_new(struct work *work)
{
        struct saying *saying = calloc(1, sizeof(*saying));

        if (!saying)
                return NULL;
        saying->change = (struct change){ .apply = saying_apply, .done = saying_done, .vital = true };
        saying->work = work;
        return saying;
}

static int saying_add(struct saying *saying, const struct outcome *outcome)
{
        struct bytes *bytes = &saying->bytes[saying->n];

        saying->which[saying->n++] = outcome->which;
        *bytes = BYTES_INIT(NOTE_BODY_MAX - MIB);
        saying->work->entry.bytes += outcome->stage.output.bytes.n;
        return outcome_encode(outcome, bytes);
}

/* Write it down; the last saying of a work ends its entry. */
static void saying_say(struct saying *saying)
{
        struct work *work = saying->work;

        saying->entry = work->entry;
        if (work_is_over(work))
                must(book_step(work->works->book, &saying->entry, FLOW_EVENT_FINISH, work->entry.flow.fence,
                               "") == 0);
        work->n_changes++;
        group_add(work->works->book->group, &saying->change);
}

static void saying_free(struct saying *saying)
{
        for (size_t i = 0; i < saying->n; i++)
                bytes_deinit(&saying->bytes[i]);
        free(saying);
}

static int say_compile(struct saying *saying, const struct stage_result *stage)
{
        struct outcome outcome = { .which = OUTCOME_COMPILE, .stage = *stage };

        return saying_add(saying, &outcome);
}

static int say_case(struct saying *saying, uint32_t which, const struct stage_result *stage)
{
        struct outcome outcome;
        int r = work_judge(saying->work, which, stage, &outcome);

        return r ? r : saying_add(saying, &outcome);
}

static int pack_keep(struct work *work, const struct result *result)
{
        work->pack = fcntl(result->pack, F_DUPFD_CLOEXEC, 0);
        return work->pack < 0 ? -errno : 0;
}

/* Those after the one at which to stop are not waited for. */
static void cancel_beyond(struct works *works, struct work *work)
{
        struct piece *piece = LIST_FIRST(&work->pieces), *next;

        for (; piece; piece = next) {
                next = LIST_NEXT(piece, link);
                if (piece->which == OUTCOME_COMPILE || piece->which <= work->stop_at)
                        continue;
                client_cancel(works->client, piece->ticket);
                piece_drop(piece);
        }
}

static int say_result(struct saying *saying, enum job_part part, uint32_t which, const struct result *result)
{
        const struct stage_result *compile = &result->stages[STAGE_COMPILE];
        struct work *work = saying->work;
        int r = 0;

        work->compiling = false;
        if (compile->ran && !work->has_compile) {
                work->has_compile = true;
                r = say_compile(saying, compile);
        }
        if (r < 0)
                return r;
        if (compile->ran && compile->verdict != VERDICT_OK) {
                work_compile_failed(work, compile->verdict);
                return 0;
        }
        if (part == JOB_COMPILE)
                return pack_keep(work, result);
        r = say_case(saying, which, &result->stages[STAGE_RUN]);
        cancel_beyond(work->works, work);
        return r;
}

int works_say(struct work *work, enum job_part part, uint32_t which, const struct result *result)
{
        struct saying *saying = saying_new(work);
        int r = saying ? say_result(saying, part, which, result) : -ENOMEM;

        if (r == 0)
                saying_say(saying);
        else if (saying)
                saying_free(saying);
        return r;
}

/* A job without cases, or one whose cases all have outcomes already, has only to be said done. */
int works_say_done(struct work *work)
{
        struct saying *saying = saying_new(work);

        if (saying)
                saying_say(saying);
        return saying ? 0 : -ENOMEM;
}

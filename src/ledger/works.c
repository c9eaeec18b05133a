/*
 * Theory of operation
 *
 *   queue ──take──► LEASE change ──commit──► work ──pieces──► runner
 *                                             ▲                  │ result
 *                                             └── outcome change ◄┘
 *                                                 the last one also says FINISH
 *
 * As many pieces are out as there are slots, and a few more, so that no slot waits while we wait for the disk.  A new job is
 * taken before a further case of an old one, up to a bound that leaves room for the urgent; among works the more
 * urgent, then the one whose owner has less than its share, then the one with the fewest pieces out, is next.
 *
 * A result of VERDICT_ENGINE is never an outcome: the attempt has failed, and the next one goes on with what is left.
 */
#include "ledger/works.h"
#include "job/client.h"
#include "ledger/book.h"
#include "ledger/works_priv.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"

#include <inttypes.h>

enum { IDLE_OWNERS = 64 };

#define PIECE_PATIENCE_NS (120 * NSEC_PER_SEC)
#define SHELF_NS          (30 * NSEC_PER_SEC)

/* ---- ends ---- */

void piece_drop(struct piece *piece)
{
        LIST_REMOVE(piece, link);
        piece->work->n_pieces--;
        piece->work->holder->n_pieces--;
        piece->work->works->n_pieces--;
        free(piece);
}

void work_free_if_dead(struct works *works, struct work *work)
{
        if (work->dead && work->n_changes == 0)
                work_free(works->book, work);
}

void work_end(struct works *works, struct work *work)
{
        struct piece *piece;

        if (work->dead)
                return;
        work->dead = true;
        TAILQ_REMOVE(&works->list, work, link);
        works->n--;
        while ((piece = LIST_FIRST(&work->pieces))) {
                client_cancel(works->client, piece->ticket);
                piece_drop(piece);
        }
        work_free_if_dead(works, work);
}

/* The attempt is over, and not by a result. */
static void work_give_up(struct works *works, struct work *work, enum flow_event event, const char *text)
{
        uint64_t seq = work->entry.seq, fence = work->entry.flow.fence;
        struct err err;

        err_set(&err, 0, "%s", text);
        if (event != FLOW_EVENT_RETURN)
                log_warn("job=%" PRIu64 " attempt=%u: %s", seq, work->entry.flow.attempts, err.text);
        work_end(works, work);
        book_push(works->book, seq, event, fence, err.text);
}

void works_abort(struct works *works, uint64_t seq)
{
        struct work *work;

        TAILQ_FOREACH(work, &works->list, link)
        if (work->entry.seq == seq)
                break;
        if (work)
                work_end(works, work);
}

void works_return_all(struct works *works)
{
        works->stopping = true;
        while (!TAILQ_EMPTY(&works->list))
                work_give_up(works, TAILQ_FIRST(&works->list), FLOW_EVENT_RETURN, "");
}

void works_tick(struct works *works)
{
        uint64_t now = clock_now_ns();
        struct work *work = TAILQ_FIRST(&works->list), *next;

        for (; work; work = next) {
                struct piece *piece;

                next = TAILQ_NEXT(work, link);
                LIST_FOREACH(piece, &work->pieces, link)
                if (piece->until_ns < now)
                        break;
                if (piece)
                        work_give_up(works, work, FLOW_EVENT_LOST, "the runner did not answer in time");
        }
        works_dispatch(works);
}

/* ---- results ---- */

/* Is it no outcome at all?  Then what becomes of the attempt. */
static bool is_fault(const struct result *result, enum flow_event *ret_event)
{
        enum verdict verdict = result_last(result)->verdict;

        *ret_event = verdict == VERDICT_OVERLOADED ? FLOW_EVENT_RETURN : FLOW_EVENT_FAULT;
        return verdict == VERDICT_OVERLOADED || verdict == VERDICT_CANCELLED || verdict == VERDICT_ENGINE;
}

static void on_result(void *arg, const struct result *result)
{
        struct piece *piece = arg;
        struct work *work = piece->work;
        struct works *works = work->works;
        enum job_part part = piece->part;
        uint32_t which = piece->which;
        enum flow_event event;

        piece_drop(piece);
        if (is_fault(result, &event)) {
                const struct stage_result *last = result_last(result);

                work_give_up(works, work, event, last->text[0] ? last->text : verdict_text(last->verdict));
                works_dispatch(works);
                return;
        }
        if (works_say(work, part, which, result) < 0)
                work_give_up(works, work, FLOW_EVENT_FAULT, "no memory for its result");
        works_dispatch(works);
}

/* ---- starting ---- */

/* Is @a to be run before @b?  The more urgent, then whose owner has less than its share, then who has less. */
static bool is_before(const struct work *a, const struct work *b)
{
        if (a->entry.head.priority != b->entry.head.priority)
                return a->entry.head.priority < b->entry.head.priority;
        if (share_is_due(a->holder, b->holder) || share_is_due(b->holder, a->holder))
                return share_is_due(a->holder, b->holder);
        return a->n_pieces < b->n_pieces;
}

static struct work *next_work(struct works *works)
{
        struct work *work, *best = NULL;

        TAILQ_FOREACH(work, &works->list, link)
        {
                enum job_part part;
                uint32_t which, next = work->next;
                bool compiling = work->compiling;

                if (!work_next(work, &part, &which))
                        continue;
                work->next = next;
                work->compiling = compiling;
                if (!best || is_before(work, best))
                        best = work;
        }
        return best;
}

static int piece_start(struct works *works, struct work *work, struct err *err)
{
        const struct limits *limits = work->read.job.limits;
        struct piece *piece = calloc(1, sizeof(*piece));
        int r;

        if (!piece)
                return err_set(err, -ENOMEM, "no memory to run a job");
        must(work_next(work, &piece->part, &piece->which));
        piece->work = work;
        piece->until_ns = clock_now_ns() + limits[STAGE_COMPILE].wall_ns + limits[STAGE_RUN].wall_ns +
                          PIECE_PATIENCE_NS;
        r = client_submit(works->client, work_job(work, piece->part, piece->which), on_result, piece,
                          &piece->ticket, err);
        work->read.job.input = BYTES_INIT(0);
        if (r < 0) {
                free(piece);
                return r;
        }
        LIST_INSERT_HEAD(&work->pieces, piece, link);
        work->n_pieces++;
        work->holder->n_pieces++;
        works->n_pieces++;
        return 0;
}

static void work_begin(struct works *works, const struct entry *entry)
{
        struct work *work;
        struct err err = { "" };
        int r = work_new(works->book, works, entry, &work, &err);

        if (r != 0) {
                /* WHY not always: who asks for the job is told, and a stranger could fill the log with it. */
                if (r != WORK_NEVER)
                        log_warn("job=%" PRIu64 ": %s", entry->seq, err.text);
                book_push(works->book, entry->seq, r == WORK_NEVER ? FLOW_EVENT_REFUSE : FLOW_EVENT_FAULT,
                          entry->flow.fence, err.text);
                return;
        }
        TAILQ_INSERT_TAIL(&works->list, work, link);
        works->n++;
        if (work_is_over(work) && works_say_done(work) < 0)
                work_give_up(works, work, FLOW_EVENT_FAULT, "no memory for its result");
}

struct taking {
        struct change change;
        struct works *works;
        uint64_t seq;
        struct entry entry;
};

static int taking_apply(struct change *change, struct err *err)
{
        struct taking *taking = (struct taking *)change;
        struct book *book = taking->works->book;
        struct flow before;
        int r = book->store_ops->find_seq(book->store, taking->seq, &taking->entry, err);

        if (r != 0)
                return r;
        before = taking->entry.flow;
        if (book_step(book, &taking->entry, FLOW_EVENT_LEASE, 0, "") != 0)
                return STORE_STALE;
        taking->entry.outside = false;
        return book_write(book, &taking->entry, &before, err);
}

static void taking_done(struct change *change, int r, const char *text)
{
        struct taking *taking = (struct taking *)change;
        struct works *works = taking->works;

        works->n_leasing--;
        if (r == 0 && works->stopping)
                book_push(works->book, taking->seq, FLOW_EVENT_RETURN, taking->entry.flow.fence, "");
        else if (r == 0)
                work_begin(works, &taking->entry);
        else if (r > 0)
                works->book->queue_ops->drop(works->book->queue,
                                             taking->seq); /* another has it, or it ended */
        free(taking);
        if (r != -ECANCELED)
                works_dispatch(works);
}

/* The least urgent that may still be taken: the last places are for those somebody waits for. */
static int worst_priority(const struct works *works)
{
        size_t n = works->n + works->n_leasing;

        if (n < works->n_slots)
                return PRIORITY_BULK;
        if (n < works->n_slots + works->n_slots / 2 + 1)
                return PRIORITY_NORMAL;
        return n < 2 * works->n_slots + 2 ? PRIORITY_INTERACTIVE : -1;
}

/* Some places more are for owners of whom nothing runs, lest a few long jobs of others keep them waiting. */
static bool find_next(const struct works *works, uint64_t *ret_seq)
{
        const struct book *book = works->book;
        size_t n = works->n + works->n_leasing;
        int worst = worst_priority(works);
        uint64_t now = clock_now_ns();

        if (worst >= 0 && book->queue_ops->take(book->queue, NULL, (enum priority)worst, now, ret_seq) == 0)
                return true;
        return n < 2 * works->n_slots + IDLE_OWNERS &&
               book->queue_ops->take_idle(book->queue, PRIORITY_NORMAL, now, ret_seq) == 0;
}

static bool take_one(struct works *works)
{
        struct book *book = works->book;
        struct taking *taking;
        uint64_t seq;

        if (!find_next(works, &seq))
                return false;
        taking = calloc(1, sizeof(*taking));
        must(taking);
        taking->change = (struct change){ .apply = taking_apply, .done = taking_done, .vital = true };
        taking->works = works;
        taking->seq = seq;
        works->n_leasing++;
        group_add(book->group, &taking->change);
        return true;
}

static bool start_piece(struct works *works)
{
        struct work *work = next_work(works);
        struct err err = { "" };

        if (!work)
                return false;
        if (piece_start(works, work, &err) < 0)
                work_give_up(works, work, FLOW_EVENT_FAULT, err.text);
        return true;
}

void works_dispatch(struct works *works)
{
        size_t most = works->n_slots + works->n_slots / 2;

        if (works->dispatching || works->stopping || !works->connected)
                return;
        if (!works->book->shelved && clock_now_ns() < works->shelf_until_ns)
                return;
        works->dispatching = true;
        while (works->n_pieces + works->n_leasing < most && (take_one(works) || start_piece(works)))
                ;
        works->dispatching = false;
}

/* ---- the runner ---- */

static void on_runner_lost(void *arg)
{
        struct works *works = arg;

        works->connected = false;
        log_warn("lost the runner; waiting for a new one");
}

int works_runner_take(struct works *works, int fd, struct err *err)
{
        int r;

        if (works->client)
                r = client_reconnect_take(works->client, fd, err);
        else
                r = client_new_take(works->book->base, fd, on_runner_lost, works, &works->client, err);
        if (r < 0)
                return r;
        works->connected = true;
        works_dispatch(works);
        return 0;
}

int works_new(struct book *book, size_t n_slots, struct works **ret_works, struct err *err)
{
        struct works *works = calloc(1, sizeof(*works));

        if (!works)
                return err_set(err, -ENOMEM, "ledger: out of memory");
        works->book = book;
        works->n_slots = MAX(n_slots, (size_t)1);
        works->shelf_until_ns = clock_now_ns() + SHELF_NS;
        TAILQ_INIT(&works->list);
        *ret_works = works;
        return 0;
}

void works_free(struct works *works)
{
        if (!works)
                return;
        while (!TAILQ_EMPTY(&works->list))
                work_end(works, TAILQ_FIRST(&works->list));
        client_free(works->client);
        free(works);
}

/*
 * Theory of operation
 *
 *   one case, or nothing to compile:   each case as a whole job
 *   else:                              compile ──pack──► case, case, case ...   at once, up to a limit
 *
 * A second attempt takes over what the first one has written: cases with an outcome are not run again.  With stop at the
 * first failure, "first" is by number, not by time: those before a failed case are still run to their end, so the
 * outcome does not depend on how many slots there are.
 */
#include "ledger/work.h"
#include "ledger/book.h"
#include "ledger/sets.h"
#include "runtime/runtime.h"
#include "util/err.h"

static int cases_read(struct work *work, struct view cases, struct err *err)
{
        struct order_cursor cursor;
        uint32_t n = 0;

        work->cases = calloc(work->entry.n_cases + 1, sizeof(*work->cases));
        work->done = calloc(work->entry.n_cases + 1, sizeof(*work->done));
        if (!work->cases || !work->done)
                return err_set(err, -ENOMEM, "no memory for the cases of a job");
        order_cases_begin(&cursor, cases);
        while (n < work->entry.n_cases && order_cases_next(&cursor, &work->cases[n]))
                n++;
        return n == work->entry.n_cases ? 0 : err_set(err, WORK_NEVER, "its cases cannot be read");
}

static int cases_take(struct book *book, struct work *work, struct err *err)
{
        const struct order *order = &work->read.order;
        int r;

        if (!order->set[0])
                return cases_read(work, work->read.cases, err);
        r = sets_get(book->sets, order->set, &work->set, err);
        if (r > 0)
                return err_set(err, WORK_NEVER, "test set %s is not there any more", order->set);
        return r ? r : cases_read(work, set_cases(work->set), err);
}

/* The smallest number of those that failed gives the job its verdict. */
static void note_case(struct work *work, const struct outcome *outcome)
{
        bool passed = outcome_has_passed(outcome);

        work->entry.n_done++;
        work->entry.n_passed += passed;
        work->done[outcome->which] = true;
        if (outcome->stage.verdict != VERDICT_OK && outcome->which < work->failed_at) {
                work->failed_at = outcome->which;
                work->entry.verdict = outcome->stage.verdict;
        }
        if (!passed && work->read.order.stop == STOP_FIRST_FAILURE)
                work->stop_at = MIN(work->stop_at, outcome->which);
}

static bool take_up(void *arg, uint64_t number, struct view bytes)
{
        struct work *work = arg;
        struct outcome outcome;

        if (outcome_decode(bytes, &outcome) < 0)
                return true;
        if (outcome.which == OUTCOME_COMPILE)
                work->has_compile = true;
        else if (outcome.which < work->entry.n_cases && !work->done[outcome.which])
                note_case(work, &outcome);
        outcome_deinit(&outcome);
        return true;
}

static int work_read(struct book *book, struct work *work, struct err *err)
{
        int r;

        work->bytes = BYTES_INIT(ORDER_BYTES_MAX);
        r = book_order(book, work->entry.seq, &work->bytes, err);
        if (r != 0)
                return r < 0 ? r : err_set(err, WORK_NEVER, "what it was to run is not there");
        r = order_decode(bytes_view(&work->bytes), book->catalog, &work->read, err);
        if (r == ORDER_NO_RUNTIME)
                return WORK_NEVER;
        if (r < 0)
                return r == -ENOMEM ? r : err_set(err, WORK_NEVER, "what it was to run cannot be read");
        if (!work->read.has_job)
                return err_set(err, WORK_NEVER, "only an outside runner can run it");
        r = cases_take(book, work, err);
        if (r != 0)
                return r;
        work->entry.n_done = work->entry.n_passed = 0;
        return book->store_ops->outcomes(book->store, work->entry.seq, 0, take_up, work, err);
}

int work_new(struct book *book, struct works *works, const struct entry *entry, struct work **ret_work,
             struct err *err)
{
        struct work *work = calloc(1, sizeof(*work));
        int r;

        if (!work)
                return err_set(err, -ENOMEM, "no memory to run a job");
        work->works = works;
        work->entry = *entry;
        work->entry.verdict = VERDICT_OK;
        work->pack = -1;
        work->stop_at = work->failed_at = UINT32_MAX;
        LIST_INIT(&work->pieces);
        work->holder = shares_begin(book, entry->head.owner);
        r = work->holder ? work_read(book, work, err) : err_set(err, -ENOMEM, "no memory to run a job");
        if (r != 0)
                work_free(book, work);
        else
                *ret_work = work;
        return r;
}

void work_free(struct book *book, struct work *work)
{
        shares_end(work->holder);
        order_read_deinit(&work->read);
        bytes_deinit(&work->bytes);
        sets_put(book->sets, work->set);
        close_fd(&work->pack);
        free(work->cases);
        free(work->done);
        free(work);
}

static bool compiles(const struct work *work)
{
        return runtime_has_stage(work->read.job.runtime, STAGE_COMPILE);
}

/* The first case from `next` on that is to be run, or n_cases. */
static uint32_t next_case(const struct work *work)
{
        uint32_t i = work->next;

        while (i < work->entry.n_cases && work->done[i])
                i++;
        return i > work->stop_at ? work->entry.n_cases : i;
}

bool work_next(struct work *work, enum job_part *ret_part, uint32_t *ret_which)
{
        uint32_t limit = work->read.order.parallel, which = next_case(work);

        if (work->dead || work->compiling || which >= work->entry.n_cases ||
            (limit > 0 && work->n_pieces >= limit))
                return false;
        if (compiles(work) && work->entry.n_cases > 1 && work->pack < 0) {
                *ret_part = JOB_COMPILE;
                *ret_which = OUTCOME_COMPILE;
                work->compiling = true;
                return true;
        }
        *ret_part = work->pack >= 0 ? JOB_RUN : JOB_WHOLE;
        *ret_which = which;
        work->next = which + 1;
        return true;
}

bool work_is_over(const struct work *work)
{
        return work->n_pieces == 0 && next_case(work) >= work->entry.n_cases;
}

const struct job *work_job(struct work *work, enum job_part part, uint32_t which)
{
        struct job *job = &work->read.job;
        struct view input = part == JOB_COMPILE ? VIEW("") : work->cases[which].input;

        job->part = part;
        job->fresh = work->read.order.fresh;
        job->cold = work->read.order.cold;
        job->owner = job_owner(work->read.order.head.owner);
        job->share = work->holder->share;
        job->pack = work->pack;
        /* WHY no bytes_add(): it is only read, and lies in the order. */
        job->input = (struct bytes){ .p = (char *)(uintptr_t)input.p, .n = input.n };
        return job;
}

static void add_run(void *arg, struct view run)
{
        struct bytes *bytes = arg;

        if (bytes_add(bytes, run.p, run.n) < 0)
                bytes->cap = 0; /* told by what is missing: see below */
}

static int judge(struct work *work, struct outcome *outcome)
{
        CLEANUP(bytes_deinit) struct bytes copy = BYTES_INIT(GIB);
        const struct order_case *one = &work->cases[outcome->which];
        const struct output *output = &outcome->stage.output;
        struct view actual = bytes_view(&output->bytes);

        if (!one->judged || outcome->stage.verdict != VERDICT_OK)
                return 0;
        if (output->totals[STREAM_STDERR] > 0) {
                output_each(output, STREAM_STDOUT, add_run, &copy);
                if (copy.n != output->totals[STREAM_STDOUT])
                        return -ENOMEM;
                actual = bytes_view(&copy);
        }
        outcome->match = compare(&work->read.order.compare, one->expected, actual, &outcome->difference)
                                 ? MATCH_YES
                                 : MATCH_NO;
        return 0;
}

int work_judge(struct work *work, uint32_t which, const struct stage_result *stage,
               struct outcome *ret_outcome)
{
        struct outcome outcome = { .which = which, .stage = *stage };
        int r = judge(work, &outcome);

        if (r < 0)
                return r;
        note_case(work, &outcome);
        if (work->read.order.no_output && outcome.match == MATCH_YES)
                outcome.stage.output = (struct output){ 0 };
        *ret_outcome = outcome;
        return 0;
}

void work_compile_failed(struct work *work, enum verdict verdict)
{
        work->entry.verdict = verdict;
        work->next = work->entry.n_cases;
}

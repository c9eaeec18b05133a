#pragma once

/*
 * Work: one leased entry while our runner runs it: what of it is left to run, and what has come out.  Decides; the pieces
 * themselves are run and written down by ledger/works.c.
 */

#include "job/order.h"
#include "job/outcome.h"
#include "job/result.h"

#include <sys/queue.h>

struct book;
struct err;
struct holder;
struct piece;
struct set;
struct works;

/* One program, or compile and run of one, that is with the runner. */
struct piece {
        LIST_ENTRY(piece) link;
        struct work *work;
        uint32_t which; /* as in struct outcome */
        enum job_part part;
        uint64_t ticket;
        uint64_t until_ns; /* then the runner is not believed any more */
};

struct work {
        TAILQ_ENTRY(work) link;
        struct works *works;
        struct holder *holder; /* whose it is */
        struct entry entry;    /* as leased, with the counts as they will be when all is written */
        struct bytes bytes;    /* the order; what is read lies in it */
        struct order_read read;
        struct set *set;
        struct order_case *cases;
        bool *done;         /* by case */
        uint32_t next;      /* the first case that was not started */
        uint32_t stop_at;   /* none after this one is run */
        uint32_t failed_at; /* the first case that did not end ok; its verdict is the job's */
        bool has_compile;   /* its outcome is written, or it is not compiled apart */
        int pack;           /* what the cases run on, -1: the files */
        bool compiling;
        LIST_HEAD(, piece) pieces;
        uint32_t n_pieces;
        unsigned n_changes; /* not committed yet */
        bool dead;          /* freed when nothing is left of it */
};

enum { WORK_NEVER = 1 }; /* it cannot be run here: a sentence in the error */

/* Read everything there is about @entry.  0, the outcome above, or -errno. */
int work_new(struct book *book, struct works *works, const struct entry *entry, struct work **ret_work,
             struct err *err) MUST_USE;
void work_free(struct book *book, struct work *work);

/* What to run next: false when there is nothing now. */
bool work_next(struct work *work, enum job_part *ret_part, uint32_t *ret_which);

/* Nothing is running and nothing is left to run. */
bool work_is_over(const struct work *work);

/* The job of the next piece, with its input set; only until the next call. */
const struct job *work_job(struct work *work, enum job_part part, uint32_t which);

/* The outcome of a case from the stage it ran: judged and counted. */
int work_judge(struct work *work, uint32_t which, const struct stage_result *stage,
               struct outcome *ret_outcome) MUST_USE;

/* The compile stage failed: nothing else will be run. */
void work_compile_failed(struct work *work, enum verdict verdict);

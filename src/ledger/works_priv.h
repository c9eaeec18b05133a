#pragma once

/* Works, its two halves: works.c takes entries and starts their pieces, works_say.c writes down what came out. */

#include "ledger/work.h"
#include "ledger/works.h"

struct client;

struct works {
        struct book *book;
        struct client *client; /* NULL: no runner so far */
        bool connected;
        bool stopping;
        bool dispatching;
        TAILQ_HEAD(, work) list;
        size_t n;         /* works */
        size_t n_leasing; /* changes under way that will become works */
        size_t n_pieces;
        size_t n_slots;
        uint64_t shelf_until_ns; /* so long the packages are waited for: jobs may be theirs */
};

/* A piece is over, whatever came of it. */
void piece_drop(struct piece *piece);

/* Nothing of it is run any more.  The caller owns a reference (n_changes), or does not touch it again. */
void work_end(struct works *works, struct work *work);

/* After the last change of a work that has ended. */
void work_free_if_dead(struct works *works, struct work *work);

/* Write down what @result says about a piece of @work, and with the last of it that the work is done.  0 or -errno: nothing is written. */
int works_say(struct work *work, enum job_part part, uint32_t which, const struct result *result) MUST_USE;

/* Write down that a work is done whose outcomes are all there. */
int works_say_done(struct work *work) MUST_USE;

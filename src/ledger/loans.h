#pragma once

/* Loans: entries leased to outside runners, until they are finished or their time is over. */

#include "job/note.h"

struct book;
struct err;
struct loans;

enum { LOAN_AGAIN_MS = 60000 }; /* what is left of a lease that a ledger before us gave */

int loans_new(struct book *book, struct loans **ret_loans, struct err *err) MUST_USE;
void loans_free(struct loans *loans);

void loans_add(struct loans *loans, const struct entry *entry, uint64_t lease_ms);

/* The entry has ended, whoever ended it. */
void loans_end(struct loans *loans, uint64_t seq);
void loans_tick(struct loans *loans);

/* Lease the next of ask->lane and answer with it.  False: there is none now. */
bool loans_lease(struct loans *loans, uint64_t ticket, const struct note_ask *ask);
void loans_renew(struct loans *loans, uint64_t ticket, const struct note_ask *ask);
void loans_finish(struct loans *loans, uint64_t ticket, const struct note_ask *ask);

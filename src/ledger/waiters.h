#pragma once

/* Waiters: requests for what is not there yet: the end of a job, its next outcomes, the next end, a job to lease, the
 * next card. */

#include "ledger/book.h"

struct err;
struct waiters;

int waiters_new(struct book *book, struct waiters **ret_waiters, struct err *err) MUST_USE;
void waiters_free(struct waiters *waiters);

/* Answer at once, or when there is something, or after ask->wait_ms.  GET, WATCH, ENDED, LEASE,
 * CARD_LIST. */
void waiters_ask(struct waiters *waiters, enum note_kind kind, uint64_t ticket, const struct note_ask *ask);

/* Something of @entry has changed and is committed. */
void waiters_notify(struct waiters *waiters, const struct entry *entry);

void waiters_forget(struct waiters *waiters, uint64_t ticket);
void waiters_forget_all(struct waiters *waiters, enum book_peer peer);

/* Every second: jobs that waited for another attempt may be there to lease. */
void waiters_tick(struct waiters *waiters);

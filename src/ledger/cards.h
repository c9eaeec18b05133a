#pragma once

/* Cards: small documents of doors, kept by name in drawers. */

#include "job/note.h"

struct book;

void cards_put(struct book *book, uint64_t ticket, const struct note_ask *ask);
void cards_drop(struct book *book, uint64_t ticket, const struct note_ask *ask);
void cards_get(struct book *book, uint64_t ticket, const struct note_ask *ask);

/* READ_NOT_YET (ledger/read.h) for an empty list, unless @final. */
int cards_list(struct book *book, uint64_t ticket, const struct note_ask *ask, bool final) MUST_USE;

#pragma once

/* Read: answers made from the store alone. */

#include "job/note.h"

struct book;

enum { READ_NOT_YET = 1 }; /* there is nothing to tell, and it may come */

/*
 * Answer request @ticket, and tell *ret_seq which entry it is about (0: none).  With @final there is an answer whatever
 * there is, else READ_NOT_YET is possible.  Faults and unknown ids are answered too.
 */
int read_get(struct book *book, uint64_t ticket, const struct note_ask *ask, bool final,
             uint64_t *ret_seq) MUST_USE;
int read_watch(struct book *book, uint64_t ticket, const struct note_ask *ask, bool final,
               uint64_t *ret_seq) MUST_USE;
int read_ended(struct book *book, uint64_t ticket, const struct note_ask *ask, bool final) MUST_USE;
void read_list(struct book *book, uint64_t ticket, const struct note_ask *ask);

#pragma once

/* Desk, its two halves: desk.c keeps the connection and what waits for an answer, desk_ask.c knows what can be asked. */

#include "job/desk.h"
#include "job/note.h"

/* Send a request and keep it until it is answered.  0 and its ticket, or -errno with text and no callback. */
int desk_ask(struct desk *desk, enum note_kind kind, const struct note_ask *what, desk_fn fn, void *arg,
             uint64_t *ret_ticket, struct err *err) MUST_USE;

#pragma once

/* Works: the entries our own runner runs, and how much of it at once. */

#include "util/base.h"

struct book;
struct err;
struct works;

int works_new(struct book *book, size_t n_slots, struct works **ret_works, struct err *err) MUST_USE;
void works_free(struct works *works);

/* A connection to the runner, the first or a new one; @fd is taken over. */
int works_runner_take(struct works *works, int fd, struct err *err) MUST_USE;

/* Start what can be started. */
void works_dispatch(struct works *works);

/* The entry has ended, or is not ours any more: forget what runs of it. */
void works_abort(struct works *works, uint64_t seq);

/* Give everything back to the queue; nothing is started any more. */
void works_return_all(struct works *works);

void works_tick(struct works *works);

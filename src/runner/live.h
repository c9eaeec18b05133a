#pragma once

/*
 * Live: what a task that streams says while it runs, and what it hears.
 *
 * It speaks in frames (job/wire.h) through task->tell.  A task that does not stream has no such function, and one whose
 * client has gone has none any more: then nothing is said.
 */

#include "job/wire.h"
#include "util/bytes.h"

struct pump_order;
struct task;

/* Make the task stream. */
void live_init(struct task *task, void (*tell)(void *arg, const struct wire_frame *frame), void *arg);

/* Have the stage about to start stream. */
void live_order(struct task *task, struct pump_order *order);

/* Its stage has started; it has ended with a verdict about the program. */
void live_begin(struct task *task);
void live_end(struct task *task);

/* A compile stage that was answered from the cache: its output and its end, as if it had run.  False: there is more of
 * it than the client takes at once. */
bool live_replay(struct task *task) MUST_USE;

/* Has the client seen of this stage what a second attempt would contradict? */
bool live_has_spoken(const struct task *task);

/* More stdin, and whether it was the last; bytes of output that the client has taken.  0, or -EBADMSG: more than
 * a front may send. */
int live_input(struct task *task, struct view bytes, bool last) MUST_USE;
int live_taken(struct task *task, uint64_t n) MUST_USE;

#pragma once

/*
 * Turns: tasks that wait for a slot, in the order in which they are to be tried.  What goes on or is tried once more comes
 * first; then the owners take turns, each as many in a row as its share says, and those of one owner go by arrival.
 */

#include "util/base.h"

#include <sys/queue.h>

struct task;
struct turn;

enum { TURNS_BUCKETS = 256, TURNS_SHARE_MAX = 100 };

TAILQ_HEAD(turn_tasks, task);

struct turns {
        struct turn_tasks first;
        TAILQ_HEAD(, turn) rotation;
        LIST_HEAD(, turn) buckets[TURNS_BUCKETS];
};

void turns_init(struct turns *turns);

/* How many of @owner wait. */
size_t turns_count(const struct turns *turns, uint64_t owner);

void turns_add(struct turns *turns, struct task *task, bool first);

/* @started: it got a slot, and its owner has had a turn. */
void turns_remove(struct turns *turns, struct task *task, bool started);

/* The one to be tried first, and after that; NULL at the end.  Nothing may come or go in between. */
struct task *turns_first(const struct turns *turns);
struct task *turns_next(const struct turns *turns, const struct task *task);

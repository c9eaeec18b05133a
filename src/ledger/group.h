#pragma once

/*
 * Group: changes of the store, gathered while there is something to read and committed together: one wait for the disk
 * for all who came meanwhile.
 *
 * A change is applied inside a transaction, and told afterwards what became of it.  It may be applied several times (a
 * group that failed is rolled back), so apply() changes the store and its own result only; everything else
 * belongs into done().
 */

#include "job/store.h"

#include <sys/queue.h>

struct event_base;
struct group;

struct change {
        TAILQ_ENTRY(change) link;
        /* 0 or an outcome of its own (> 0); -errno with text is a fault of the store, and fails the group; -EUCLEAN (what
         * it needs is damaged) fails only this one. */
        int (*apply)(struct change *change, struct err *err);
        /* @r as apply() returned it, or -errno when nothing was written.  Frees the change; may add others. */
        void (*done)(struct change *change, int r, const char *text);
        bool vital; /* not given up when the store cannot be written: it is tried until it can */
};

int group_new(struct event_base *base, const struct store_ops *ops, struct store *store,
              struct group **ret_group, struct err *err) MUST_USE;

/* What is not committed yet is given up: done() gets -ECANCELED. */
void group_free(struct group *group);

/* Committed from the loop, soon. */
void group_add(struct group *group, struct change *change);

/* Commit what there is, now. */
void group_flush(struct group *group);

/* Did the last commit fail? */
bool group_is_broken(const struct group *group);

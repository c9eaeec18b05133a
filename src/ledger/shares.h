#pragma once

/*
 * Shares: what the file of keys says of the durable jobs of its owners.  The queue is told, and what runs at once of each owner
 * is counted here, so that those who have many jobs at work leave their share to those who have one.
 */

#include "config/keys.h"

#include <sys/queue.h>

struct book;

/* An owner while works of it run. */
struct holder {
        LIST_ENTRY(holder) link;
        uint32_t share;
        uint32_t n_works;
        uint64_t n_pieces;
        char name[];
};

struct shares {
        struct keys keys; /* those the queue knows */
        LIST_HEAD(, holder) holders;
};

void shares_deinit(struct shares *shares);

/* From an open file, which is taken over.  0, or -errno with a word in the log: all stays as it was. */
int shares_load_take(struct book *book, int fd);

/* A work of @owner begins: NULL when there is no memory.  And ends; @holder may be NULL. */
struct holder *shares_begin(struct book *book, const char *owner) MUST_USE;
void shares_end(struct holder *holder);

/* Has @a less than its share, beside @b? */
static inline bool share_is_due(const struct holder *a, const struct holder *b)
{
        return a->n_pieces * b->share < b->n_pieces * a->share;
}

/*
 * Theory of operation: the rows of last time lose what they had in the queue, then those of now get theirs; what is out is
 * counted by the queue all along.  A holder is as long as a work of its owner: there are never more than works, which are few.
 */
#include "ledger/shares.h"
#include "config/config.h"
#include "ledger/book.h"
#include "ledger/works.h"
#include "util/err.h"
#include "util/log.h"

void shares_deinit(struct shares *shares)
{
        keys_deinit(&shares->keys);
}

static void tune(struct book *book, const char *name, uint64_t share, uint64_t most)
{
        struct queue_share what = { (uint32_t)share, most };

        if (book->queue_ops->tune(book->queue, name, &what) < 0)
                log_error("no memory for the share of %s", name);
}

static uint32_t share_of(const struct shares *shares, const char *name)
{
        const struct key *key = keys_find(&shares->keys, name);

        return key ? (uint32_t)key->share : 1;
}

int shares_load_take(struct book *book, int fd)
{
        struct shares *shares = &book->shares;
        struct err err = { "" };
        struct holder *holder;
        struct keys keys;
        int r = keys_read(&keys, fd, book->config->keys_file, &err);

        close(fd);
        if (r < 0) {
                log_error("the shares stay as they were: %s", err.text);
                return r;
        }
        for (size_t i = 0; i < shares->keys.n; i++)
                tune(book, shares->keys.p[i].name, 1, 0);
        keys_deinit(&shares->keys);
        shares->keys = keys;
        for (size_t i = 0; i < keys.n; i++)
                tune(book, keys.p[i].name, keys.p[i].share, keys.p[i].concurrency);
        LIST_FOREACH(holder, &shares->holders, link)
        holder->share = share_of(shares, holder->name);
        works_dispatch(book->works);
        return 0;
}

struct holder *shares_begin(struct book *book, const char *owner)
{
        size_t n = strlen(owner) + 1;
        struct holder *holder;

        LIST_FOREACH(holder, &book->shares.holders, link)
        if (streq(holder->name, owner))
                break;
        if (!holder) {
                holder = calloc(1, sizeof(*holder) + n);
                if (!holder)
                        return NULL;
                memcpy(holder->name, owner, n);
                holder->share = share_of(&book->shares, owner);
                LIST_INSERT_HEAD(&book->shares.holders, holder, link);
        }
        holder->n_works++;
        return holder;
}

void shares_end(struct holder *holder)
{
        if (!holder || --holder->n_works > 0)
                return;
        LIST_REMOVE(holder, link);
        free(holder);
}

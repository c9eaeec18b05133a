/* Theory of operation: the rows of last time lose what they had, then those of now get theirs; what is out is counted by the
 * queue all along. */
#include "ledger/shares.h"
#include "config/config.h"
#include "ledger/book.h"
#include "ledger/works.h"
#include "util/err.h"
#include "util/log.h"

static void tune(struct book *book, const char *name, uint64_t share, uint64_t most)
{
        struct queue_share what = { (uint32_t)share, most };

        if (book->queue_ops->tune(book->queue, name, &what) < 0)
                log_error("no memory for the share of %s", name);
}

int shares_load_take(struct book *book, struct keys *known, int fd)
{
        struct err err = { "" };
        struct keys keys;
        int r = keys_read(&keys, fd, book->config->keys_file, &err);

        close(fd);
        if (r < 0) {
                log_error("the shares stay as they were: %s", err.text);
                return r;
        }
        for (size_t i = 0; i < known->n; i++)
                tune(book, known->p[i].name, 1, 0);
        keys_deinit(known);
        *known = keys;
        for (size_t i = 0; i < keys.n; i++)
                tune(book, keys.p[i].name, keys.p[i].share, keys.p[i].concurrency);
        works_dispatch(book->works);
        return 0;
}

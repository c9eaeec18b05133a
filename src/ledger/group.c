/*
 * Theory of operation: the event that commits has the lowest priority of the loop, so it runs when nothing is left to
 * read; GROUP_MOST changes do not wait for that.  While the commit waits for the disk the next group gathers in the sockets.
 *
 * When the store fails, changes that clients wait for are told so, and vital ones (results) are kept and tried again.
 * A damaged page or row is no such failure: whoever needs it fails, and the others go on without.
 */
#include "ledger/group.h"
#include "util/err.h"
#include "util/log.h"

#include <event2/event.h>

enum { GROUP_MOST = 512, AGAIN_SECONDS = 1, LOWEST_PRIORITY = 2 };

TAILQ_HEAD(change_list, change);

struct group {
        const struct store_ops *ops;
        struct store *store;
        struct event *due;    /* when nothing is left to read */
        struct event *urgent; /* when there is much to write */
        struct event *again;
        struct change_list changes;
        size_t n;
        bool broken;
        bool flushing;
};

static void on_due(evutil_socket_t fd, short what, void *arg)
{
        group_flush(arg);
}

int group_new(struct event_base *base, const struct store_ops *ops, struct store *store,
              struct group **ret_group, struct err *err)
{
        struct group *group = calloc(1, sizeof(*group));

        if (!group)
                return err_set(err, -ENOMEM, "ledger: out of memory");
        group->ops = ops;
        group->store = store;
        TAILQ_INIT(&group->changes);
        group->due = event_new(base, -1, 0, on_due, group);
        group->urgent = event_new(base, -1, 0, on_due, group);
        group->again = event_new(base, -1, 0, on_due, group);
        if (!group->due || !group->urgent || !group->again ||
            event_priority_set(group->due, LOWEST_PRIORITY) < 0) {
                group_free(group);
                return err_set(err, -ENOMEM, "ledger: out of memory");
        }
        *ret_group = group;
        return 0;
}

/* Each outcome is noted in place of the list's link until all are known. */
struct verdicts {
        int r[GROUP_MOST];
        size_t n; /* applied; the one after was not, where that is why it failed */
};

static int apply_all(struct group *group, size_t n, struct verdicts *verdicts, struct err *err)
{
        struct change *change = TAILQ_FIRST(&group->changes);
        int r = group->ops->begin(group->store, err);

        verdicts->n = 0;
        while (verdicts->n < n && r >= 0) {
                r = change->apply(change, err);
                verdicts->r[verdicts->n] = r;
                verdicts->n += r >= 0;
                change = TAILQ_NEXT(change, link);
        }
        r = r < 0 ? r : group->ops->commit(group->store, err);
        if (r < 0)
                group->ops->rollback(group->store);
        return r;
}

static void tell(struct group *group, struct change *change, int r, const char *text)
{
        TAILQ_REMOVE(&group->changes, change, link);
        group->n--;
        change->done(change, r, text);
}

static void fail_all(struct group *group, size_t n, int r, const char *text)
{
        struct change *change = TAILQ_FIRST(&group->changes), *next;
        struct timeval again = { .tv_sec = AGAIN_SECONDS };

        if (!group->broken)
                log_error("nothing can be written down: %s", text);
        group->broken = true;
        for (size_t i = 0; i < n; i++, change = next) {
                next = TAILQ_NEXT(change, link);
                if (!change->vital)
                        tell(group, change, r, text);
        }
        if (group->n > 0)
                evtimer_add(group->again, &again);
}

/* The change at place @at needs what is damaged. */
static void fail_one(struct group *group, size_t at, const char *text)
{
        struct change *change = TAILQ_FIRST(&group->changes);

        while (at-- > 0)
                change = TAILQ_NEXT(change, link);
        log_error("%s", text);
        tell(group, change, -EUCLEAN, text);
}

static void flush_some(struct group *group)
{
        size_t n = MIN(group->n, (size_t)GROUP_MOST);
        struct verdicts verdicts;
        struct err err = { "" };
        int r = apply_all(group, n, &verdicts, &err);

        if (r == -EUCLEAN && verdicts.n < n) {
                fail_one(group, verdicts.n, err.text);
                return;
        }
        if (r < 0) {
                fail_all(group, n, r, err.text);
                return;
        }
        if (group->broken)
                log_info("the store can be written again");
        group->broken = false;
        for (size_t i = 0; i < n; i++)
                tell(group, TAILQ_FIRST(&group->changes), verdicts.r[i], "");
}

void group_flush(struct group *group)
{
        if (group->flushing)
                return;
        group->flushing = true;
        event_del(group->due);
        event_del(group->urgent);
        evtimer_del(group->again);
        while (group->n > 0) {
                flush_some(group);
                if (group->broken)
                        break;
        }
        group->flushing = false;
}

void group_add(struct group *group, struct change *change)
{
        TAILQ_INSERT_TAIL(&group->changes, change, link);
        group->n++;
        if (!group->flushing)
                event_active(group->n >= GROUP_MOST ? group->urgent : group->due, EV_TIMEOUT, 0);
}

void group_free(struct group *group)
{
        struct change *change;

        if (!group)
                return;
        group->flushing = true;
        while ((change = TAILQ_FIRST(&group->changes)))
                tell(group, change, -ECANCELED, "the ledger is stopping");
        for (size_t i = 0; i < 3; i++) {
                struct event *event = i == 0 ? group->due : i == 1 ? group->urgent : group->again;

                if (event)
                        event_free(event);
        }
        free(group);
}

bool group_is_broken(const struct group *group)
{
        return group->broken;
}

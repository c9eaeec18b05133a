/*
 * Theory of operation
 *
 *   put ──► delayed ──time──► line of its owner (for our runner)     ──take──►
 *      └──────────────────►   line of its lane (for outside runners) ──take──►
 *
 * A line is a first-in first-out list of one owner, or one lane, at one priority.  The lines of owners stand in a
 * rotation per priority: each gives as many takes in a row as its owner's share says, then the next one does.  An item stands in
 * one line or in both; whoever takes it takes it out of everything, but what our runner took is still found by its number
 * and counts against its owner until it is put in again or dropped.
 *
 * Expiry is a walk over all items that goes on where it stopped, and starts only when the earliest time known has
 * come.
 */
#include "job/queue.h"
#include "backend/backend.h"
#include "util/err.h"

#include <sys/queue.h>

enum { BUCKETS = 16384, LINE_BUCKETS = 256 };

enum line_kind { LINE_OWNER, LINE_LANE, LINE_KINDS };

struct item;
struct line;

/* Kept while it has lines, items that are out, or a share of its own. */
struct owner {
        LIST_ENTRY(owner) by_name;
        struct queue_share share;
        size_t n_out;
        size_t n_lines;
        char name[];
};

struct place {
        TAILQ_ENTRY(place) link;
        struct line *line; /* NULL: not in a line of this kind */
        struct item *item;
};

struct line {
        LIST_ENTRY(line) by_name;
        TAILQ_ENTRY(line) rotation; /* owners only */
        TAILQ_HEAD(, place) places;
        enum line_kind kind;
        enum priority priority;
        struct owner *owner; /* NULL: a lane's */
        uint32_t given;      /* takes of this round */
        size_t n;
        char name[];
};

struct item {
        LIST_ENTRY(item) by_seq;
        TAILQ_ENTRY(item) link;    /* in `all` */
        TAILQ_ENTRY(item) waiting; /* in `delayed` */
        uint64_t seq;
        uint64_t not_before_ns; /* 0: stands in its lines */
        uint64_t expires_ns;
        struct owner *out; /* who has it out; NULL: it waits */
        struct place places[LINE_KINDS];
};

TAILQ_HEAD(item_list, item);
TAILQ_HEAD(rotation, line);
LIST_HEAD(item_bucket, item);
LIST_HEAD(line_bucket, line);
LIST_HEAD(owner_bucket, owner);

struct queue {
        struct queue_limits limits;
        size_t count;
        struct item_list all, delayed; /* delayed: soonest first */
        struct rotation rotations[PRIORITY_COUNT];
        struct item *scan;   /* where the walk for expired items goes on */
        uint64_t scan_ns;    /* the earliest time this walk has seen */
        uint64_t expires_ns; /* nothing expires before */
        struct item_bucket items[BUCKETS];
        struct line_bucket lines[LINE_BUCKETS];
        struct owner_bucket owners[LINE_BUCKETS];
};

static struct item *find(struct queue *queue, uint64_t seq)
{
        struct item *item;

        LIST_FOREACH(item, &queue->items[seq % BUCKETS], by_seq)
        if (item->seq == seq)
                return item;
        return NULL;
}

static size_t bucket_of(enum line_kind kind, enum priority priority, const char *name)
{
        uint64_t hash = 14695981039346656037u + (uint64_t)kind * 31 + (uint64_t)priority * 7;

        for (; *name; name++)
                hash = (hash ^ (unsigned char)*name) * 1099511628211u;
        return hash % LINE_BUCKETS;
}

static struct owner *owner_get(struct queue *queue, const char *name)
{
        struct owner_bucket *bucket = &queue->owners[bucket_of(LINE_OWNER, 0, name)];
        size_t n = strlen(name) + 1;
        struct owner *owner;

        LIST_FOREACH(owner, bucket, by_name)
        if (streq(owner->name, name))
                return owner;
        owner = calloc(1, sizeof(*owner) + n);
        if (!owner)
                return NULL;
        memcpy(owner->name, name, n);
        owner->share.share = 1;
        LIST_INSERT_HEAD(bucket, owner, by_name);
        return owner;
}

static void owner_drop_if_idle(struct owner *owner)
{
        if (owner->n_out > 0 || owner->n_lines > 0 || owner->share.share != 1 || owner->share.most != 0)
                return;
        LIST_REMOVE(owner, by_name);
        free(owner);
}

static bool owner_is_held(const struct owner *owner)
{
        return owner->share.most > 0 && owner->n_out >= owner->share.most;
}

static int local_tune(struct queue *queue, const char *name, const struct queue_share *share)
{
        struct owner *owner = owner_get(queue, name);

        if (!owner)
                return -ENOMEM;
        owner->share = (struct queue_share){ MAX(share->share, 1u), share->most };
        owner_drop_if_idle(owner);
        return 0;
}

static struct line *line_find(struct queue *queue, enum line_kind kind, enum priority priority,
                              const char *name)
{
        struct line *line;

        LIST_FOREACH(line, &queue->lines[bucket_of(kind, priority, name)], by_name)
        if (line->kind == kind && line->priority == priority && streq(line->name, name))
                return line;
        return NULL;
}

static struct line *line_get(struct queue *queue, enum line_kind kind, enum priority priority,
                             const char *name)
{
        struct line *line = line_find(queue, kind, priority, name);
        struct owner *owner = NULL;
        size_t n = strlen(name) + 1;

        if (line)
                return line;
        if (kind == LINE_OWNER && !(owner = owner_get(queue, name)))
                return NULL;
        line = calloc(1, sizeof(*line) + n);
        if (!line && owner)
                owner_drop_if_idle(owner);
        if (!line)
                return NULL;
        line->owner = owner;
        if (owner)
                owner->n_lines++;
        memcpy(line->name, name, n);
        line->kind = kind;
        line->priority = priority;
        TAILQ_INIT(&line->places);
        LIST_INSERT_HEAD(&queue->lines[bucket_of(kind, priority, name)], line, by_name);
        if (kind == LINE_OWNER)
                TAILQ_INSERT_TAIL(&queue->rotations[priority], line, rotation);
        return line;
}

static void line_drop_if_empty(struct queue *queue, struct line *line)
{
        if (line->n > 0)
                return;
        LIST_REMOVE(line, by_name);
        if (line->kind == LINE_OWNER)
                TAILQ_REMOVE(&queue->rotations[line->priority], line, rotation);
        if (line->owner) {
                line->owner->n_lines--;
                owner_drop_if_idle(line->owner);
        }
        free(line);
}

/* While delayed an item counts in its lines but does not stand in them. */
static void stand(struct item *item, bool first)
{
        for (int i = 0; i < LINE_KINDS; i++) {
                struct place *place = &item->places[i];

                if (!place->line)
                        continue;
                if (first)
                        TAILQ_INSERT_HEAD(&place->line->places, place, link);
                else
                        TAILQ_INSERT_TAIL(&place->line->places, place, link);
        }
}

static void leave_lines(struct queue *queue, struct item *item)
{
        for (int i = 0; i < LINE_KINDS; i++) {
                struct place *place = &item->places[i];

                if (!place->line)
                        continue;
                if (item->not_before_ns == 0)
                        TAILQ_REMOVE(&place->line->places, place, link);
                place->line->n--;
                line_drop_if_empty(queue, TAKE_PTR(place->line));
        }
}

/* It waits no more, but is still found by its number. */
static void unlist(struct queue *queue, struct item *item)
{
        if (queue->scan == item)
                queue->scan = TAILQ_NEXT(item, link);
        leave_lines(queue, item);
        if (item->not_before_ns != 0)
                TAILQ_REMOVE(&queue->delayed, item, waiting);
        TAILQ_REMOVE(&queue->all, item, link);
        queue->count--;
}

static void remove_item(struct queue *queue, struct item *item)
{
        if (item->out) {
                item->out->n_out--;
                owner_drop_if_idle(item->out);
        } else {
                unlist(queue, item);
        }
        LIST_REMOVE(item, by_seq);
        free(item);
}

/* Our runner has it: it counts against its owner. */
static void hand_out(struct queue *queue, struct item *item)
{
        struct owner *owner = item->places[LINE_OWNER].line->owner;

        owner->n_out++; /* first, or it would go with its last line */
        unlist(queue, item);
        item->out = owner;
}

static int local_open(const struct queue_limits *limits, struct queue **ret_queue, struct err *err)
{
        struct queue *queue = calloc(1, sizeof(*queue));

        if (!queue)
                return err_set(err, -ENOMEM, "no memory for the queue");
        queue->limits = *limits;
        queue->expires_ns = UINT64_MAX;
        TAILQ_INIT(&queue->all);
        TAILQ_INIT(&queue->delayed);
        for (int i = 0; i < PRIORITY_COUNT; i++)
                TAILQ_INIT(&queue->rotations[i]);
        *ret_queue = queue;
        return 0;
}

static void local_close(struct queue *queue)
{
        struct owner *owner;
        struct item *item;

        if (!queue)
                return;
        for (size_t i = 0; i < BUCKETS; i++)
                while ((item = LIST_FIRST(&queue->items[i])))
                        remove_item(queue, item);
        for (size_t i = 0; i < LINE_BUCKETS; i++)
                while ((owner = LIST_FIRST(&queue->owners[i]))) {
                        LIST_REMOVE(owner, by_name);
                        free(owner);
                }
        free(queue);
}

/* How many wait in the lines of this name. */
static size_t standing_in(struct queue *queue, enum line_kind kind, const char *name)
{
        size_t n = 0;

        for (int i = 0; i < PRIORITY_COUNT; i++) {
                const struct line *line = line_find(queue, kind, (enum priority)i, name);

                n += line ? line->n : 0;
        }
        return n;
}

static int local_room(struct queue *queue, const struct queue_item *item, size_t n)
{
        size_t left = queue->limits.most - MIN(queue->limits.most, queue->count), standing;

        if (n > left)
                return QUEUE_FULL;
        if (item->local && item->owner[0]) {
                standing = standing_in(queue, LINE_OWNER, item->owner);
                return standing + n > QUEUE_GREED * (left - n) ? QUEUE_FULL : 0;
        }
        if (item->local || !item->lane[0])
                return 0;
        standing = standing_in(queue, LINE_LANE, item->lane);
        return standing + n > queue->limits.lane_most ? QUEUE_FULL : 0;
}

static int enter_line(struct queue *queue, struct item *item, enum line_kind kind, enum priority priority,
                      const char *name)
{
        struct line *line = line_get(queue, kind, priority, name);

        if (!line)
                return -ENOMEM;
        item->places[kind].line = line;
        line->n++;
        return 0;
}

static void delay(struct queue *queue, struct item *item)
{
        struct item *after;

        TAILQ_FOREACH_REVERSE(after, &queue->delayed, item_list, waiting)
        if (after->not_before_ns <= item->not_before_ns)
                break;
        if (after)
                TAILQ_INSERT_AFTER(&queue->delayed, after, item, waiting);
        else
                TAILQ_INSERT_HEAD(&queue->delayed, item, waiting);
}

static void note_expiry(struct queue *queue, uint64_t expires_ns)
{
        if (expires_ns == 0)
                return;
        queue->expires_ns = MIN(queue->expires_ns, expires_ns);
        queue->scan_ns = MIN(queue->scan_ns, expires_ns);
}

static int local_put(struct queue *queue, const struct queue_item *what)
{
        struct item *item = find(queue, what->seq);
        int r = 0;

        if (item && !item->out)
                return 0;
        if (item)
                remove_item(queue, item);
        item = calloc(1, sizeof(*item));
        if (!item)
                return -ENOMEM;
        item->seq = what->seq;
        item->expires_ns = what->expires_ns;
        for (int i = 0; i < LINE_KINDS; i++)
                item->places[i].item = item;
        TAILQ_INSERT_TAIL(&queue->all, item, link);
        LIST_INSERT_HEAD(&queue->items[what->seq % BUCKETS], item, by_seq);
        queue->count++;
        item->not_before_ns = what->not_before_ns;
        if (item->not_before_ns != 0)
                delay(queue, item);
        if (what->local)
                r = enter_line(queue, item, LINE_OWNER, what->priority, what->owner);
        if (r == 0 && what->lane[0])
                r = enter_line(queue, item, LINE_LANE, what->priority, what->lane);
        if (item->not_before_ns == 0)
                stand(item, false);
        if (r < 0)
                remove_item(queue, item);
        else
                note_expiry(queue, item->expires_ns);
        return r;
}

static void wake(struct queue *queue, uint64_t now_ns)
{
        struct item *item;

        while ((item = TAILQ_FIRST(&queue->delayed)) && item->not_before_ns <= now_ns) {
                TAILQ_REMOVE(&queue->delayed, item, waiting);
                item->not_before_ns = 0;
                stand(item, true);
        }
}

/* The first who stands in a line of the rotation; a line that has given its share goes to the end. */
static struct place *next_of_rotation(struct rotation *rotation, bool idle)
{
        struct line *line;

        TAILQ_FOREACH(line, rotation, rotation)
        {
                if (TAILQ_EMPTY(&line->places) || owner_is_held(line->owner) ||
                    (idle && line->owner->n_out > 0))
                        continue;
                if (++line->given >= line->owner->share.share) {
                        line->given = 0;
                        TAILQ_REMOVE(rotation, line, rotation);
                        TAILQ_INSERT_TAIL(rotation, line, rotation);
                }
                return TAILQ_FIRST(&line->places);
        }
        return NULL;
}

static struct place *next_of_lane(struct queue *queue, enum priority priority, const char *lane)
{
        struct line *line = line_find(queue, LINE_LANE, priority, lane);

        return line ? TAILQ_FIRST(&line->places) : NULL;
}

static int take(struct queue *queue, const char *lane, bool idle, enum priority worst, uint64_t now_ns,
                uint64_t *ret_seq)
{
        wake(queue, now_ns);
        for (int i = 0; i <= (int)worst; i++) {
                struct place *place = lane ? next_of_lane(queue, (enum priority)i, lane)
                                           : next_of_rotation(&queue->rotations[i], idle);

                if (!place)
                        continue;
                *ret_seq = place->item->seq;
                if (lane)
                        remove_item(queue, place->item);
                else
                        hand_out(queue, place->item);
                return 0;
        }
        return QUEUE_EMPTY;
}

static int local_take(struct queue *queue, const char *lane, enum priority worst, uint64_t now_ns,
                      uint64_t *ret_seq)
{
        return take(queue, lane, false, worst, now_ns, ret_seq);
}

static int local_take_idle(struct queue *queue, enum priority worst, uint64_t now_ns, uint64_t *ret_seq)
{
        return take(queue, NULL, true, worst, now_ns, ret_seq);
}

static void local_drop(struct queue *queue, uint64_t seq)
{
        struct item *item = find(queue, seq);

        if (item)
                remove_item(queue, item);
}

static int local_expired(struct queue *queue, uint64_t now_ns, uint64_t *ret_seq)
{
        if (!queue->scan && now_ns < queue->expires_ns)
                return QUEUE_EMPTY;
        if (!queue->scan) {
                queue->scan = TAILQ_FIRST(&queue->all);
                queue->scan_ns = UINT64_MAX;
        }
        while (queue->scan) {
                struct item *item = queue->scan;

                queue->scan = TAILQ_NEXT(item, link);
                if (item->expires_ns != 0 && item->expires_ns <= now_ns) {
                        *ret_seq = item->seq;
                        remove_item(queue, item);
                        return 0;
                }
                if (item->expires_ns != 0)
                        queue->scan_ns = MIN(queue->scan_ns, item->expires_ns);
        }
        queue->expires_ns = queue->scan_ns;
        return QUEUE_EMPTY;
}

static uint64_t local_wake_ns(struct queue *queue)
{
        const struct item *item = TAILQ_FIRST(&queue->delayed);

        return item ? item->not_before_ns : UINT64_MAX;
}

static size_t local_count(struct queue *queue)
{
        return queue->count;
}

const struct queue_ops queue_local = {
        .name = "local",
        .open = local_open,
        .close = local_close,
        .room = local_room,
        .tune = local_tune,
        .put = local_put,
        .take = local_take,
        .take_idle = local_take_idle,
        .drop = local_drop,
        .expired = local_expired,
        .wake_ns = local_wake_ns,
        .count = local_count,
};

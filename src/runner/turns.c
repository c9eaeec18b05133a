/*
 * Theory of operation: a line for each owner that waits, in a rotation.  A line is gone with its last task, so who comes back
 * stands behind those who have waited; nobody waits for more than one round of the others' shares.
 */
#include "runner/turns.h"
#include "runner/task.h"

struct turn {
        TAILQ_ENTRY(turn) link;
        LIST_ENTRY(turn) by_owner;
        struct turn_tasks tasks;
        uint64_t owner;
        uint32_t share;
        uint32_t given; /* of this round */
        size_t n;
};

void turns_init(struct turns *turns)
{
        TAILQ_INIT(&turns->first);
        TAILQ_INIT(&turns->rotation);
}

static struct turn *find(const struct turns *turns, uint64_t owner)
{
        struct turn *turn;

        LIST_FOREACH(turn, &turns->buckets[owner % TURNS_BUCKETS], by_owner)
        if (turn->owner == owner)
                return turn;
        return NULL;
}

size_t turns_count(const struct turns *turns, uint64_t owner)
{
        const struct turn *turn = find(turns, owner);

        return turn ? turn->n : 0;
}

static struct turn *turn_get(struct turns *turns, uint64_t owner)
{
        struct turn *turn = find(turns, owner);

        if (turn)
                return turn;
        turn = calloc(1, sizeof(*turn));
        if (!turn)
                return NULL;
        turn->owner = owner;
        TAILQ_INIT(&turn->tasks);
        LIST_INSERT_HEAD(&turns->buckets[owner % TURNS_BUCKETS], turn, by_owner);
        TAILQ_INSERT_TAIL(&turns->rotation, turn, link);
        return turn;
}

/* WHY first where there is no memory for a line: a task that waits has to be found. */
void turns_add(struct turns *turns, struct task *task, bool first)
{
        task->turn = first ? NULL : turn_get(turns, task->owner);
        if (!task->turn) {
                if (first)
                        TAILQ_INSERT_HEAD(&turns->first, task, place);
                else
                        TAILQ_INSERT_TAIL(&turns->first, task, place);
                return;
        }
        task->turn->share = MAX(task->share, 1u);
        task->turn->n++;
        TAILQ_INSERT_TAIL(&task->turn->tasks, task, place);
}

void turns_remove(struct turns *turns, struct task *task, bool started)
{
        struct turn *turn = TAKE_PTR(task->turn);

        if (!turn) {
                TAILQ_REMOVE(&turns->first, task, place);
                return;
        }
        turn->n--;
        TAILQ_REMOVE(&turn->tasks, task, place);
        if (TAILQ_EMPTY(&turn->tasks)) {
                TAILQ_REMOVE(&turns->rotation, turn, link);
                LIST_REMOVE(turn, by_owner);
                free(turn);
        } else if (started && ++turn->given >= turn->share) {
                turn->given = 0;
                TAILQ_REMOVE(&turns->rotation, turn, link);
                TAILQ_INSERT_TAIL(&turns->rotation, turn, link);
        }
}

static struct task *head_of(struct turn *turn)
{
        return turn ? TAILQ_FIRST(&turn->tasks) : NULL;
}

struct task *turns_first(const struct turns *turns)
{
        struct task *task = TAILQ_FIRST(&turns->first);

        return task ? task : head_of(TAILQ_FIRST(&turns->rotation));
}

struct task *turns_next(const struct turns *turns, const struct task *task)
{
        struct task *next = TAILQ_NEXT(task, place);

        if (next)
                return next;
        return head_of(task->turn ? TAILQ_NEXT(task->turn, link) : TAILQ_FIRST(&turns->rotation));
}

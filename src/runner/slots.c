/*
 *           END_READY             slots_take, box_run
 *   busy ──────────────► ready ──────────────────────► busy, with a task ──report──► busy
 *    any state ──hang-up, nonsense──► no keeper ──slots_set_take──► busy
 *
 * A report that names another stage than the one running here is an echo of an earlier order: it is dropped.
 */
#include "runner/slots.h"
#include "util/log.h"

#include <event2/event.h>

static void ready_set(struct slot *slot, bool ready)
{
        if (slot->ready == ready)
                return;
        slot->ready = ready;
        if (ready)
                TAILQ_INSERT_TAIL(&slot->slots->ready, slot, link);
        else
                TAILQ_REMOVE(&slot->slots->ready, slot, link);
}

void slot_drop(struct slot *slot)
{
        struct task *task = TAKE_PTR(slot->task);

        if (slot->fd < 0)
                return;
        ready_set(slot, false);
        event_free(slot->event);
        slot->event = NULL;
        close_fd(&slot->fd);
        slot->slots->n_live--;
        slot->slots->fns->on_gone(slot->slots->arg, slot, task);
}

static void report_take(struct slot *slot, const struct box_report *report)
{
        struct slots *slots = slot->slots;

        if (report->end == END_READY && slot->stale && !slot->task) {
                slot_drop(slot);
        } else if (report->end == END_READY) {
                if (slot->task) {
                        log_warn("slot %zu has a new box while its stage still runs; it is given up",
                                 slot->index);
                        slot_drop(slot);
                        return;
                }
                slot->warm = report->warm;
                ready_set(slot, true);
                slots->fns->on_ready(slots->arg);
        } else if (slot->task && report->job == slot->run) {
                slots->fns->on_report(slots->arg, slot, TAKE_PTR(slot->task), report);
        } else if (report->end == END_SETUP) {
                log_warn("slot %zu could not %s: %s", slot->index, box_step_name(report->step),
                         strerror(report->error));
        } else {
                log_debug("slot %zu reports %s for a stage that is over", slot->index,
                          box_end_name((enum report_end)report->end));
        }
}

/* One report per turn: what it leads to may drop the slot, or order its next run. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
        struct slot *slot = arg;
        struct box_report report;
        int r = box_report_recv(slot->fd, &report);

        if (r == BOX_AGAIN)
                return;
        if (r == 0) {
                report_take(slot, &report);
                return;
        }
        if (r != BOX_GONE)
                log_error("slot %zu sent what is no report; it is given up", slot->index);
        slot_drop(slot);
}

int slots_init(struct slots *slots, struct event_base *base, size_t n, const struct slot_fns *fns, void *arg)
{
        *slots = (struct slots){ .base = base, .fns = fns, .arg = arg };
        TAILQ_INIT(&slots->ready);
        slots->all = calloc(n ? n : 1, sizeof(*slots->all));
        if (!slots->all)
                return -ENOMEM;
        slots->n = n;
        for (size_t i = 0; i < n; i++)
                slots->all[i] = (struct slot){ .slots = slots, .index = i, .fd = -1 };
        return 0;
}

void slots_deinit(struct slots *slots)
{
        for (size_t i = 0; i < slots->n; i++) {
                if (slots->all[i].event)
                        event_free(slots->all[i].event);
                close_fd(&slots->all[i].fd);
        }
        free(slots->all);
        *slots = (struct slots){ 0 };
}

int slots_set_take(struct slots *slots, size_t index, int fd)
{
        struct slot *slot = index < slots->n ? &slots->all[index] : NULL;
        struct event *event;

        event = slot ? event_new(slots->base, fd, EV_READ | EV_PERSIST, on_readable, slot) : NULL;
        if (!event || event_add(event, NULL) < 0) {
                if (event)
                        event_free(event);
                close_fd(&fd);
                return slot ? -ENOMEM : -EINVAL;
        }
        slot_drop(slot);
        slot->fd = fd;
        slot->stale = false;
        slot->image = 0;
        slot->warm = 0;
        slot->event = event;
        slots->n_live++;
        return 0;
}

/* How well a slot's box suits: another root costs a box, another program only its start. */
static int suits(const struct slot *slot, uint32_t image, uint32_t warm)
{
        if (slot->image != image)
                return 0;
        return slot->warm == warm ? 3 : slot->warm == 0 ? 2 : 1;
}

struct slot *slots_take(struct slots *slots, const struct slot *avoid, uint32_t image, uint32_t warm)
{
        struct slot *slot, *best = NULL;

        TAILQ_FOREACH(slot, &slots->ready, link)
        {
                if (slot == avoid && slots->n_live > 1)
                        continue;
                if (!best || suits(slot, image, warm) > suits(best, image, warm))
                        best = slot;
        }
        if (best)
                ready_set(best, false);
        return best;
}

void slots_give_back(struct slots *slots, struct slot *slot)
{
        slot->ready = true;
        TAILQ_INSERT_HEAD(&slots->ready, slot, link);
}

void slots_retire(struct slots *slots)
{
        for (size_t i = 0; i < slots->n; i++)
                slots->all[i].stale = slots->all[i].fd >= 0;
        for (size_t i = 0; i < slots->n; i++)
                if (slots->all[i].ready)
                        slot_drop(&slots->all[i]);
}

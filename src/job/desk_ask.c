/* Theory of operation: each request is one struct note_ask with what its kind uses; orders and outcomes are its payload. */
#include "job/desk_priv.h"
#include "util/err.h"

#include <stdio.h>

static void name(char *to, size_t room, const char *text)
{
        snprintf(to, room, "%s", text ? text : "");
}

#define NAME(field, text) name(field, sizeof(field), text)

/* A number of byte strings, each made by @encode from one of @items. */
static int list_encode(size_t n, int (*encode)(const void *items, size_t i, struct bytes *out),
                       const void *items, struct bytes *payload)
{
        CLEANUP(bytes_deinit) struct bytes one = BYTES_INIT(ORDER_BYTES_MAX);
        struct record_out out;
        int r = 0;

        record_out_init(&out, payload);
        record_put(&out, n);
        for (size_t i = 0; i < n && r == 0; i++) {
                bytes_clear(&one);
                r = encode(items, i, &one);
                record_put_bytes(&out, bytes_view(&one));
        }
        return r ? r : out.error;
}

static int order_at(const void *items, size_t i, struct bytes *out)
{
        return order_encode((const struct order *)items + i, out);
}

static int outcome_at(const void *items, size_t i, struct bytes *out)
{
        return outcome_encode((const struct outcome *)items + i, out);
}

int desk_submit(struct desk *desk, const struct order *orders, size_t n, desk_fn fn, void *arg,
                uint64_t *ret_ticket, struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes payload = BYTES_INIT(NOTE_BODY_MAX - MIB);
        int r = list_encode(n, order_at, orders, &payload);
        struct record_out out;

        record_out_init(&out, &payload);
        for (size_t i = 0; i < n; i++)
                if (orders[i].head.notify)
                        record_put_bytes(&out, orders[i].notice);
        r = r ? r : out.error;
        if (r < 0)
                return err_errno(err, r, "cannot write the job down");
        return desk_ask(desk, NOTE_SUBMIT, &(struct note_ask){ .payload = bytes_view(&payload) }, fn, arg,
                        ret_ticket, err);
}

int desk_get(struct desk *desk, const char *owner, const char *id, uint64_t wait_ms, unsigned want,
             desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .wait_ms = wait_ms, .want = want };

        NAME(what.owner, owner);
        NAME(what.id, id);
        return desk_ask(desk, NOTE_GET, &what, fn, arg, ret_ticket, err);
}

int desk_list(struct desk *desk, const struct desk_filter *filter, desk_fn fn, void *arg,
              uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .states = filter->states, .before = filter->before, .want = filter->want };

        what.most = MIN(filter->most, (uint32_t)DESK_LIST_MAX);
        NAME(what.owner, filter->owner);
        NAME(what.door, filter->door);
        NAME(what.id, filter->batch);
        return desk_ask(desk, NOTE_LIST, &what, fn, arg, ret_ticket, err);
}

int desk_cancel(struct desk *desk, const char *owner, const char *id, desk_fn fn, void *arg,
                uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .after = 0 };

        NAME(what.owner, owner);
        NAME(what.id, id);
        return desk_ask(desk, NOTE_CANCEL, &what, fn, arg, ret_ticket, err);
}

int desk_watch(struct desk *desk, const char *owner, const char *id, uint64_t after, uint64_t wait_ms,
               desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .after = after, .wait_ms = wait_ms };

        NAME(what.owner, owner);
        NAME(what.id, id);
        return desk_ask(desk, NOTE_WATCH, &what, fn, arg, ret_ticket, err);
}

int desk_ended(struct desk *desk, const char *owner, const char *batch, uint64_t after, uint64_t wait_ms,
               unsigned want, desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .after = after, .wait_ms = wait_ms, .want = want };

        NAME(what.owner, owner);
        NAME(what.id, batch);
        return desk_ask(desk, NOTE_ENDED, &what, fn, arg, ret_ticket, err);
}

int desk_lease(struct desk *desk, const char *lane, uint64_t wait_ms, uint64_t lease_ms, desk_fn fn,
               void *arg, uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .wait_ms = wait_ms, .lease_ms = lease_ms };

        NAME(what.lane, lane);
        return desk_ask(desk, NOTE_LEASE, &what, fn, arg, ret_ticket, err);
}

int desk_renew(struct desk *desk, const char *id, uint64_t fence, uint64_t lease_ms, desk_fn fn, void *arg,
               uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .fence = fence, .lease_ms = lease_ms };

        NAME(what.id, id);
        return desk_ask(desk, NOTE_RENEW, &what, fn, arg, ret_ticket, err);
}

int desk_finish(struct desk *desk, const char *id, uint64_t fence, const struct outcome *outcomes, size_t n,
                desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes payload = BYTES_INIT(NOTE_BODY_MAX - MIB);
        struct note_ask what = { .fence = fence };
        int r = list_encode(n, outcome_at, outcomes, &payload);

        if (r < 0)
                return err_errno(err, r, "cannot write the outcomes down");
        NAME(what.id, id);
        what.payload = bytes_view(&payload);
        return desk_ask(desk, NOTE_FINISH, &what, fn, arg, ret_ticket, err);
}

int desk_set_put(struct desk *desk, const struct order_case *cases, size_t n, desk_fn fn, void *arg,
                 uint64_t *ret_ticket, struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes payload = BYTES_INIT(ORDER_BYTES_MAX);
        int r = order_cases_encode(cases, n, &payload);

        if (r < 0)
                return err_errno(err, r, "cannot write the test set down");
        return desk_ask(desk, NOTE_SET_PUT, &(struct note_ask){ .payload = bytes_view(&payload) }, fn, arg,
                        ret_ticket, err);
}

int desk_ready(struct desk *desk, desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err)
{
        return desk_ask(desk, NOTE_READY, &(struct note_ask){ .after = 0 }, fn, arg, ret_ticket, err);
}

int desk_set_get(struct desk *desk, const char *set, desk_fn fn, void *arg, uint64_t *ret_ticket,
                 struct err *err)
{
        struct note_ask what = { .after = 0 };

        NAME(what.set, set);
        return desk_ask(desk, NOTE_SET_GET, &what, fn, arg, ret_ticket, err);
}

static int ask_card(struct desk *desk, enum note_kind kind, const char *drawer, const char *card,
                    struct note_ask *what, desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err)
{
        NAME(what->door, drawer);
        NAME(what->id, card);
        return desk_ask(desk, kind, what, fn, arg, ret_ticket, err);
}

int desk_card_put(struct desk *desk, const char *drawer, const char *card, struct view text, desk_fn fn,
                  void *arg, uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .payload = text };

        return ask_card(desk, NOTE_CARD_PUT, drawer, card, &what, fn, arg, ret_ticket, err);
}

int desk_card_drop(struct desk *desk, const char *drawer, const char *card, desk_fn fn, void *arg,
                   uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .after = 0 };

        return ask_card(desk, NOTE_CARD_DROP, drawer, card, &what, fn, arg, ret_ticket, err);
}

int desk_card_get(struct desk *desk, const char *drawer, const char *card, desk_fn fn, void *arg,
                  uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .after = 0 };

        return ask_card(desk, NOTE_CARD_GET, drawer, card, &what, fn, arg, ret_ticket, err);
}

int desk_card_list(struct desk *desk, const char *drawer, const char *after, uint32_t most, desk_fn fn,
                   void *arg, uint64_t *ret_ticket, struct err *err)
{
        return desk_card_await(desk, drawer, after, most, 0, fn, arg, ret_ticket, err);
}

int desk_card_await(struct desk *desk, const char *drawer, const char *after, uint32_t most, uint64_t wait_ms,
                    desk_fn fn, void *arg, uint64_t *ret_ticket, struct err *err)
{
        struct note_ask what = { .most = MIN(most, (uint32_t)DESK_LIST_MAX), .wait_ms = wait_ms };

        return ask_card(desk, NOTE_CARD_LIST, drawer, after, &what, fn, arg, ret_ticket, err);
}

int desk_outcome(const struct desk_entry *entry, size_t *at, struct outcome *ret_outcome,
                 uint64_t *ret_number)
{
        struct record_in in;
        struct view bytes;
        int r;

        if (*at >= entry->outcomes.n)
                return 0;
        record_in_init(&in, (struct view){ entry->outcomes.p + *at, entry->outcomes.n - *at });
        *ret_number = record_take(&in, 1, INT64_MAX);
        bytes = record_take_bytes(&in, NOTE_BODY_MAX);
        if (in.bad)
                return -EBADMSG;
        *at = entry->outcomes.n - in.left.n;
        r = outcome_decode(bytes, ret_outcome);
        return r < 0 ? r : 1;
}

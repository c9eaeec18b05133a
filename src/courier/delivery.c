/*
 * Theory of operation: card of the notice, then it waits; when it flies: the job, its outcomes, the request; then the card with
 * what became of it, and, when nothing more is to be tried, the card of the outbox goes.  Every step is a question to the
 * ledger that can be asked again, so a ledger that is not there only makes it later.
 *
 * Dying between the request and the card means that the receiver is told again, with the same delivery id.
 */
#include "config/config.h"
#include "courier/courier_priv.h"
#include "courier/pause.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"

#include <event2/event.h>
#include <stdio.h>

static void ask(struct delivery *delivery, enum delivery_fetch fetch);

static void free_flight(struct delivery *delivery)
{
        bytes_deinit(&delivery->memo);
        bytes_deinit(&delivery->body);
        free(TAKE_PTR(delivery->notice));
        free(TAKE_PTR(delivery->job));
}

static void delivery_free(struct delivery *delivery)
{
        struct courier *courier = delivery->courier;

        free_flight(delivery);
        bytes_deinit(&delivery->card);
        free(delivery);
        courier->n_deliveries--;
        courier_read_outbox(courier);
}

/* ---- after an attempt ---- */

static bool is_over(const struct delivery *delivery, uint64_t now_ms)
{
        return now_ms >=
               delivery->ended_ms + delivery->courier->args->config->webhook_patience / NSEC_PER_MSEC;
}

static enum notice_state judge(const struct delivery *delivery, uint64_t now_ms)
{
        const struct post *post = &delivery->post;

        if (post->end == POST_BLOCKED)
                return NOTICE_BLOCKED;
        if (post->end == POST_ANSWERED && post->status < 300)
                return NOTICE_DELIVERED;
        if (post->end == POST_ANSWERED && (post->status < 400 || post->status == 410))
                return NOTICE_FAILED; /* a redirect stays one, and gone means it */
        return is_over(delivery, now_ms) ? NOTICE_FAILED : NOTICE_PENDING;
}

static void note_attempt(struct delivery *delivery)
{
        const struct post *post = &delivery->post;
        struct notice *notice = delivery->notice;
        uint64_t now_ms = clock_wall_ms(), pause_ms;

        notice->attempts++;
        notice->tried_ms = now_ms;
        notice->status = post->end == POST_ANSWERED ? post->status : 0;
        snprintf(notice->text, sizeof(notice->text), "%s", post->text);
        notice->state = judge(delivery, now_ms);
        notice->next_ms = 0;
        if (notice->state == NOTICE_PENDING) {
                pause_ms = pause_of_delivery(notice->attempts, courier_random()) / NSEC_PER_MSEC;
                notice->next_ms = now_ms + MAX(pause_ms, post->retry_after_ms);
        } else {
                memset(notice->secret, 0, sizeof(notice->secret));
        }
}

static void set_due(struct delivery *delivery, uint64_t next_ms)
{
        uint64_t now_ms = clock_wall_ms();

        delivery->due_ns = clock_now_ns() + (next_ms > now_ms ? next_ms - now_ms : 0) * NSEC_PER_MSEC;
}

static void wait_again(struct delivery *delivery, uint64_t next_ms)
{
        set_due(delivery, next_ms);
        if (rounds_wait(delivery) < 0)
                delivery_free(delivery); /* the next courier finds it in the outbox */
}

/* There is no memory or no thread just now. */
static void put_off(struct delivery *delivery)
{
        free_flight(delivery);
        wait_again(delivery, clock_wall_ms() + 1000);
}

static int card_write(struct delivery *delivery)
{
        struct bytes card = BYTES_INIT(NOTICE_BYTES_MAX);
        int r = notice_encode(delivery->notice, &card);

        if (r < 0) {
                bytes_deinit(&card);
                return r;
        }
        bytes_deinit(&delivery->card);
        delivery->card = card;
        return 0;
}

static void on_posted(void *arg, const struct post *post)
{
        struct delivery *delivery = arg;
        bool was_reached = post->end != POST_LOST && post->status != 429 && post->status != 503;

        note_attempt(delivery);
        log_debug("delivery=%s job=%s %s attempts=%u status=%u %s", delivery->notice->delivery, delivery->id,
                  notice_state_name(delivery->notice->state), delivery->notice->attempts,
                  delivery->notice->status, delivery->notice->text);
        rounds_landed(delivery, was_reached ? LANDING_REACHED : LANDING_UNREACHED);
        if (card_write(delivery) < 0)
                put_off(delivery);
        else
                ask(delivery, FETCH_KEPT);
}

static void on_kept(struct delivery *delivery)
{
        uint64_t next_ms = delivery->notice->next_ms;
        bool again = delivery->notice->state == NOTICE_PENDING;

        free_flight(delivery);
        if (again)
                wait_again(delivery, next_ms);
        else
                ask(delivery, FETCH_DROPPED);
}

/* ---- the attempt ---- */

/* What does not fit is told without its outputs; they can be had from the engine. */
static int render(struct delivery *delivery, const struct desk_answer *answer)
{
        const struct courier_args *args = delivery->courier->args;
        struct desk_entry entry = *delivery->job;
        int r = -ENOSPC;

        entry.memo = bytes_view(&delivery->memo);
        if (answer->last) {
                entry.outcomes = answer->entries[0].outcomes;
                entry.n_outcomes = answer->entries[0].n_outcomes;
                r = args->render(&entry, delivery->notice->delivery, true, &delivery->body);
        }
        if (r == -ENOSPC) {
                bytes_clear(&delivery->body);
                entry.outcomes = VIEW("");
                entry.n_outcomes = 0;
                r = args->render(&entry, delivery->notice->delivery, false, &delivery->body);
        }
        return r;
}

static void on_outcomes(struct delivery *delivery, const struct desk_answer *answer)
{
        struct post *post = &delivery->post;
        int r;

        delivery->body = BYTES_INIT(COURIER_BODY_MAX);
        r = render(delivery, answer);
        *post = (struct post){ .url = delivery->notice->url,
                               .secret = delivery->notice->secret,
                               .delivery = delivery->notice->delivery,
                               .body = bytes_view(&delivery->body),
                               .done = on_posted,
                               .arg = delivery };
        r = r ? r : post_start(delivery->courier->posts, post);
        if (r == 0)
                return;
        log_error("delivery=%s cannot be sent now: %s", delivery->notice->delivery, strerror(-r));
        rounds_landed(delivery, LANDING_UNTRIED);
        put_off(delivery);
}

static void on_job(struct delivery *delivery, const struct desk_answer *answer)
{
        const struct desk_entry *entry = &answer->entries[0];

        delivery->memo = BYTES_INIT(ORDER_MEMO_MAX);
        delivery->job = calloc(1, sizeof(*delivery->job));
        if (!delivery->job || bytes_add(&delivery->memo, entry->memo.p, entry->memo.n) < 0) {
                rounds_landed(delivery, LANDING_UNTRIED);
                put_off(delivery);
                return;
        }
        delivery->job->entry = entry->entry;
        ask(delivery, FETCH_OUTCOMES);
}

/* What waited behind others for a receiver that is not there is not tried for the first time after its time. */
static void give_up(struct delivery *delivery)
{
        struct notice *notice = delivery->notice;

        notice->state = NOTICE_FAILED;
        notice->next_ms = 0;
        memset(notice->secret, 0, sizeof(notice->secret));
        if (!notice->text[0])
                snprintf(notice->text, sizeof(notice->text),
                         "the receiver did not answer to other deliveries");
        rounds_landed(delivery, LANDING_UNTRIED);
        if (card_write(delivery) < 0)
                put_off(delivery);
        else
                ask(delivery, FETCH_KEPT);
}

void delivery_fly(struct delivery *delivery)
{
        delivery->notice = calloc(1, sizeof(*delivery->notice));
        if (!delivery->notice || notice_decode(bytes_view(&delivery->card), delivery->notice) < 0) {
                rounds_landed(delivery, LANDING_UNTRIED);
                put_off(delivery);
        } else if (rounds_is_dead(delivery) && is_over(delivery, clock_wall_ms())) {
                give_up(delivery);
        } else {
                ask(delivery, FETCH_JOB);
        }
}

/* ---- the ledger's answers ---- */

static void on_card(struct delivery *delivery, const struct desk_answer *answer)
{
        struct view text = answer->entries[0].memo;
        struct notice notice;

        if (notice_decode(text, &notice) < 0) {
                log_error("the notice of job=%s cannot be read", delivery->id);
                ask(delivery, FETCH_DROPPED);
                return;
        }
        delivery->card = BYTES_INIT(NOTICE_BYTES_MAX);
        if (notice.state != NOTICE_PENDING)
                ask(delivery, FETCH_DROPPED); /* its last courier died between the two cards */
        else if (bytes_add(&delivery->card, text.p, text.n) < 0)
                delivery_free(delivery);
        else
                wait_again(delivery, notice.next_ms);
}

/* The job is gone, or its notice: there is nothing left to tell. */
static void on_missing(struct delivery *delivery)
{
        bool dropped = delivery->fetch == FETCH_DROPPED;

        if (delivery->fetch == FETCH_JOB || delivery->fetch == FETCH_OUTCOMES)
                rounds_landed(delivery, LANDING_UNTRIED);
        free_flight(delivery);
        if (dropped)
                delivery_free(delivery);
        else
                ask(delivery, FETCH_DROPPED);
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
        struct delivery *delivery = arg;

        ask(delivery, delivery->fetch);
}

static void ask_later(struct delivery *delivery)
{
        struct timeval later = { .tv_sec = 1 };

        must(event_base_once(delivery->courier->base, -1, EV_TIMEOUT, on_later, delivery, &later) == 0);
}

static void on_answer(void *arg, const struct desk_answer *answer)
{
        struct delivery *delivery = arg;

        if (answer->status == DESK_NOT_FOUND) {
                on_missing(delivery);
                return;
        }
        if (answer->status != DESK_OK || answer->n_entries != 1) {
                ask_later(delivery);
                return;
        }
        switch (delivery->fetch) {
        case FETCH_CARD:
                on_card(delivery, answer);
                break;
        case FETCH_JOB:
                on_job(delivery, answer);
                break;
        case FETCH_OUTCOMES:
                on_outcomes(delivery, answer);
                break;
        case FETCH_KEPT:
                on_kept(delivery);
                break;
        case FETCH_DROPPED:
                delivery_free(delivery);
                break;
        }
}

static void ask(struct delivery *delivery, enum delivery_fetch fetch)
{
        struct desk *desk = delivery->courier->desk;
        struct err err = { "" };
        uint64_t ticket;
        int r = 0;

        delivery->fetch = fetch;
        switch (fetch) {
        case FETCH_CARD:
                r = desk_card_get(desk, NOTICE_DRAWER, delivery->id, on_answer, delivery, &ticket, &err);
                break;
        case FETCH_JOB:
                r = desk_get(desk, "", delivery->id, 0, DESK_WANT_MEMO, on_answer, delivery, &ticket, &err);
                break;
        case FETCH_OUTCOMES:
                r = desk_watch(desk, "", delivery->id, 0, 0, on_answer, delivery, &ticket, &err);
                break;
        case FETCH_KEPT:
                r = desk_card_put(desk, NOTICE_DRAWER, delivery->id, bytes_view(&delivery->card), on_answer,
                                  delivery, &ticket, &err);
                break;
        case FETCH_DROPPED:
                r = desk_card_drop(desk, NOTICE_OUTBOX, delivery->outbox, on_answer, delivery, &ticket, &err);
                break;
        }
        if (r < 0)
                ask_later(delivery);
}

void delivery_new(struct courier *courier, const char *outbox, struct view text)
{
        struct delivery *delivery = calloc(1, sizeof(*delivery));

        if (!delivery)
                return; /* as above: it stays in the outbox */
        delivery->courier = courier;
        courier->n_deliveries++;
        snprintf(delivery->outbox, sizeof(delivery->outbox), "%s", outbox);
        if (notice_outbox_decode(text, delivery->id, &delivery->ended_ms) < 0)
                ask(delivery, FETCH_DROPPED);
        else
                ask(delivery, FETCH_CARD);
}

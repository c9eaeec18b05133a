#pragma once

/* what courier.c, rounds.c and delivery.c share. */

#include "courier/courier.h"
#include "courier/post.h"
#include "job/desk.h"

#include <sys/queue.h>

struct event;
struct event_base;

TAILQ_HEAD(delivery_list, delivery);

/* A receiver's scheme, host and port, and what waits for it. */
struct route {
        TAILQ_ENTRY(route) entry;
        char *key;
        struct delivery_list waiting; /* by due_ns */
        size_t n_flying;
        unsigned failures; /* attempts in a row that got no answer */
        uint64_t paused_until_ns;
};

enum delivery_fetch { FETCH_CARD, FETCH_JOB, FETCH_OUTCOMES, FETCH_KEPT, FETCH_DROPPED };

/* A card of the outbox. */
struct delivery {
        TAILQ_ENTRY(delivery) entry; /* while it waits */
        struct courier *courier;
        struct route *route;
        char outbox[NOTICE_NAME_TEXT];
        char id[ENTRY_ID_MAX + 1];
        uint64_t ended_ms;
        uint64_t due_ns;
        enum delivery_fetch fetch; /* what the ledger was asked for */
        struct bytes card;         /* the notice, encoded: thousands of them wait */
        /* While it flies: */
        struct notice *notice;
        struct desk_entry *job;
        struct bytes memo;
        struct bytes body;
        struct post post;
};

enum landing {
        LANDING_REACHED,   /* the receiver answers */
        LANDING_UNREACHED, /* it does not */
        LANDING_UNTRIED,
};

struct courier {
        const struct courier_args *args;
        struct event_base *base;
        struct desk *desk;
        struct posts *posts;
        struct address_blocks allowed;
        /* The outbox, from its beginning. */
        char last[NOTICE_NAME_TEXT]; /* card that was read */
        bool is_reading;
        size_t n_deliveries;
        /* Rounds. */
        TAILQ_HEAD(, route) routes;
        struct event *round;
        size_t n_flying;
};

/* courier.c */
void courier_read_outbox(struct courier *courier);
uint64_t courier_random(void);

/* rounds.c: a delivery waits until it is due, and flies when its receiver and the courier have room. */
int rounds_open(struct courier *courier) MUST_USE;
int rounds_wait(struct delivery *delivery) MUST_USE; /* until due_ns; the route is found from the notice */
void rounds_landed(struct delivery *delivery, enum landing landing);
bool rounds_is_dead(const struct delivery *delivery); /* its receiver did not answer last time */

/* delivery.c */
void delivery_new(struct courier *courier, const char *outbox, struct view text);
void delivery_fly(struct delivery *delivery);

/*
 * Theory of operation: every receiver has a queue of its own, a bound on what flies to it, and a pause of its own once it does
 * not answer; then one delivery at a time finds out whether it does again.  So a dead receiver costs one thread now and
 * then, however many jobs it wants to hear of.  Receivers take turns.
 */
#include "courier/courier_priv.h"
#include "courier/pause.h"
#include "util/clock.h"
#include "util/err.h"

#include <event2/event.h>
#include <stdio.h>

enum { FLYING_MOST = 4 }; /* to one receiver */

static struct route *route_find(struct courier *courier, const char *key)
{
        struct route *route;

        TAILQ_FOREACH(route, &courier->routes, entry)
        if (streq(route->key, key))
                return route;
        route = calloc(1, sizeof(*route));
        if (!route)
                return NULL;
        route->key = strdup(key);
        if (!route->key) {
                free(route);
                return NULL;
        }
        TAILQ_INIT(&route->waiting);
        TAILQ_INSERT_TAIL(&courier->routes, route, entry);
        return route;
}

static int route_of(struct delivery *delivery)
{
        char key[RECEIVER_HOST_MAX + 32];
        struct receiver_url where;
        struct notice notice;
        struct err err;

        if (delivery->route)
                return 0;
        if (notice_decode(bytes_view(&delivery->card), &notice) < 0 ||
            receiver_parse(notice.url, &where, &err) < 0)
                where = (struct receiver_url){ .port = 0 }; /* the attempt will say so */
        for (char *p = where.host; *p; p++)
                *p |= *p >= 'A' && *p <= 'Z' ? 0x20 : 0;
        snprintf(key, sizeof(key), "%d %s %u", where.tls, where.host, where.port);
        delivery->route = route_find(delivery->courier, key);
        return delivery->route ? 0 : -ENOMEM;
}

static void route_free(struct courier *courier, struct route *route)
{
        TAILQ_REMOVE(&courier->routes, route, entry);
        free(route->key);
        free(route);
}

/* Receivers nobody wants to tell anything any more, once their pause is over: until then it is to be remembered. */
static void routes_prune(struct courier *courier, uint64_t now)
{
        struct route *route = TAILQ_FIRST(&courier->routes), *next;

        for (; route; route = next) {
                next = TAILQ_NEXT(route, entry);
                if (TAILQ_EMPTY(&route->waiting) && route->n_flying == 0 && route->paused_until_ns <= now)
                        route_free(courier, route);
        }
}

static uint64_t route_ready_ns(const struct route *route)
{
        const struct delivery *first = TAILQ_FIRST(&route->waiting);
        size_t most = route->failures > 0 ? 1 : FLYING_MOST;

        if (!first || route->n_flying >= most)
                return UINT64_MAX;
        return MAX(first->due_ns, route->paused_until_ns);
}

/* One more to a receiver that can take it; those after it in the list come first next time. */
static bool launch(struct courier *courier, uint64_t now)
{
        struct route *route;
        struct delivery *delivery;

        TAILQ_FOREACH(route, &courier->routes, entry)
        if (route_ready_ns(route) <= now)
                break;
        if (!route)
                return false;
        delivery = TAILQ_FIRST(&route->waiting);
        TAILQ_REMOVE(&route->waiting, delivery, entry);
        TAILQ_REMOVE(&courier->routes, route, entry);
        TAILQ_INSERT_TAIL(&courier->routes, route, entry);
        route->n_flying++;
        courier->n_flying++;
        delivery_fly(delivery);
        return true;
}

static void on_round(evutil_socket_t fd, short what, void *arg)
{
        struct courier *courier = arg;
        uint64_t now = clock_now_ns(), next = UINT64_MAX;
        struct timeval pause;
        struct route *route;

        routes_prune(courier, now);
        while (courier->n_flying < POSTS_MAX && launch(courier, now))
                ;
        if (courier->n_flying >= POSTS_MAX)
                return; /* the next to land comes back here */
        TAILQ_FOREACH(route, &courier->routes, entry)
        next = MIN(next, route_ready_ns(route));
        if (next == UINT64_MAX)
                return;
        next = next > now ? next - now : 0;
        pause = (struct timeval){ (time_t)(next / NSEC_PER_SEC),
                                  (suseconds_t)(next % NSEC_PER_SEC / NSEC_PER_USEC) + 1 };
        evtimer_add(courier->round, &pause);
}

int rounds_open(struct courier *courier)
{
        TAILQ_INIT(&courier->routes);
        courier->round = evtimer_new(courier->base, on_round, courier);
        return courier->round ? 0 : -ENOMEM;
}

int rounds_wait(struct delivery *delivery)
{
        struct delivery *before;
        struct route *route;
        int r = route_of(delivery);

        if (r < 0)
                return r;
        route = delivery->route;
        before = TAILQ_LAST(&route->waiting, delivery_list);
        while (before && before->due_ns > delivery->due_ns)
                before = TAILQ_PREV(before, delivery_list, entry);
        if (before)
                TAILQ_INSERT_AFTER(&route->waiting, before, delivery, entry);
        else
                TAILQ_INSERT_HEAD(&route->waiting, delivery, entry);
        event_active(delivery->courier->round, EV_TIMEOUT, 0);
        return 0;
}

bool rounds_is_dead(const struct delivery *delivery)
{
        return delivery->route->failures > 0;
}

void rounds_landed(struct delivery *delivery, enum landing landing)
{
        struct courier *courier = delivery->courier;
        struct route *route = delivery->route;

        route->n_flying--;
        courier->n_flying--;
        if (landing == LANDING_REACHED) {
                route->failures = 0;
                route->paused_until_ns = 0;
        } else if (landing == LANDING_UNREACHED) {
                route->failures = MIN(route->failures + 1, 64u);
                route->paused_until_ns =
                        clock_now_ns() + pause_of_receiver(route->failures, courier_random());
        }
        delivery->route = NULL;
        event_active(courier->round, EV_TIMEOUT, 0);
}

#pragma once

/* A keeper for tests: speaks the real protocol of a slot, runs nothing, and obeys the words of its orders. */

#include "util/fdio.h"

#include <pthread.h>
#include <stdatomic.h>

struct keeper_order;

struct keeper {
        pthread_t thread;
        int fd;
        struct keeper_order *msg;
        int fds[FDIO_FDS_MAX];
        size_t n_fds;
};

/* How often, by all keepers: told to die once, killed by order, given a signal, told to fail its set-up
 * once, made to compile. */
extern atomic_int keeper_died, keeper_killed, keeper_signalled, keeper_setups, keeper_builds;

/* The runner's end of a new keeper's socket, or -errno.  The keeper ends when that end is closed. */
int keeper_start(struct keeper *keeper) MUST_USE;
void keeper_join(struct keeper *keeper);

#pragma once

/*
 * The last filter: a few instructions that take the set-up calls of seccomp.def away, loaded by the process that becomes
 * the program when nothing is left to set up.  (Loading a large filter costs 0.1 to 0.3 ms, so the large ones are
 * inherited from the keeper and only this one is loaded per box.)
 */

#include <linux/filter.h>

extern const struct sock_filter last_filter[];
extern const unsigned last_filter_n;

/* And what libseccomp cannot say, written by hand: loaded by the keeper, like the large ones. */
extern const struct sock_filter socket_filter[];
extern const unsigned socket_filter_n;

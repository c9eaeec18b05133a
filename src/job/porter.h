#pragma once

/*
 * Porter: the front's end of the connection to the packer.  Asks for lists, installations and removals, and keeps the
 * front's catalog as the packer says.  Runs on the caller's loop, never blocks.
 */

#include "job/parcel.h"
#include "util/bytes.h"

struct catalog;
struct err;
struct event_base;
struct porter;

/* @body is good during the call only. */
typedef void (*porter_fn)(void *arg, int status, struct view body);

/* @on_shelf is called after each change of the catalog, and when it is known for the first time. */
struct porter *porter_new(struct event_base *base, const struct catalog *catalog, void (*on_shelf)(void *arg),
                          void *arg) MUST_USE;
void porter_free(struct porter *porter);

/* A new connection, in place of one that was lost or not; what was asked over the old one is answered 503. */
int porter_connect_take(struct porter *porter, int fd) MUST_USE;

/* 0 and a ticket, with exactly one call of @fn later from the loop; or -errno and none. */
int porter_ask(struct porter *porter, enum parcel_ask what, const char *name, const char *range, porter_fn fn,
               void *arg, uint64_t *ret_ticket) MUST_USE;

/* @fn is not called any more; what was asked is done all the same. */
void porter_forget(struct porter *porter, uint64_t ticket);

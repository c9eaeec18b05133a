#pragma once

/*
 * Parcel: the messages between the packer and the others, all of one form.
 *
 *   SHELF    packer to front, runner, ledger: all runtimes of packages (runtime/shelf.h) in a sealed memfd; numbered
 *   SEEN     back: that shelf is in force here
 *   FREE     runner to packer: no job uses a runtime that had gone by that shelf
 *   ASK      front to packer: list, install or uninstall
 *   ANSWER   packer to front: status and body, the body in a sealed memfd
 */

#include "util/base.h"
#include "job/wire.h"

struct catalog;
struct event_base;
struct link;

enum { PARCEL_MAGIC = 0x6372706b, PARCEL_TEXT_MAX = 512, PARCEL_BYTES_MAX = 2048 };

enum parcel_kind { PARCEL_SHELF = 1, PARCEL_SEEN, PARCEL_FREE, PARCEL_ASK, PARCEL_ANSWER, PARCEL_KIND_END };
enum parcel_ask { PARCEL_LIST = 1, PARCEL_INSTALL, PARCEL_UNINSTALL, PARCEL_ASK_END };

struct parcel {
        enum parcel_kind kind;
        uint64_t number; /* of the shelf, or the ticket */
        uint32_t word;   /* ASK: enum parcel_ask; ANSWER: HTTP status */
        char name[PARCEL_TEXT_MAX];
        char range[PARCEL_TEXT_MAX];
};

/* Put it on the way; @fd, or -1, is taken over.  0, -errno, or LINK_FULL. */
int parcel_send_take(struct link *link, const struct parcel *parcel, int fd) MUST_USE;

/* 0 or -EBADMSG. */
int parcel_decode(const char *p, size_t n, size_t n_fds, struct parcel *ret_parcel) MUST_USE;

/* Put the shelf in @fd in force.  As shelf_take(). */
int parcel_shelf_take(const struct catalog *catalog, int fd) MUST_USE;

/*
 * Shelf end: the runner's and the ledger's end.  Puts every shelf in force, says so, and then calls @on_shelf.
 */
struct shelf_end;

int shelf_end_new_take(struct event_base *base, int fd, const struct catalog *catalog,
                       void (*on_shelf)(void *arg, uint64_t number, bool changed), void *arg,
                       struct shelf_end **ret_end) MUST_USE;
void shelf_end_free(struct shelf_end *end);

/* No job uses what had gone by shelf @number. */
void shelf_end_free_up(struct shelf_end *end, uint64_t number);

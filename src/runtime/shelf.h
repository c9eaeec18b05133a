#pragma once

/*
 * Shelf: the runtimes of installed packages, which come and go while the engine runs.
 *
 * The packer (packer/packer.h) numbers them and tells front, runner and ledger the whole shelf at each change; a number
 * stands for the same runtime everywhere and is not given again soon.  Each of them keeps its own copy.
 *
 * A runtime that left the shelf is only marked `gone`: jobs may still point to it, so it is never freed.  One thread
 * changes the shelf, others may read it meanwhile.
 */

#include "runtime/runtime.h"
#include "util/bytes.h"

struct shelf;

enum {
        SHELF_FIRST = 4096, /* numbers below are those of manifests */
        SHELF_LAST = 65535,
        SHELF_WORDS_MAX = 4096, /* of one list */
        SHELF_WORD_BYTES = 32768,
};

#define SHELF_BYTES_MAX (64 * MIB)

struct shelf *shelf_new(void) MUST_USE;
void shelf_free(struct shelf *shelf);

/* NULL: that number was never given.  May be gone. */
const struct runtime *shelf_at(const struct shelf *shelf, uint32_t number);

/* The next one that is not gone; @last of any number, or NULL to begin. */
const struct runtime *shelf_next(const struct shelf *shelf, const struct runtime *last);

/* @n runtimes as bytes. */
int shelf_encode(const struct runtime *const *runtimes, size_t n, struct bytes *out) MUST_USE;

enum { SHELF_CHANGED = 1 };

/* What is on the shelf from now on: 0 or SHELF_CHANGED; -ENOMEM or -EBADMSG, then all is as it was. */
int shelf_take(struct shelf *shelf, struct view bytes) MUST_USE;

/* Free what a runtime owns. */
void runtime_deinit(struct runtime *runtime);

#pragma once

/* Images: pulled from a registry, kept below the data directory (runtime/image.h says how), removed. */

#include "util/base.h"
#include "runtime/image.h"

struct config;
struct err;

struct image_pull {
        const char *name;     /* in full */
        const char *authfile; /* NULL: none */
        bool plain_http;
};

/*
 * Fetch and unpack an image; the name stands for it from then on.  Needs root.  The digest is that of its manifest as kept
 * here.  A process killed in the middle leaves nothing that counts, and the next call clears it away.
 */
int image_pull(const struct config *config, const struct image_pull *order, char ret_digest[IMAGE_DIGEST_MAX],
               struct err *err) MUST_USE;

/* Forget the name, and the files where no other name stands for them: 0, IMAGE_ABSENT, -EBUSY and others with text. */
int image_remove(const struct config *config, const char *name, struct err *err) MUST_USE;

/* One row of the list: 0 to go on. */
typedef int (*image_each_fn)(void *arg, const char *name, const char *digest, uint64_t bytes, int64_t pulled);

/* Every name, sorted. */
int image_each(const struct config *config, image_each_fn each, void *arg, struct err *err) MUST_USE;

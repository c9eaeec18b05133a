#pragma once

/*
 * Digest: SHA-256 of numbers and byte strings, each with its length before it, so that no two different lists of them
 * are the same bytes.
 */

#include "util/bytes.h"

enum { DIGEST_BYTES = 32, DIGEST_TEXT = 2 * DIGEST_BYTES + 1 };

/* Made by digest_begin(), let go of by digest_end() or digest_drop(). */
struct digest {
        void *state;
};

/* Aborts only when memory is out. */
void digest_begin(struct digest *digest);
void digest_drop(struct digest *digest);

void digest_number(struct digest *digest, uint64_t number);
void digest_bytes(struct digest *digest, struct view bytes);
void digest_text(struct digest *digest, const char *text); /* NULL is not "" */

/* Bytes without a length: for content that comes in pieces and whose length was said before. */
void digest_raw(struct digest *digest, const void *p, size_t n);

void digest_end(struct digest *digest, uint8_t ret[DIGEST_BYTES]);

void digest_hex(const uint8_t digest[DIGEST_BYTES], char ret_text[DIGEST_TEXT]);

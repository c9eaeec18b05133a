#pragma once

/* Decode: texts the way Node reads and writes them, which is what Piston's clients got used to. */

#include "util/base.h"
#include "util/bytes.h"

enum { DECODE_NUMBER_MAX = 64 };

/*
 * Base64 of either alphabet; every byte that is in neither is skipped, padding is not asked for.
 * @out must have room in its cap for 3/4 of the text.  0, -ENOSPC or -ENOMEM.
 */
int decode_base64(struct view text, struct bytes *out) MUST_USE;

/* Is it base64 as RFC 4648 has it: its own alphabet, padded, nothing else?  So it has one reading. */
bool decode_is_base64(struct view text);

/* Pairs of hex digits, up to the first that is none. */
int decode_hex(struct view text, struct bytes *out) MUST_USE;

/* A finite number as JavaScript prints it: 1, 0.5, 1e+21. */
void decode_number_text(double number, char text[DECODE_NUMBER_MAX]);

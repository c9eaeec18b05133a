#pragma once

/*
 * Value: the numbers people write into configurations and manifests, and back.
 *
 * Every parser takes the whole text and nothing else: -EINVAL for what it cannot read (a sign, a stray
 * byte, nothing at all), -ERANGE for what does not fit 64 bits.  *ret is written only on success.
 */

#include "util/base.h"

/* "1000", "64MiB", "64Mi", "1k", "10MB": k, M, G are powers of 1000, Ki, Mi, Gi of 1024; "B" may follow. */
int value_parse_bytes(const char *text, uint64_t *ret_bytes) MUST_USE;

/* As Go writes them: "3s", "250ms", "1m30s", "1.5h", also "us", "ns"; a bare integer is milliseconds. */
int value_parse_duration(const char *text, uint64_t *ret_ns) MUST_USE;

/* Decimal digits. */
int value_parse_count(const char *text, uint64_t *ret_count) MUST_USE;

/* true, yes, on, 1 / false, no, off, 0, in any case. */
int value_parse_flag(const char *text, bool *ret_flag) MUST_USE;

/* Shortest exact spelling: "64MiB", "1000"; "1m30s", "250ms".  @room of 32 is always enough. */
void value_format_bytes(uint64_t bytes, char *text, size_t room);
void value_format_duration(uint64_t ns, char *text, size_t room);

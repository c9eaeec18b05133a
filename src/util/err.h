#pragma once

/*
 * Errors: one int in three channels, and text beside it.
 *
 *    0  done
 *   <0  the machine or the program failed (-errno): pass it up unchanged, never match on it
 *   >0  an outcome the function documents: its caller handles it
 *
 * The text lives in a struct the caller owns; failing allocates nothing.  Say it once, where it
 * is known, with the remedy; add context on the way up with err_wrap(); log it once, at the top.
 */

#include "util/base.h"

struct err {
        char text[512];
};

/* Set the text and return @code, so `return err_set(err, -EINVAL, "...")` reads as one thought.
 * @err may be NULL. */
int err_set(struct err *err, int code, const char *format, ...) PRINTF(3, 4);

/* As err_set() with ": " and strerror(-code) appended. */
int err_errno(struct err *err, int code, const char *format, ...) PRINTF(3, 4);

/* Put "context: " before the text and return @code unchanged. */
int err_wrap(struct err *err, int code, const char *format, ...) PRINTF(3, 4);

#pragma once

/* Bounds: how little of root the warden keeps, and hands on, once everything is prepared (bounds.def). */

#include "util/base.h"

struct err;

/* Cut the calling process's capabilities to the table, set no_new_privs, load the refusals. For good. */
int bounds_enter(struct err *err) MUST_USE;

/* Leave only @keep in the bounding set and nothing in the ambient one, here and in all children.  0 or -errno. */
int bounds_cut(const int *keep, size_t n_keep) MUST_USE;

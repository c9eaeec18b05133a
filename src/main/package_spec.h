#pragma once

/*
 * Package spec: which packages a file of rules wants.
 *
 * A line is `GLOB RANGE`: of each package whose name the glob matches the newest version in the range is wanted.  `!` in front
 * takes back what the lines above wanted.  `#` begins a comment.
 */

#include "util/bytes.h"

struct err;

struct package {
        const char *name;
        const char *version;
        bool installed;
        bool wanted;
};

/*
 * Mark what is wanted.  @on_idle is told of each line (but those with `!`) that matched no package at all.  0, or -EINVAL with
 * "LINE: what is wrong" in @err.
 */
int package_spec_apply(struct view spec, struct package *packages, size_t n_packages,
                       void (*on_idle)(void *arg, unsigned line, const char *glob, const char *range),
                       void *arg, struct err *err) MUST_USE;

/* Is @version, which may lack its last numbers, in @range? */
bool package_in_range(const char *version, const char *range);

/* <0, 0, >0 as @a stands before, at, behind @b; what is no version stands before all. */
int package_compare(const char *a, const char *b);

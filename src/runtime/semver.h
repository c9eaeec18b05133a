#pragma once

/*
 * Semver: versions and ranges as node-semver's `satisfies` without includePrerelease reads them, and the
 * spellings of Masterminds/semver ("=>", "=<", "~>", commas, "!=") where the two do not contradict.
 *
 * Pure, allocates nothing, does not recurse; a range longer than SEMVER_RANGE_MAX is unreadable.
 */

#include "util/base.h"

enum {
        SEMVER_RANGE_MAX = 256,
        SEMVER_TAG_MAX = 64,
        SEMVER_NUMBER_MAX = 1000000000,
};

struct semver {
        uint32_t major;
        uint32_t minor;
        uint32_t patch;
        char tag[SEMVER_TAG_MAX]; /* prerelease without its '-', "" for none; build metadata is dropped */
};

/* "3.11.2", "v3.11.2-rc.1+build"; all three numbers must be there.  0 or -EINVAL. */
int semver_parse(const char *text, struct semver *ret_version) MUST_USE;

/* <0, 0, >0 as @a stands before, at, behind @b; a prerelease stands before its release. */
int semver_compare(const struct semver *a, const struct semver *b);

/* False too for a range that cannot be read. */
bool semver_satisfies(const struct semver *version, const char *range);

/* Can @range be read at all? */
bool semver_range_ok(const char *range);

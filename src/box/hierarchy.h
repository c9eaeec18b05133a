#pragma once

/* Hierarchy: where a cgroup controller lives on this host, and our own group in it. */

#include "util/base.h"

#include <limits.h>

struct hierarchy {
        int version;         /* 1 or 2 */
        char path[PATH_MAX]; /* our own group, as a path */
};

/*
 * The hierarchy that holds controller @v1 (as v1 names it), else the v2 tree if it has @v2 enabled for our
 * group; @v2 NULL: the v2 tree with or without controllers.  @v1 NULL: only v2.  False: neither is mounted.
 * @parent: the group to take in the v2 tree, as a path below its mount point; NULL or "": our own.
 */
bool hierarchy_find(const char *v1, const char *v2, const char *parent, struct hierarchy *ret_place) MUST_USE;

/* KERNEL: the root of a v2 tree may hold processes and hand controllers to its children all the same. */
bool hierarchy_is_root(const struct hierarchy *place) MUST_USE;

/* Is @word in the list of words that @file of this group holds? */
bool hierarchy_lists(const char *folder, const char *file, const char *word) MUST_USE;

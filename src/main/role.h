#pragma once

/*
 * Role: a process of the engine that gives up root for good.
 *
 * Own user and group, no supplementary groups, no capability in any set, no_new_privs, not dumpable, only the
 * descriptors it was given, and the filter of role.def.
 */

#include "util/base.h"

enum role_kind {
        ROLE_PLAIN,    /* opens no file */
        ROLE_FILES,    /* keeps files, in the folder that is its root by then */
        ROLE_NETWORK,  /* talks to other machines; may open files, none of which it could write by then */
        ROLE_PACKAGES, /* that, and keeps packages */
};

struct err;

/*
 * Become user @uid with nothing but descriptors 0 to 2 and @keep.  @name is what ps and the log show.
 * A failure is fatal for the role: it must not serve with privileges left.
 */
int role_enter(const char *name, enum role_kind kind, uint32_t uid, const int *keep, size_t n_keep,
               struct err *err) MUST_USE;

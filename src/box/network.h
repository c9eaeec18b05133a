#pragma once

/* Network: the slot's own network namespace, which remembers nothing from box to box.  Both return 0 or -errno. */

#include "util/base.h"

int network_raise_loopback(void) MUST_USE;

/* @proc: a writable procfs.  Needs root's user and no capability but what owning the namespace brings. */
int network_forget(int proc) MUST_USE;

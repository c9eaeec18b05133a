#pragma once

/* Root: the finished root of a slot, built once by its keeper; every box clones it. */

#include "box/slot.h"

/*
 * Build the root on boot->root and make it the root of the calling process's mount namespace, which must
 * be its own.  Afterwards nothing of the host can be named.  0, or -errno and the step in *ret_step.
 */
int root_build(const struct slot_boot *boot, enum step *ret_step) MUST_USE;

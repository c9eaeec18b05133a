#pragma once

/* Root: the finished root of a slot, built once by its keeper; every box clones it. */

#include "box/slot.h"

/*
 * @image: NULL, or the folder whose files it shows instead of the host's; what the box brings itself (template.def) lies over
 * them, and nothing in it is followed, run or opened by this.
 *
 * Build the root on boot->root and make it the root of the calling process's mount namespace, which must
 * be its own.  Afterwards nothing of the host can be named.  0, or -errno and the step in *ret_step.
 */
int root_build(const struct slot_boot *boot, const char *image, enum step *ret_step) MUST_USE;

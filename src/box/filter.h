#pragma once

/*
 * Filter: seccomp.def as two BPF programs, built once by the warden and loaded once by each keeper with a third for sockets;
 * every box inherits them at no cost.  A tiny one (last_filter.h) takes the set-up calls away before the program starts.
 */

#include "box/slot.h"

struct err;

/*
 * Build them into boot->filter and boot->n_filter.  Fails where a name of the table is unknown to the installed
 * libseccomp, or the result is larger than SLOT_FILTER_MAX.
 */
int filter_build(struct slot_boot *boot, struct err *err) MUST_USE;

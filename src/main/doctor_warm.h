#pragma once

/*
 * What engines on this host keep warm just now, told by their processes: zygotes beside keepers, and programs that wait in
 * their boxes, by command line, with the memory that is theirs alone (Pss).  Needs root to see it.
 */

#include "util/base.h"

#include <jansson.h>

/* [{"command": "python3 main.py", "zygotes": 2, "zygote_bytes": n, "waiting": 2, "waiting_bytes": n}], the caller's. */
json_t *doctor_warm_look(void);

/* The same as lines; nothing where nothing is warm. */
void doctor_warm_print(const json_t *rows, uint64_t idle_ns);

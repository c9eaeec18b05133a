#pragma once

/* Page: what a browser gets at `/`, where every other client gets Piston's banner. */

#include "util/bytes.h"

struct exchange;

/* Does this Accept field ask for HTML sooner than for JSON? */
bool page_is_wanted(struct view accept);

void door_page_root(struct exchange *exchange);

#pragma once

/* The probes of checks.def: one function per row.  True when the host has it; @found says what is there or not. */

#include "box/checks.h"

typedef bool (*check_probe_fn)(const struct checks_ask *ask, char found[200]);

#define CHECK(NAME, id, WEIGHT, title, lost, mend)                                                           \
        bool check_probe_##id(const struct checks_ask *ask, char found[200]);
#include "box/checks.def"
#undef CHECK

/* Say what was found and return @ok. */
bool check_found(bool ok, char found[200], const char *format, ...) PRINTF(3, 4);

/* First line of a file without its newline; false when it cannot be read. */
bool check_read_line(const char *path, char *text, size_t room);

#pragma once

/* Numbers as text where a box is made: printf costs each new process a dozen pages. */

#include <stdint.h>

enum { NUMBER_ROOM = 24 }; /* 64 bits in octal and the NUL */

/* @value in base 8 or 10 at @p, which has NUMBER_ROOM bytes; a NUL behind it.  Returns where that is. */
char *number_text(char *p, uint64_t value, unsigned base);

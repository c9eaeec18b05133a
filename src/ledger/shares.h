#pragma once

/* Shares: what the file of keys says of their owners' durable jobs, told to the queue. */

#include "config/keys.h"

struct book;

/* From an open file, which is taken over.  0, or -errno with a word in the log: all stays as it was. */
int shares_load_take(struct book *book, struct keys *known, int fd);

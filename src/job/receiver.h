#pragma once

/*
 * Receiver: who is told that a job has ended, as a URL that a stranger wrote.
 *
 * Taken is http:// and https:// with a name or an address in its one usual form, and a port on which such servers are
 * found.  Everything else that some library might understand is refused, so that there is one reading of it.
 */

#include "util/address.h"

enum { RECEIVER_URL_MAX = 2048, RECEIVER_HOST_MAX = 253 };

struct receiver_url {
        bool tls;
        bool is_address;                  /* the host is no name */
        struct address address;           /* then */
        char host[RECEIVER_HOST_MAX + 1]; /* without brackets */
        uint16_t port;
};

/* 0, or -EINVAL with a sentence. */
int receiver_parse(const char *text, struct receiver_url *ret_url, struct err *err) MUST_USE;

/* May it be connected to?  Global, or in one of @allowed. */
bool receiver_may_be(const struct address *address, const struct address_blocks *allowed);

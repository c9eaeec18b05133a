#pragma once

/*
 * Address: IPv4 and IPv6 addresses, blocks of them, and which of them everybody means the same machine by.
 *
 * Families are never mixed: ::ffff:127.0.0.1 is an IPv6 address, lies in no IPv4 block, and is not global.
 */

#include "util/base.h"

struct err;
struct sockaddr;

struct address {
        int family; /* AF_INET or AF_INET6 */
        unsigned char bytes[16];
};

struct address_block {
        struct address net;
        unsigned bits;
};

enum { ADDRESS_TEXT_MAX = 46, ADDRESS_BLOCKS_MAX = 64 };

struct address_blocks {
        struct address_block blocks[ADDRESS_BLOCKS_MAX];
        size_t n;
};

/* Four decimal numbers, or IPv6 as RFC 4291 writes it; nothing else that some libraries take.  0 or -EINVAL. */
int address_parse(const char *text, struct address *ret_address) MUST_USE;
int address_of(const struct sockaddr *socket_address, struct address *ret_address) MUST_USE;
void address_text(const struct address *address, char text[ADDRESS_TEXT_MAX]);

/* Blocks as "10.0.0.0/8, fd00::/8, 192.0.2.7", comma between; "" is none.  0, or -EINVAL with the word it is about. */
int address_blocks_parse(const char *text, struct address_blocks *ret_blocks, struct err *err) MUST_USE;
bool address_blocks_have(const struct address_blocks *blocks, const struct address *address);

/* Outside of every private, local, shared, reserved, translated or multicast block. */
bool address_is_global(const struct address *address);

/*
 * Theory of operation: what is not global is listed for IPv4, as the registry of special addresses does; of IPv6 only what
 * has been given out (2000::/3) can be global, but for the blocks that stand for other networks or for none.
 */
#include "util/address.h"
#include "util/err.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static const struct closed {
        const char *net;
        unsigned bits;
} closed[] = {
        { "0.0.0.0", 8 },       /* this network */
        { "10.0.0.0", 8 },      /* private */
        { "100.64.0.0", 10 },   /* shared by carriers */
        { "127.0.0.0", 8 },     /* loopback */
        { "169.254.0.0", 16 },  /* link-local, and the metadata of clouds */
        { "172.16.0.0", 12 },   /* private */
        { "192.0.0.0", 24 },    /* protocols */
        { "192.0.2.0", 24 },    /* documentation */
        { "192.88.99.0", 24 },  /* 6to4 relays */
        { "192.168.0.0", 16 },  /* private */
        { "198.18.0.0", 15 },   /* benchmarks */
        { "198.51.100.0", 24 }, /* documentation */
        { "203.0.113.0", 24 },  /* documentation */
        { "224.0.0.0", 3 },     /* multicast, reserved, broadcast */
        { "2001::", 23 },       /* protocols, Teredo */
        { "2001:db8::", 32 },   /* documentation */
        { "2002::", 16 },       /* 6to4: holds an IPv4 address */
        { "3fff::", 20 },       /* documentation */
};

static bool has(const struct address *net, unsigned bits, const struct address *address)
{
        unsigned whole = bits / 8, rest = bits % 8;

        if (net->family != address->family || memcmp(net->bytes, address->bytes, whole) != 0)
                return false;
        return rest == 0 || (net->bytes[whole] ^ address->bytes[whole]) >> (8 - rest) == 0;
}

int address_parse(const char *text, struct address *ret_address)
{
        *ret_address = (struct address){ .family = strchr(text, ':') ? AF_INET6 : AF_INET };
        return inet_pton(ret_address->family, text, ret_address->bytes) == 1 ? 0 : -EINVAL;
}

int address_of(const struct sockaddr *socket_address, struct address *ret_address)
{
        *ret_address = (struct address){ .family = socket_address->sa_family };
        if (socket_address->sa_family == AF_INET)
                memcpy(ret_address->bytes, &((const struct sockaddr_in *)socket_address)->sin_addr, 4);
        else if (socket_address->sa_family == AF_INET6)
                memcpy(ret_address->bytes, &((const struct sockaddr_in6 *)socket_address)->sin6_addr, 16);
        else
                return -EINVAL;
        return 0;
}

void address_text(const struct address *address, char text[ADDRESS_TEXT_MAX])
{
        if (!inet_ntop(address->family, address->bytes, text, ADDRESS_TEXT_MAX))
                snprintf(text, ADDRESS_TEXT_MAX, "?");
}

static int block_parse(char *word, struct address_block *block)
{
        char *slash = strchr(word, '/'), *end;
        unsigned long bits;

        if (slash)
                *slash++ = '\0';
        if (address_parse(word, &block->net) < 0)
                return -EINVAL;
        block->bits = block->net.family == AF_INET ? 32 : 128;
        if (!slash)
                return 0;
        bits = strtoul(slash, &end, 10);
        if (slash[0] < '0' || slash[0] > '9' || *end || bits > block->bits)
                return -EINVAL;
        block->bits = (unsigned)bits;
        return 0;
}

int address_blocks_parse(const char *text, struct address_blocks *ret_blocks, struct err *err)
{
        ret_blocks->n = 0;
        while (*text) {
                size_t n = strcspn(text, ", ");
                char word[ADDRESS_TEXT_MAX + 4];

                if (n > 0 && ret_blocks->n == ADDRESS_BLOCKS_MAX)
                        return err_set(err, -EINVAL, "more than %d blocks of addresses", ADDRESS_BLOCKS_MAX);
                snprintf(word, sizeof(word), "%.*s", (int)MIN(n, sizeof(word) - 1), text);
                if (n > 0 && block_parse(word, &ret_blocks->blocks[ret_blocks->n++]) < 0)
                        return err_set(err, -EINVAL,
                                       "\"%.*s\" is no block of addresses (for example 10.0.0.0/8)", (int)n,
                                       text);
                text += n + (text[n] != '\0');
        }
        return 0;
}

bool address_blocks_have(const struct address_blocks *blocks, const struct address *address)
{
        for (size_t i = 0; i < blocks->n; i++)
                if (has(&blocks->blocks[i].net, blocks->blocks[i].bits, address))
                        return true;
        return false;
}

bool address_is_global(const struct address *address)
{
        struct address net;

        if (address->family == AF_INET6 && address->bytes[0] >> 5 != 1)
                return false; /* outside of 2000::/3: loopback, mapped, NAT64, local, multicast */
        for (size_t i = 0; i < ARRAY_LEN(closed); i++)
                if (address_parse(closed[i].net, &net) == 0 && has(&net, closed[i].bits, address))
                        return false;
        return true;
}

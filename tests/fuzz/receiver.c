/*
 * A webhook's URL, and blocks of addresses: what is taken has one reading, and no private address passes unnamed.
 * The input is a line of blocks, then the URL.
 */
#include "job/receiver.h"
#include "fuzz.h"
#include "util/bytes.h"
#include "util/err.h"

#include <ctype.h>
#include <stdio.h>

static void check(const char *text, const struct receiver_url *url)
{
        char again[RECEIVER_URL_MAX + 64];
        struct receiver_url other;
        struct err err;
        bool brackets = url->is_address && strchr(url->host, ':');

        must(url->port > 0 && url->host[0] && strlen(text) <= RECEIVER_URL_MAX);
        for (const char *p = url->host; *p; p++)
                must(isalnum((unsigned char)*p) || strchr(".-_:", *p));
        snprintf(again, sizeof(again), "%s://%s%s%s:%u/", url->tls ? "https" : "http", brackets ? "[" : "",
                 url->host, brackets ? "]" : "", url->port);
        must(receiver_parse(again, &other, &err) == 0);
        must(streq(other.host, url->host) && other.port == url->port && other.tls == url->tls);
        must(other.is_address == url->is_address);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct address_blocks blocks, none;
        CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(size + 1);
        struct receiver_url url;
        char *newline;
        struct err err;

        if (size == 0 || memchr(data, '\0', size) || bytes_add(&text, data, size) < 0)
                return 0;
        newline = strchr(text.p, '\n');
        if (newline)
                *newline = '\0';
        if (address_blocks_parse(newline ? text.p : "", &blocks, &err) < 0)
                blocks.n = 0;
        must(blocks.n <= ADDRESS_BLOCKS_MAX);
        if (receiver_parse(newline ? newline + 1 : text.p, &url, &err) < 0)
                return 0;
        check(newline ? newline + 1 : text.p, &url);
        if (url.is_address && receiver_may_be(&url.address, &none))
                must(address_is_global(&url.address) && receiver_may_be(&url.address, &blocks));
        return 0;
}

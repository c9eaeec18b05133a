/*
 * Theory of operation: the text is cut by hand into scheme, host and port, with a set of bytes for each; what follows is
 * not read, only kept free of bytes that could end a line.
 */
#include "job/receiver.h"
#include "util/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define REFUSE(err, ...) err_set(err, -EINVAL, __VA_ARGS__)

/* Above 1023, what speaks a line protocol or opens a machine, and so must not be sent bytes of a stranger's choice. */
static const uint16_t closed_ports[] = { 1719, 1720, 1723, 2049, 2375,  2376,  2379,  2380,  3306,
                                         3389, 3659, 4045, 4190, 5060,  5061,  5432,  5672,  6000,
                                         6379, 6566, 6665, 6666, 6667,  6668,  6669,  6679,  6697,
                                         9042, 9092, 9200, 9300, 10250, 10255, 10080, 11211, 27017 };

static bool is_port_open(unsigned long port)
{
        if (port == 80 || port == 443)
                return true;
        if (port < 1024 || port > 65535)
                return false;
        for (size_t i = 0; i < ARRAY_LEN(closed_ports); i++)
                if (closed_ports[i] == port)
                        return false;
        return true;
}

static int take_port(const char *text, size_t n, struct receiver_url *url, struct err *err)
{
        char digits[8];
        unsigned long port;

        if (n == 0 || n >= sizeof(digits) || strspn(text, "0123456789") < n)
                return REFUSE(err, "the port of a webhook's url is a number");
        snprintf(digits, sizeof(digits), "%.*s", (int)n, text);
        port = strtoul(digits, NULL, 10);
        if (!is_port_open(port))
                return REFUSE(err, "a webhook cannot go to port %lu", port);
        url->port = (uint16_t)port;
        return 0;
}

/* "127.1", "0x7f000001" and "2130706433" are addresses to some and names to others. */
static bool looks_like_number(const char *host)
{
        size_t n = strlen(host);
        const char *last;

        if (n > 0 && host[n - 1] == '.')
                n--;
        for (last = host + n; last > host && last[-1] != '.'; last--)
                ;
        return last == host + n || (last[0] >= '0' && last[0] <= '9');
}

static int take_host(const char *text, size_t n, struct receiver_url *url, struct err *err)
{
        static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
        bool bracketed = n >= 2 && text[0] == '[' && text[n - 1] == ']';

        if (bracketed) {
                text++;
                n -= 2;
        }
        if (n == 0 || n > RECEIVER_HOST_MAX)
                return REFUSE(err, "a webhook's url needs a host of at most %d bytes", RECEIVER_HOST_MAX);
        snprintf(url->host, sizeof(url->host), "%.*s", (int)n, text);
        if (bracketed || looks_like_number(url->host)) {
                url->is_address = true;
                if (address_parse(url->host, &url->address) < 0 || bracketed != !!strchr(url->host, ':'))
                        return REFUSE(err,
                                      "the host of a webhook's url is no address as it is usually written");
        } else if (strspn(url->host, letters) < n || url->host[0] == '.' || strstr(url->host, "..")) {
                return REFUSE(err, "the host of a webhook's url is no name");
        }
        return 0;
}

int receiver_parse(const char *text, struct receiver_url *ret_url, struct err *err)
{
        const char *host, *colon;
        size_t n;
        int r;

        *ret_url = (struct receiver_url){ .port = 80 };
        if (strlen(text) > RECEIVER_URL_MAX)
                return REFUSE(err, "a webhook's url has at most %d bytes", RECEIVER_URL_MAX);
        for (const char *p = text; *p; p++)
                if (*p <= ' ' || *p > '~' || strchr("\"<>\\^`{|}#", *p))
                        return REFUSE(err, "a webhook's url holds a byte that must be percent-encoded");
        if (strncasecmp(text, "https://", 8) == 0)
                *ret_url = (struct receiver_url){ .tls = true, .port = 443 };
        else if (strncasecmp(text, "http://", 7) != 0)
                return REFUSE(err, "a webhook's url begins with http:// or https://");
        host = text + (ret_url->tls ? 8 : 7);
        n = strcspn(host, "/?");
        if (memchr(host, '@', n))
                return REFUSE(err, "a webhook's url holds no user and no password");
        colon = memrchr(host, ':', n);
        if (colon && host[0] == '[' && memchr(colon, ']', n - (size_t)(colon - host)))
                colon = NULL; /* within the address */
        r = colon ? take_port(colon + 1, n - (size_t)(colon + 1 - host), ret_url, err) : 0;
        return r ? r : take_host(host, colon ? (size_t)(colon - host) : n, ret_url, err);
}

bool receiver_may_be(const struct address *address, const struct address_blocks *allowed)
{
        return address_is_global(address) || address_blocks_have(allowed, address);
}

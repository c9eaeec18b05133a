/*
 * One socket per address.  SO_REUSEADDR so that a restart does not wait for old connections; not SO_REUSEPORT, so a
 * second engine on the same port is told so instead of taking every other client.
 */
#include "main/listen.h"
#include "util/err.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

enum { BACKLOG = 1024 };

/* Cut "host:port", "[host]:port", ":port" or "port" into its parts. */
static int cut(const char *text, size_t n, char host[256], char port[16], struct err *err)
{
        char word[300];
        char *colon, *h = word, *p;

        if (n >= sizeof(word))
                return err_set(err, -EINVAL, "bind_address: '%.40s...' is too long for an address", text);
        memcpy(word, text, n);
        word[n] = '\0';
        colon = strrchr(word, ':');
        p = colon ? colon + 1 : word;
        if (colon)
                *colon = '\0';
        else
                h = word + n;
        if (h[0] == '[' && h[strlen(h) - 1] == ']') {
                h[strlen(h) - 1] = '\0';
                h++;
        } else if (strchr(h, ':')) {
                return err_set(err, -EINVAL, "bind_address: write IPv6 addresses as [%s]:%s", h, p);
        }
        if (strlen(p) == 0 || strlen(p) > 5 || strspn(p, "0123456789") != strlen(p) ||
            strtol(p, NULL, 10) > 65535)
                return err_set(err, -EINVAL, "bind_address: '%.*s' has no port; write it as 127.0.0.1:2000",
                               (int)n, text);
        snprintf(host, 256, "%s", h);
        snprintf(port, 16, "%s", p);
        return 0;
}

static int open_one(const struct addrinfo *info)
{
        CLEANUP(close_fd)
        int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, info->ai_protocol);
        int on = 1;

        if (fd < 0)
                return -errno;
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (info->ai_family == AF_INET6)
                (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
        if (bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int explain(int r, const char *host, const char *port, struct err *err)
{
        if (r == -EADDRINUSE)
                return err_set(err, r,
                               "port %s of %s is in use: stop the program that holds it (ss -ltnp shows it), "
                               "or choose "
                               "another with --bind-address",
                               port, *host ? host : "this machine");
        return err_errno(err, r, "cannot listen on %s:%s", host, port);
}

static int open_all(const char *host, const char *port, int fds[LISTEN_MAX], size_t *n, struct err *err)
{
        struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                  .ai_socktype = SOCK_STREAM,
                                  .ai_flags = AI_PASSIVE };
        struct addrinfo *list;
        int r = getaddrinfo(*host ? host : NULL, port, &hints, &list);
        size_t before = *n;

        if (r != 0)
                return err_set(err, -EINVAL, "bind_address: '%s' is no address of this machine: %s", host,
                               gai_strerror(r));
        r = 0;
        for (const struct addrinfo *info = list; info && r >= 0 && *n < LISTEN_MAX; info = info->ai_next) {
                r = open_one(info);
                if (r == -EAFNOSUPPORT && !*host)
                        r = 0; /* no IPv6 here: the other family is enough */
                else if (r >= 0)
                        fds[(*n)++] = r;
        }
        freeaddrinfo(list);
        if (r < 0)
                return explain(r, host, port, err);
        return *n > before
                       ? 0
                       : err_set(err, -EADDRNOTAVAIL, "bind_address: nothing to listen on for '%s'", host);
}

int listen_open(const char *list, int ret_fds[LISTEN_MAX], size_t *ret_n, struct err *err)
{
        char host[256], port[16];
        int r = 0;

        *ret_n = 0;
        for (const char *p = list; r == 0 && *p;) {
                size_t n = strcspn(p, ", ");

                if (n > 0) {
                        r = cut(p, n, host, port, err);
                        r = r ? r : open_all(host, port, ret_fds, ret_n, err);
                }
                p += n + (p[n] != '\0');
        }
        if (r == 0 && *ret_n == 0)
                r = err_set(err, -EINVAL, "bind_address is empty; write it as 127.0.0.1:2000");
        for (size_t i = 0; r < 0 && i < *ret_n; i++)
                close_fd(&ret_fds[i]);
        return r;
}

bool listen_is_local(int fd)
{
        struct sockaddr_storage address = { 0 };
        const struct sockaddr_in *four = (const struct sockaddr_in *)&address;
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&address;
        socklen_t len = sizeof(address);

        if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
                return false;
        if (address.ss_family == AF_INET)
                return ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
        return address.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

void listen_url(int fd, char *url, size_t room)
{
        struct sockaddr_storage address = { 0 };
        socklen_t len = sizeof(address);
        char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?";

        if (getsockname(fd, (struct sockaddr *)&address, &len) == 0)
                (void)getnameinfo((struct sockaddr *)&address, len, host, sizeof(host), port, sizeof(port),
                                  NI_NUMERICHOST | NI_NUMERICSERV);
        snprintf(url, room, address.ss_family == AF_INET6 ? "http://[%s]:%s" : "http://%s:%s", host, port);
}

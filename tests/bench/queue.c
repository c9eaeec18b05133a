/*
 * Hands in durable jobs as fast as they are taken: so many kept-alive connections, one thread, one request each under way.
 *
 *   bench-queue PORT BODY COUNT CONNECTIONS        BODY: the file with the JSON of one job
 *
 * Every connection sends the same bytes again and again.  Prints one line of JSON: how many were accepted, how many were
 * answered otherwise, how many a second, and how long an answer took.
 */
#include "util/bytes.h"
#include "util/clock.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { CONNECTIONS_MAX = 1024, REPLY_CAP = 16384, BODY_CAP = 1 << 20, EVENTS = 64 };

struct client {
        int fd;
        uint64_t asked_ns;
        size_t n;
        char reply[REPLY_CAP];
};

struct load {
        int epoll;
        struct bytes request;
        struct client *clients;
        size_t n_clients;
        uint64_t *took_ns;
        size_t asked, answered, accepted, count;
};

static NORETURN void die(const char *what)
{
        fprintf(stderr, "bench-queue: %s\n", what);
        exit(1);
}

static int connect_to(uint16_t port)
{
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_port = htons(port),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
                die("no engine answers");
        return fd;
}

/* A request of this size fits into the socket's buffer: it is sent whole. */
static void ask(struct load *load, struct client *client)
{
        if (load->asked >= load->count)
                return;
        load->asked++;
        client->n = 0;
        client->asked_ns = clock_now_ns();
        if (send(client->fd, load->request.p, load->request.n, MSG_NOSIGNAL) != (ssize_t)load->request.n)
                die("the engine hung up");
}

/* The whole answer is there once its head says how long it is and as much has come. */
static bool is_complete(const struct client *client)
{
        const char *body = strstr(client->reply, "\r\n\r\n");
        const char *length = strcasestr(client->reply, "\r\ncontent-length:");

        return body && length && length < body &&
               client->n - (size_t)(body + 4 - client->reply) >=
                       strtoul(length + strlen("\r\ncontent-length:"), NULL, 10);
}

static void on_readable(struct load *load, struct client *client)
{
        ssize_t r = recv(client->fd, client->reply + client->n, REPLY_CAP - 1 - client->n, 0);

        if (r <= 0)
                die("the engine hung up");
        client->n += (size_t)r;
        client->reply[client->n] = '\0';
        if (!is_complete(client))
                return;
        load->took_ns[load->answered++] = clock_now_ns() - client->asked_ns;
        load->accepted += strncmp(client->reply, "HTTP/1.1 202 ", 13) == 0;
        ask(load, client);
}

static int by_size(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x < y ? -1 : x > y;
}

static void report(struct load *load, uint64_t took_ns)
{
        qsort(load->took_ns, load->answered, sizeof(*load->took_ns), by_size);
        printf("{\"accepted\": %zu, \"refused\": %zu, \"per_second\": %.0f, \"p50\": %lu, \"p99\": %lu}\n",
               load->accepted, load->answered - load->accepted,
               (double)load->accepted * 1e9 / (double)took_ns, load->took_ns[load->answered / 2],
               load->took_ns[load->answered * 99 / 100]);
}

static void run(struct load *load)
{
        struct epoll_event events[EVENTS];

        for (size_t i = 0; i < load->n_clients; i++)
                ask(load, &load->clients[i]);
        while (load->answered < load->count) {
                int n = epoll_wait(load->epoll, events, EVENTS, 30000);

                if (n <= 0)
                        die("no answer for 30 seconds");
                for (int i = 0; i < n; i++)
                        on_readable(load, events[i].data.ptr);
        }
}

static void request_make(struct load *load, const char *path)
{
        CLEANUP(bytes_deinit) struct bytes body = BYTES_INIT(BODY_CAP);

        load->request = BYTES_INIT(BODY_CAP + 1024);
        if (bytes_read_file(&body, path) < 0 ||
            bytes_printf(&load->request,
                         "POST /v3/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                         "Content-Length: %zu\r\n\r\n",
                         body.n) < 0 ||
            bytes_add(&load->request, body.p, body.n) < 0)
                die("the body cannot be read");
}

int main(int argc, char **argv)
{
        struct load load = { .epoll = epoll_create1(EPOLL_CLOEXEC) };
        uint64_t start;

        if (argc != 5)
                die("usage: bench-queue PORT BODY COUNT CONNECTIONS");
        request_make(&load, argv[2]);
        load.count = strtoul(argv[3], NULL, 10);
        load.n_clients = strtoul(argv[4], NULL, 10);
        if (load.count == 0 || load.n_clients == 0 || load.n_clients > CONNECTIONS_MAX)
                die("COUNT is at least 1, CONNECTIONS 1 to 1024");
        load.clients = calloc(load.n_clients, sizeof(*load.clients));
        load.took_ns = calloc(load.count, sizeof(*load.took_ns));
        if (!load.clients || !load.took_ns)
                die("out of memory");
        for (size_t i = 0; i < load.n_clients; i++) {
                struct epoll_event event = { .events = EPOLLIN, .data.ptr = &load.clients[i] };

                load.clients[i].fd = connect_to((uint16_t)strtoul(argv[1], NULL, 10));
                if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, load.clients[i].fd, &event) < 0)
                        die("epoll");
        }
        start = clock_now_ns();
        run(&load);
        report(&load, clock_now_ns() - start);
        return load.accepted == load.count ? 0 : 2;
}

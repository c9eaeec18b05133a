/* "spoil" leaves traces in the network namespace; "look" tells which traces of programs before it can be found there. */
#include "probe.h"
#include <dirent.h>
#include <linux/in6.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { RTO_OF_OLD_US = 200000, LABEL = 0x4242 };

/* The first timeout of a connection: its own measure is rounded up, what is kept of an earlier one makes it 200 ms. */
static unsigned connection(void)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
        int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
        struct tcp_info info = { 0 };
        socklen_t n = sizeof(address), n_info = sizeof(info);

        if (bind(listener, (void *)&address, n) == 0 && listen(listener, 1) == 0 &&
            getsockname(listener, (void *)&address, &n) == 0 && connect(client, (void *)&address, n) == 0)
                getsockopt(client, IPPROTO_TCP, TCP_INFO, &info, &n_info);
        return close(client) + close(accept(listener, NULL, NULL)) + close(listener) + info.tcpi_rto;
}

static int label(void)
{
        struct in6_flowlabel_req request = { .flr_label = htonl(LABEL),
                                             .flr_action = IPV6_FL_A_GET,
                                             .flr_share = IPV6_FL_S_ANY,
                                             .flr_flags = IPV6_FL_F_CREATE,
                                             .flr_linger = 6 };
        int fd = socket(AF_INET6, SOCK_DGRAM, 0);

        request.flr_dst = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
        return setsockopt(fd, IPPROTO_IPV6, IPV6_FLOWLABEL_MGR, &request, sizeof(request));
}

/* Counters and lists, of this namespace and of the host.  Addresses and routes are the same everywhere. */
static void files(void)
{
        DIR *dir = opendir("/proc/self/net");
        struct dirent *entry;
        char path[512];

        while (dir && (entry = readdir(dir))) {
                if (strstr(". .. if_inet6 route", entry->d_name))
                        continue;
                snprintf(path, sizeof(path), "/proc/self/net/%s", entry->d_name);
                TRY(entry->d_name, open(path, O_RDONLY));
        }
}

int main(int argc, char **argv)
{
        if (strcmp(argv[1], "spoil") == 0)
                return connection() + label() < 0;
        files();
        TRY("flow-label", label());
        return check("round-trips", connection() == RTO_OF_OLD_US), done();
}

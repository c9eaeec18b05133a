/* Memory in sockets that nobody reads: "tcp", "udp", "local".  More than 96 MiB is an escape where the memory limit is
 * 64 MiB. */
#include "probe.h"
#include <netinet/in.h>
#include <sys/socket.h>

static char block[40000];
static int big = 1 << 23;

static long fill(int fd)
{
        long n = 0;
        ssize_t r;

        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &big, sizeof(big));
        while ((r = send(fd, block, sizeof(block), MSG_DONTWAIT)) > 0)
                n += r;
        return n;
}

static long one(const char *how, struct sockaddr_in address, int listener)
{
        int pair[2], fd = socket(AF_INET, how[0] == 't' ? SOCK_STREAM : SOCK_DGRAM, 0);
        socklen_t n = sizeof(address);

        if (how[0] == 'l')
                return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0 ? -1 : fill(pair[0]);
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
        if (how[0] == 't')
                return connect(fd, (void *)&address, n) < 0 || accept(listener, NULL, NULL) < 0 ? -1
                                                                                                : fill(fd);
        address.sin_port = 0;
        if (bind(fd, (void *)&address, n) < 0 || getsockname(fd, (void *)&address, &n) < 0 ||
            connect(fd, (void *)&address, n) < 0)
                return -1;
        for (int i = 0; i < 4; i++)
                if (send(fd, block, sizeof(block), MSG_DONTWAIT) < 0)
                        return -1;
        for (n = 0; recv(fd, block, sizeof(block), MSG_DONTWAIT) > 0; n += sizeof(block))
                ;
        for (int i = 0; i < 4; i++) /* again, to stay */
                (void)!send(fd, block, sizeof(block), MSG_DONTWAIT);
        return n;
}

int main(int argc, char **argv)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
        int listener = socket(AF_INET, SOCK_STREAM, 0);
        socklen_t n = sizeof(address);
        long all = 0, r = 0;
        if (bind(listener, (void *)&address, n) < 0 || listen(listener, 64) < 0 ||
            getsockname(listener, (void *)&address, &n) < 0)
                return 1;
        for (int i = 0; i < 2000 && r >= 0 && all < 1L << 27; i++)
                all += (r = one(argv[1], address, listener)) > 0 ? r : 0;
        printf("%ld MiB, %s\n", all >> 20, strerrorname_np(errno));
        check("socket-memory", all > 96L << 20);
        return done();
}

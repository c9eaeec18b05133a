/* Protocols that load modules or open rarely walked kernel code: other transports, layers put onto TCP. */
#include "probe.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

int main(void)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
        socklen_t n = sizeof(address);
        int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

        TRY("sctp", socket(AF_INET, SOCK_STREAM, 132));
        TRY("sctp-seq", socket(AF_INET6, SOCK_SEQPACKET, 132));
        TRY("dccp", socket(AF_INET, 6, 33));
        TRY("udplite", socket(AF_INET, SOCK_DGRAM, 136));
        TRY("mptcp", socket(AF_INET, SOCK_STREAM, 262));
        TRY("smc", socket(AF_INET, SOCK_STREAM, 256));
        TRY("l2tp", socket(AF_INET, SOCK_DGRAM, 115));
        TRY("ping", socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
        TRY("mptcp-high-bits", syscall(SYS_socket, AF_INET, SOCK_STREAM, 262 + (1L << 32)));
        (void)bind(listener, (void *)&address, sizeof(address));
        (void)getsockname(listener, (void *)&address, &n);
        if (listen(listener, 1) == 0 && connect(fd, (void *)&address, sizeof(address)) == 0) {
                TRY("tcp-tls", setsockopt(fd, IPPROTO_TCP, 31, "tls", 3));
                TRY("tcp-smc", setsockopt(fd, IPPROTO_TCP, 31, "smc", 3));
        }
        return done();
}

/* Socket families and types; "netlink" its protocols, "raw" what sees or changes packets, "alg", "vsock" one family. */
#include "probe.h"
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static void sweep(int first, int last)
{
        static const int types[] = {
                SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET, SOCK_PACKET
        };
        char what[32];

        for (int family = first; family <= last; family++)
                for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
                        if ((family == AF_UNIX || family == AF_INET || family == AF_INET6) &&
                            types[i] != SOCK_RAW && types[i] != SOCK_PACKET)
                                continue;
                        if (family == AF_UNIX)
                                continue; /* raw is another word for datagram there */
                        snprintf(what, sizeof(what), "family-%d-type-%d", family, types[i]);
                        TRY(what, socket(family, types[i], 0));
                }
}

static void raw(void)
{
        int one = 1, udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);
        struct ifreq request = { .ifr_name = "lo" };

        TRY("icmp", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
        TRY("packet", socket(AF_PACKET, SOCK_RAW, 0));
        TRY("transparent", setsockopt(udp, IPPROTO_IP, 19, &one, sizeof(one)));
        TRY("mark", setsockopt(udp, SOL_SOCKET, SO_MARK, &one, sizeof(one)));
        TRY("force-buffer", setsockopt(udp, SOL_SOCKET, SO_RCVBUFFORCE, &one, sizeof(one)));
        TRY("repair", setsockopt(tcp, IPPROTO_TCP, 19, &one, sizeof(one)));
        request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_PROMISC;
        TRY("interface-flags", ioctl(udp, SIOCSIFFLAGS, &request));
        request.ifr_mtu = 1280;
        TRY("interface-mtu", ioctl(udp, SIOCSIFMTU, &request));
}

int main(int argc, char **argv)
{
        char what[32];

        if (strcmp(argv[1], "sweep") == 0)
                sweep(0, 63);
        if (strcmp(argv[1], "raw") == 0)
                raw();
        if (strcmp(argv[1], "family") == 0)
                sweep(atoi(argv[2]), atoi(argv[2]));
        for (int i = 0; strcmp(argv[1], "netlink") == 0 && i < 23; i++) {
                snprintf(what, sizeof(what), "netlink-%d", i);
                TRY(what, socket(AF_NETLINK, SOCK_RAW, i));
        }
        return done();
}

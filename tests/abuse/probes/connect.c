/* Connects: "tcp PORT" to the host's loopback, "away" to addresses of others, "unix PATH", "abstract NAME". */
#include "probe.h"
#include <arpa/inet.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static int reach(const char *address, int port, int type)
{
        struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port) };
        struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
        bool is_six = strchr(address, ':');
        int fd = socket(is_six ? AF_INET6 : AF_INET,
                        type | SOCK_NONBLOCK * (port != atoi("0") && type == SOCK_DGRAM), 0);

        if (is_six)
                inet_pton(AF_INET6, address, &six.sin6_addr);
        else
                inet_pton(AF_INET, address, &four.sin_addr);
        return is_six ? connect(fd, (void *)&six, sizeof(six)) : connect(fd, (void *)&four, sizeof(four));
}

static int local(const char *name, bool abstract)
{
        struct sockaddr_un un = { .sun_family = AF_UNIX };

        snprintf(un.sun_path + abstract, sizeof(un.sun_path) - 1, "%s", name);
        return connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&un,
                       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + abstract + strlen(name)));
}

int main(int argc, char **argv)
{
        static const char *const others[] = { "192.0.2.1",   "198.51.100.1", "169.254.169.254",
                                              "10.0.0.1",    "224.0.0.251",  "255.255.255.255",
                                              "2001:db8::1", "fd00:ec2::254" };

        for (int i = 2; i < argc && strcmp(argv[1], "tcp") == 0; i++) {
                TRY("loopback", reach("127.0.0.1", atoi(argv[i]), SOCK_STREAM));
                TRY("any", reach("0.0.0.0", atoi(argv[i]), SOCK_STREAM));
                TRY("loopback6", reach("::1", atoi(argv[i]), SOCK_STREAM));
        }
        for (size_t i = 0; strcmp(argv[1], "away") == 0 && i < sizeof(others) / sizeof(*others); i++)
                TRY(others[i], reach(others[i], 53, SOCK_DGRAM));
        for (int i = 2; i < argc && strcmp(argv[1], "unix") == 0; i++)
                TRY(argv[i], local(argv[i], false));
        for (int i = 2; i < argc && strcmp(argv[1], "abstract") == 0; i++)
                TRY(argv[i], local(argv[i], true));
        return done();
}

/* Two of its own processes talk over loopback. */
#include "probe.h"
#include <netinet/in.h>
#include <sys/socket.h>

int main(void)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
        int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), server;
        socklen_t n = sizeof(address);
        char text[8] = "";

        if (bind(listener, (void *)&address, sizeof(address)) < 0 || listen(listener, 1) < 0 ||
            getsockname(listener, (void *)&address, &n) < 0 ||
            connect(client, (void *)&address, sizeof(address)) < 0) {
                puts(strerrorname_np(errno));
                return 0;
        }
        server = accept(listener, NULL, NULL);
        if (write(client, "hello", 5) != 5 || read(server, text, 5) != 5)
                return 1;
        puts(text);
        return 0;
}

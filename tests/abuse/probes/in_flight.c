/* Its output is kept open by a message that nobody can ever receive: sockets whose only references lie in each other. */
#include "probe.h"
#include <sys/socket.h>

int main(void)
{
        puts("sent");
        fflush(stdout);
        for (int i = 0; i < 50; i++) {
                struct {
                        struct cmsghdr head;
                        int fds[4];
                } control = { .head = { CMSG_LEN(4 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
                struct iovec iov = { "x", 1 };
                struct msghdr message = { .msg_iov = &iov,
                                          .msg_iovlen = 1,
                                          .msg_control = &control,
                                          .msg_controllen = sizeof(control) };
                int pair[2];

                if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
                        break;
                memcpy(control.fds, (int[4]){ pair[0], pair[1], 1, 2 }, sizeof(control.fds));
                sendmsg(pair[0], &message, 0);
                sendmsg(pair[1], &message, 0);
                close(pair[0]);
                close(pair[1]);
        }
        return 0;
}

/* Socket pairs with unread data and descriptors in flight. */
#include "probe.h"
#include <sys/socket.h>

int main(void)
{
        static char block[65536];
        int pair[2], last = -1, n = 0;

        for (; n < 1000 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0; n++) {
                union {
                        char room[CMSG_SPACE(sizeof(int))];
                        struct cmsghdr align;
                } control = { 0 };
                struct iovec iov = { block, sizeof(block) };
                struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
                struct cmsghdr *cmsg;

                if (last >= 0) {
                        msg.msg_control = &control;
                        msg.msg_controllen = sizeof(control);
                        cmsg = CMSG_FIRSTHDR(&msg);
                        cmsg->cmsg_level = SOL_SOCKET;
                        cmsg->cmsg_type = SCM_RIGHTS;
                        cmsg->cmsg_len = CMSG_LEN(sizeof(int));
                        memcpy(CMSG_DATA(cmsg), &last, sizeof(int));
                }
                while (sendmsg(pair[1], &msg, MSG_DONTWAIT) > 0)
                        msg.msg_control = NULL, msg.msg_controllen = 0;
                last = pair[0];
        }
        printf("%d pairs full\n", n);
        return 0;
}

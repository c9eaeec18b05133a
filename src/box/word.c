/* What a box's processes say to their keeper, and what travels beside words. */
#include "box/keeper.h"
#include "box/warm.h"
#include "util/clock.h"

#include <sys/socket.h>

union fds_room {
        char bytes[CMSG_SPACE(WARM_BOX_COUNT * sizeof(int))];
        struct cmsghdr align;
};

void word_send(int channel, enum word word, enum step step, int error)
{
        struct word_frame frame = { .word = word, .step = step, .error = error < 0 ? -error : error };

        frame.at_ns = clock_now_ns();
        (void)send(channel, &frame, sizeof(frame), MSG_NOSIGNAL);
}

int fds_send(int channel, const int *fds, int n)
{
        struct word_frame frame = { .word = WORD_DESCRIPTORS };
        struct iovec iov = { &frame, sizeof(frame) };
        union fds_room room = { 0 };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &room };
        struct cmsghdr *cmsg;

        msg.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
        memcpy(CMSG_DATA(cmsg), fds, (size_t)n * sizeof(int));
        return sendmsg(channel, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* KERNEL: as many descriptors are put in as whole ints fit, so the room is told exactly. */
int fds_recv(int channel, struct word_frame *ret_frame, int *ret_fds, int room)
{
        struct iovec iov = { ret_frame, sizeof(*ret_frame) };
        union fds_room control;
        struct msghdr msg = { .msg_iov = &iov,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = CMSG_LEN((size_t)room * sizeof(int)) };
        struct cmsghdr *cmsg;
        ssize_t n;

        *ret_frame = (struct word_frame){ 0 };
        do
                n = recvmsg(channel, &msg, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
                return n < 0 ? -errno : -ECONNRESET;
        cmsg = CMSG_FIRSTHDR(&msg);
        if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
                return 0;
        n = (ssize_t)((cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(ret_fds, CMSG_DATA(cmsg), (size_t)n * sizeof(int));
        return (int)n;
}

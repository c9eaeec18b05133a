/* What a box's processes say to their keeper, and what travels beside words. */
#include "box/keeper.h"
#include "util/clock.h"
#include "util/fdio.h"

#include <poll.h>
#include <sys/socket.h>

/* The outcomes of fdio.h are failures here: nobody's channel is full, and nobody hangs up and lives. */
static int failed(int r)
{
        return r == FDIO_AGAIN ? -EAGAIN : r == FDIO_CLOSED ? -ECONNRESET : r;
}

/* KERNEL: 4095 is the largest number of an error */
int word_error(const struct word_frame *frame)
{
        return frame->error > 0 && frame->error < 4096 ? -frame->error : -EPROTO;
}

enum step word_step(const struct word_frame *frame)
{
        return frame->step > 0 && frame->step < STEP_COUNT ? (enum step)frame->step : STEP_NONE;
}

void word_send(int channel, enum word word, enum step step, int error)
{
        struct word_frame frame = { .word = word, .step = step, .error = error < 0 ? -error : error };

        frame.pid = (int32_t)getpid();
        frame.at_ns = clock_now_ns();
        (void)send(channel, &frame, sizeof(frame), MSG_NOSIGNAL);
}

int fds_send(int channel, const int *fds, int n)
{
        struct word_frame frame = { .word = WORD_DESCRIPTORS };
        struct iovec iov = { &frame, sizeof(frame) };

        return failed(fdio_send(channel, &iov, 1, fds, (size_t)n));
}

int fds_recv(int channel, struct word_frame *ret_frame, int *ret_fds, int room)
{
        struct pollfd fd = { channel, POLLIN, 0 };
        int fds[FDIO_FDS_MAX], r;
        size_t n, n_fds = 0;

        *ret_frame = (struct word_frame){ 0 };
        while ((r = fdio_recv(channel, ret_frame, sizeof(*ret_frame), &n, fds, &n_fds)) == FDIO_AGAIN)
                (void)poll(&fd, 1, -1);
        if (r != 0)
                return failed(r);
        if (n_fds > (size_t)room) {
                fdio_close_all(fds, n_fds);
                return -EBADMSG;
        }
        memcpy(ret_fds, fds, n_fds * sizeof(*fds));
        return (int)n_fds;
}

/*
 * Orders: what comes in on the slot's socket, and its way on into the box.
 *
 * The keeper believes nothing: every number is checked against spec.def, lengths and descriptors are counted, and the
 * words behind the struct are handed on unread.
 */
#include "box/keeper.h"
#include "util/fdio.h"

#include <sys/socket.h>

struct request request;

void request_close(void)
{
        for (int i = 0; i < request.n_fds; i++)
                close_fd(&request.fds[i]);
        request.n_fds = 0;
}

/* KERNEL: as many descriptors are put in as whole ints fit, so the room must not be rounded up (CMSG_SPACE). */
static void take_descriptors(struct msghdr *msg)
{
        request.n_fds = 0;
        for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
                size_t n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
                        continue;
                must(n <= BOX_FD_COUNT);
                request.n_fds = (int)n;
                memcpy(request.fds, CMSG_DATA(cmsg), n * sizeof(int));
        }
}

bool request_receive(int channel)
{
        struct iovec iov[2] = { { &request.spec, sizeof(request.spec) },
                                { request.words, sizeof(request.words) } };
        union {
                char bytes[CMSG_SPACE(sizeof(request.fds))];
                struct cmsghdr align;
        } control;
        struct msghdr msg = { .msg_iov = iov,
                              .msg_iovlen = 2,
                              .msg_control = &control,
                              .msg_controllen = CMSG_LEN(sizeof(request.fds)) };
        ssize_t n;

        do
                n = recvmsg(channel, &msg, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
                return false;
        request.n = (size_t)n;
        take_descriptors(&msg);
        if (request.n < offsetof(struct box_spec, flags))
                request.spec = (struct box_spec){ 0 }; /* nothing of the last order may speak for this one */
        if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
                request.spec.magic = 0; /* refused by who looks next */
        return true;
}

static bool numbers_ok(const struct box_spec *spec)
{
        bool ok = true;

#define SPEC_U32(field, least, most) ok = ok && spec->field <= (most) && spec->field + 1 > (least);
#define SPEC_U64(field, least, most) SPEC_U32(field, least, most)
#include "box/spec.def"
#undef SPEC_U32
#undef SPEC_U64
        return ok;
}

/* A run order whose every number, length and descriptor is as spec.h says. */
bool request_is_run(void)
{
        const struct box_spec *spec = &request.spec;
        int want = BOX_FD_FILES;

        if (request.n < sizeof(*spec) || spec->magic != SPEC_MAGIC || spec->order != ORDER_RUN ||
            !numbers_ok(spec) || spec->image > keeper.boot->n_images)
                return false;
        if (request.n - sizeof(*spec) != spec->words_bytes)
                return false;
        if (spec->flags & SPEC_HAS_FILES)
                want++;
        if (spec->flags & SPEC_HAS_ARTEFACT)
                want++;
        return request.n_fds == want;
}

/* Descriptors travel packed; put each where enum box_fd says, so the box finds FILES and ARTEFACT by name. */
int request_forward(int channel)
{
        const struct iovec iov[2] = { { &request.spec, sizeof(request.spec) },
                                      { request.words, request.n - sizeof(request.spec) } };
        int fds[BOX_FD_COUNT], n = request.n_fds, r;

        memcpy(fds, request.fds, sizeof(fds));
        if ((request.spec.flags & SPEC_FLAGS_ALL) == SPEC_HAS_ARTEFACT) {
                fds[BOX_FD_ARTEFACT] = fds[BOX_FD_FILES]; /* a place holder keeps the numbering */
                n = BOX_FD_COUNT;
        }
        r = fdio_send(channel, iov, ARRAY_LEN(iov), fds, (size_t)n);
        return r == FDIO_AGAIN ? -EAGAIN : r == FDIO_CLOSED ? -EPIPE : r;
}

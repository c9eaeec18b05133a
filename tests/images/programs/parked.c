/*
 * What an image may bring in place of an interpreter: a static program, to which the library is nothing, and which speaks to
 * the keeper itself.  Its first argument says how it tries to do harm while it waits, or with the order it is given.
 */
#include "box/keeper.h"
#include "box/warm.h"
#include "util/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

static void say(enum word word, int step, int error)
{
        struct word_frame frame = { .word = word, .step = step, .error = error, .pid = 7 };

        (void)send(WARM_FD_CHANNEL, &frame, sizeof(frame), MSG_NOSIGNAL);
}

/* The order's descriptors, as they came. */
static void take_order(int fds[BOX_FD_COUNT])
{
        static char order[256 * 1024];
        struct iovec iov = { order, sizeof(order) };
        union {
                char bytes[CMSG_SPACE(sizeof(int) * BOX_FD_COUNT)];
                struct cmsghdr align;
        } control;
        struct msghdr msg = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
        };

        memset(fds, -1, sizeof(int) * BOX_FD_COUNT);
        if (recvmsg(WARM_FD_CHANNEL, &msg, 0) > 0 && CMSG_FIRSTHDR(&msg))
                memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&msg)), CMSG_FIRSTHDR(&msg)->cmsg_len - CMSG_LEN(0));
}

/* All there is to be read of what it was given before the order: words of a manifest. */
static void leak(void)
{
        static char bytes[1 << 20];
        int fds[BOX_FD_COUNT];
        ssize_t n = read(WARM_FD_NOTE, bytes, sizeof(bytes));

        say(WORD_READY, 0, 0);
        take_order(fds);
        say(WORD_STARTED, 0, 0);
        for (ssize_t i = 0; i < n; i++)
                if (bytes[i] == '\0')
                        bytes[i] = '\n';
        for (int fd = 3; fd < 1024; fd++) {
                char path[64], target[256] = "";

                snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
                if (readlink(path, target, sizeof(target) - 1) > 0)
                        dprintf(fds[1], "%s\n", target);
        }
        (void)!write(fds[1], bytes, (size_t)MAX(n, 0));
}

static void forge(void)
{
        int fds[BOX_FD_COUNT];

        say(WORD_READY, 0, 0);
        take_order(fds);
        say(WORD_FAILED, 100000, 100000);
        _exit(0);
}

static void flood(void)
{
        for (int i = 0; i < 8; i++)
                (void)fork();
        for (;;)
                say(WORD_FAILED, -1, -1);
}

static void bomb(void)
{
        for (;;)
                (void)fork();
}

static void eat(void)
{
        for (;;) {
                char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

                if (p != MAP_FAILED)
                        memset(p, 1, MIB);
        }
}

static void spin(void)
{
        say(WORD_READY, 0, 0);
        for (;;)
                ;
}

static void die(void)
{
        say(WORD_READY, 0, 0);
        poll(NULL, 0, 50);
}

static void hang(void)
{
        poll(NULL, 0, -1);
}

int main(int argc, char **argv)
{
        static const struct {
                const char *name;
                void (*run)(void);
        } rows[] = { { "leak", leak }, { "forge", forge }, { "flood", flood }, { "bomb", bomb },
                     { "eat", eat },   { "spin", spin },   { "die", die },     { "hang", hang } };

        if (fcntl(WARM_FD_CHANNEL, F_GETFD) < 0) {
                puts("cold");
                return 0;
        }
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if (argc > 1 && streq(argv[1], rows[i].name))
                        rows[i].run();
        return 0;
}

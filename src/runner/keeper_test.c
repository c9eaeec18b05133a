/*
 * One thread per slot.  What an order says to do is in its words: the first is the stage, the second
 * what, the third how.
 */
#include "runner/keeper_test.h"
#include "box/box.h"
#include "util/fdio.h"
#include "util/pack.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

struct keeper_order {
        struct box_spec spec;
        char words[SPEC_WORDS_BYTES];
};

atomic_int keeper_died, keeper_killed, keeper_signalled, keeper_setups, keeper_builds;

static void report(struct keeper *k, enum report_end end, int wait_status)
{
        struct box_report report = { .magic = REPORT_MAGIC,
                                     .end = (uint32_t)end,
                                     .job = k->msg->spec.job,
                                     .wait_status = wait_status,
                                     .wall_ns = 1000,
                                     .cpu_ns = 500,
                                     .memory_bytes = 4096,
                                     .step = 2,
                                     .error = end == END_SETUP ? EPERM : 0 };

        (void)!send(k->fd, &report, sizeof(report), MSG_NOSIGNAL);
}

/* The next message, waiting for it; false when the runner hung up. */
static bool receive(struct keeper *k, int timeout_ms)
{
        struct pollfd p = { k->fd, POLLIN, 0 };
        size_t n;

        if (poll(&p, 1, timeout_ms) <= 0)
                return false;
        return fdio_recv(k->fd, k->msg, sizeof(*k->msg), &n, k->fds, &k->n_fds) == 0;
}

static bool wait_killed(struct keeper *k)
{
        uint64_t job = k->msg->spec.job;

        while (receive(k, -1)) {
                fdio_close_all(k->fds, k->n_fds);
                if (k->msg->spec.order == ORDER_SIGNAL)
                        keeper_signalled++;
                if (k->msg->spec.order == ORDER_SIGNAL && k->msg->spec.job == job) {
                        report(k, END_EXITED, (int)k->msg->spec.number);
                        return true;
                }
                if (k->msg->spec.order != ORDER_KILL || k->msg->spec.job != job)
                        continue;
                keeper_killed++;
                report(k, (enum report_end)k->msg->spec.number, SIGKILL);
                return true;
        }
        return false;
}

static void put(int fd, const char *p, size_t n)
{
        (void)!fdio_write_all(fd, p, n);
}

static bool do_echo(struct keeper *k, const char *arg)
{
        char buf[4096];
        ssize_t n;

        while ((n = read(k->fds[BOX_FD_STDIN], buf, sizeof(buf))) > 0)
                put(k->fds[BOX_FD_STDOUT], buf, (size_t)n);
        put(k->fds[BOX_FD_STDERR], "err", 3);
        return true;
}

/* Writes @arg bytes and exits, or is stopped on the way. */
static bool do_flood(struct keeper *k, const char *arg, int fd)
{
        size_t left = (size_t)strtoul(arg, NULL, 10);
        char block[8192];

        memset(block, 'f', sizeof(block));
        if (fdio_nonblock(fd) < 0)
                return false;
        while (left > 0) {
                struct pollfd p[2] = { { fd, POLLOUT, 0 }, { k->fd, POLLIN, 0 } };
                ssize_t n = write(fd, block, MIN(left, sizeof(block)));

                if (n > 0)
                        left -= (size_t)n;
                else if (poll(p, 2, -1) > 0 && (p[1].revents & POLLIN))
                        return false; /* a kill order: the caller answers it */
        }
        return true;
}

/* More of an artefact than a disk could hold; ends when nobody takes it. */
static bool do_huge(struct keeper *k)
{
        static const char block[65536];

        while (fdio_write_all(k->fds[BOX_FD_ARTEFACT], block, sizeof(block)) == 0)
                ;
        return false;
}

/* A compile stage: the first file of the pack, in capitals, is the artefact "built". */
static bool do_build(struct keeper *k, const char *arg)
{
        CLEANUP(close_fd) int pack = pack_open(1);
        char text[64] = "";
        struct pack_reader reader;
        struct pack_item item;
        const char *p;
        size_t n;

        keeper_builds++;
        if (streq(arg, "slow"))
                nanosleep(&(struct timespec){ .tv_nsec = 200 * 1000 * 1000 }, NULL);
        if (streq(arg, "reads"))
                (void)!read(k->fds[BOX_FD_STDIN], text, 1);
        if (fdio_map(k->fds[BOX_FD_FILES], &p, &n) < 0 || pack_reader_init(&reader, p, n) < 0 ||
            pack_reader_next(&reader, &item) != 1)
                return false;
        for (size_t i = 0; i < item.size && i < sizeof(text) - 1; i++)
                text[i] = (char)(item.content[i] - 'a' + 'A');
        fdio_unmap(p, n);
        if (streq(arg, "huge"))
                return do_huge(k);
        if (pack_add(pack, "built", 5, text, strlen(text), PACK_EXECUTABLE) < 0 || pack_seal(pack, 1) < 0 ||
            fdio_map(pack, &p, &n) < 0)
                return false;
        put(k->fds[BOX_FD_ARTEFACT], p, streq(arg, "half") ? n / 2 : n);
        fdio_unmap(p, n);
        put(k->fds[BOX_FD_STDERR], "built it", 8);
        return true;
}

/* Shows the first file of its pack: its name, its content. */
static bool do_show(struct keeper *k, const char *arg)
{
        struct pack_reader reader;
        struct pack_item item;
        const char *p;
        size_t n;

        if (fdio_map(k->fds[BOX_FD_FILES], &p, &n) < 0 || pack_reader_init(&reader, p, n) < 0 ||
            pack_reader_next(&reader, &item) != 1)
                return false;
        put(k->fds[BOX_FD_STDOUT], item.name, item.name_len);
        put(k->fds[BOX_FD_STDOUT], item.content, item.size);
        fdio_unmap(p, n);
        return true;
}

/* What the order's words say: the first is the stage, the second what to do, the third how. False: no
 * report. */
static bool obey(struct keeper *k)
{
        const char *stage = k->msg->words, *what = stage + strlen(stage) + 1, *how = what + strlen(what) + 1;
        bool whole = true;
        int status = 0;

        if (streq(stage, "compile"))
                whole = do_build(k, what);
        if (streq(stage, "compile") && streq(what, "fails"))
                status = 1 << 8;
        else if (streq(stage, "compile"))
                ;
        else if (streq(what, "echo"))
                whole = do_echo(k, how);
        else if (streq(what, "flood"))
                whole = do_flood(k, how, k->fds[BOX_FD_STDOUT]);
        else if (streq(what, "flood2"))
                whole = do_flood(k, how, k->fds[BOX_FD_STDERR]);
        else if (streq(what, "exit"))
                status = (int)strtol(how, NULL, 10) << 8;
        else if (streq(what, "talk-and-die"))
                return put(k->fds[BOX_FD_STDOUT], "once", 4), false;
        else if (streq(what, "die") || (streq(what, "die-once") && keeper_died++ == 0))
                return false;
        else if (streq(what, "setup") || (streq(what, "setup-once") && keeper_setups++ == 0))
                return report(k, END_SETUP, 0), true;
        else if (streq(what, "silent"))
                return fdio_close_all(k->fds, k->n_fds), wait_killed(k) && false;
        else if (streq(what, "sleep"))
                whole = false;
        else
                whole = do_show(k, how);
        fdio_close_all(k->fds, k->n_fds);
        if (!whole)
                return wait_killed(k);
        report(k, END_EXITED, status);
        return true;
}

static void *keeper_main(void *arg)
{
        struct keeper *k = arg;
        bool alive = true;

        while (alive) {
                memset(k->msg, 0, sizeof(*k->msg));
                report(k, END_READY, 0);
                do
                        alive = receive(k, -1);
                while (alive && k->msg->spec.order != ORDER_RUN); /* orders for an earlier box */
                if (alive)
                        alive = obey(k);
                fdio_close_all(k->fds, k->n_fds);
        }
        close_fd(&k->fd);
        return NULL;
}

int keeper_start(struct keeper *k)
{
        int sv[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
                return -errno;
        k->fd = sv[0];
        k->msg = calloc(1, sizeof(*k->msg));
        if (!k->msg || pthread_create(&k->thread, NULL, keeper_main, k) != 0)
                abort();
        return sv[1];
}

void keeper_join(struct keeper *k)
{
        pthread_join(k->thread, NULL);
        free(k->msg);
}

/*
 * Our ends of the pipes do not block; the box's ends do, as programs expect.
 *
 * Reading stops one byte past the limit: that byte is the proof, and is not kept.  The stream is then
 * left alone; the program blocks on its full pipe until the keeper kills it.  Nothing here waits for an
 * end of file: the report says that every process of the box is dead, and by then all they wrote is in
 * the pipes.
 *
 * KERNEL: a pipe belongs to whoever made it, mode 0600, and /dev/stdout is a new open() of it.  The
 * program is another user, so without the wider mode `echo > /dev/stderr` would fail in the box.
 */
#include "runner/pump.h"
#include "config/limits.h"
#include "util/fdio.h"
#include "util/pack.h"

#include <event2/event.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

enum { CHUNK = 65536, LIVE_CHUNK = 32768, PIPE_MODE = 0666 };

static char chunk[CHUNK]; /* one thread, and never kept over a return */

static void stop(struct event **event, int *fd)
{
        if (*event)
                event_free(*event);
        *event = NULL;
        close_fd(fd);
}

static void fail(struct pump *pump, int r)
{
        if (pump->error == 0) {
                pump->error = r;
                pump->order.on_over(pump->order.arg, END_KILLED);
        }
}

/* Give the program what its pipe takes; close at the end, or when nobody reads any more. */
static void feed(struct pump *pump)
{
        struct view input = pump->order.input;

        while (pump->in_done < input.n) {
                ssize_t n = write(pump->in_fd, input.p + pump->in_done, input.n - pump->in_done);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return;
                if (n < 0)
                        break; /* EPIPE: a program need not read its input */
                pump->in_done += (size_t)n;
        }
        stop(&pump->in, &pump->in_fd);
}

/* As feed(), from what the client has sent so far; without a program left to read it all is taken and thrown away. */
static void feed_live(struct pump *pump)
{
        struct pump_feed *live = pump->order.feed;
        size_t n = 0;
        ssize_t r = 1;

        while (pump->in_fd >= 0 && n < live->queue.n && r > 0) {
                do
                        r = write(pump->in_fd, live->queue.p + n, live->queue.n - n);
                while (r < 0 && errno == EINTR);
                if (r > 0)
                        n += (size_t)r;
                else if (errno != EAGAIN)
                        stop(&pump->in, &pump->in_fd); /* EPIPE: a program need not read its input */
        }
        if (pump->in_fd < 0)
                n = live->queue.n;
        bytes_take(&live->queue, n);
        if (pump->in_fd >= 0 && live->queue.n == 0 && live->ended)
                stop(&pump->in, &pump->in_fd);
        if (pump->in && live->queue.n == 0)
                event_del(pump->in);
        else if (pump->in)
                event_add(pump->in, NULL);
        if (n > 0)
                pump->order.on_taken(pump->order.arg, n);
}

static void on_in(evutil_socket_t fd, short what, void *arg)
{
        struct pump *pump = arg;

        if (pump->order.feed)
                feed_live(pump);
        else
                feed(pump);
}

/* The reader of a live stage has fallen behind: the program will wait for it at its full pipe. */
static bool window_closed(const struct pump *pump)
{
        return pump->order.feed && pump->order.feed->window <= 0;
}

static int keep(struct pump *pump, enum stream stream, size_t n)
{
        if (!pump->order.feed)
                return output_add(pump->order.output, stream, chunk, n);
        pump->order.feed->window -= (int64_t)n;
        if (n > 0)
                pump->order.on_output(pump->order.arg, stream, (struct view){ chunk, n });
        return 0;
}

/* One read.  True while there may be more. */
static bool take_some(struct pump *pump, enum stream stream)
{
        uint64_t limit = pump->order.limits->output_bytes, left = limit - pump->seen[stream];
        ssize_t n;
        int r;

        do
                n = read(pump->out_fd[stream], chunk,
                         MIN((uint64_t)(pump->order.feed ? LIVE_CHUNK : CHUNK), left + 1));
        while (n < 0 && errno == EINTR);
        if (n < 0 && errno == EAGAIN)
                return false;
        if (n <= 0) {
                stop(&pump->out[stream], &pump->out_fd[stream]);
                return false;
        }
        pump->seen[stream] += (uint64_t)n;
        r = keep(pump, stream, MIN((uint64_t)n, left));
        if (r == 0 && pump->seen[stream] <= limit)
                return true;
        event_del(pump->out[stream]);
        if (r < 0)
                fail(pump, r);
        else
                pump->order.on_over(pump->order.arg, stream == STREAM_STDOUT ? END_STDOUT : END_STDERR);
        return false;
}

static void on_out(evutil_socket_t fd, short what, void *arg)
{
        struct pump *pump = arg;

        enum stream stream = fd == pump->out_fd[STREAM_STDOUT] ? STREAM_STDOUT : STREAM_STDERR;

        if (window_closed(pump))
                event_del(pump->out[stream]);
        else
                (void)take_some(pump, stream);
}

void pump_feed_changed(struct pump *pump)
{
        if (!pump->order.deaf)
                feed_live(pump);
        for (int i = 0; i < STREAM_COUNT && !window_closed(pump); i++)
                if (pump->out[i] && pump->seen[i] <= pump->order.limits->output_bytes && pump->error == 0)
                        event_add(pump->out[i], NULL);
}

static bool take_artefact(struct pump *pump)
{
        ssize_t n;
        int r;

        do
                n = read(pump->artefact_fd, chunk, CHUNK);
        while (n < 0 && errno == EINTR);
        if (n < 0 && errno == EAGAIN)
                return false;
        if (n <= 0) {
                stop(&pump->artefact_in, &pump->artefact_fd);
                return false;
        }
        if ((uint64_t)n > pump->artefact_cap - pump->artefact_bytes) {
                pump->artefact_over = true;
                stop(&pump->artefact_in, &pump->artefact_fd);
                pump->order.on_over(pump->order.arg, END_KILLED);
                return false;
        }
        pump->artefact_bytes += (uint64_t)n;
        r = fdio_write_all(pump->artefact, chunk, (size_t)n);
        if (r == 0)
                return true;
        stop(&pump->artefact_in, &pump->artefact_fd);
        fail(pump, r);
        return false;
}

static void on_artefact(evutil_socket_t fd, short what, void *arg)
{
        (void)take_artefact(arg);
}

/* A pipe with one end for us, which does not block, and one for the box. */
static int pipe_open(int *ret_ours, int *ret_box, bool ours_writes)
{
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        *ret_ours = ends[ours_writes];
        *ret_box = ends[!ours_writes];
        if (fchmod(ends[0], PIPE_MODE) < 0)
                return -errno;
        /* WHY not fdio_nonblock(): a new pipe has no flags to keep */
        return fcntl(*ret_ours, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int event_start(struct event_base *base, struct event **event, int fd, short what,
                       event_callback_fn fn, struct pump *pump)
{
        *event = event_new(base, fd, what | EV_PERSIST, fn, pump);
        return *event && event_add(*event, NULL) == 0 ? 0 : -ENOMEM;
}

/* What a folder of disk_bytes and inodes may come to in a pack; holes in files can make it more, and are
 * refused. */
static uint64_t pack_cap(const struct limits *limits)
{
        return sizeof(struct pack_head) + limits->disk_bytes +
               limits->inodes * (sizeof(struct pack_entry) + PACK_NAME_MAX);
}

static int artefact_open(struct pump *pump, struct event_base *base, int *ret_box)
{
        int r;

        pump->artefact_cap = pack_cap(pump->order.limits);
        pump->artefact = fdio_memfd("artefact");
        if (pump->artefact < 0)
                return pump->artefact;
        r = pipe_open(&pump->artefact_fd, ret_box, false);
        if (r < 0)
                return r;
        return event_start(base, &pump->artefact_in, pump->artefact_fd, EV_READ, on_artefact, pump);
}

static int streams_open(struct pump *pump, struct event_base *base, int ret_fds[BOX_FD_COUNT])
{
        int r = pipe_open(&pump->in_fd, &ret_fds[BOX_FD_STDIN], true);

        for (int i = 0; i < (pump->order.merged ? 1 : STREAM_COUNT) && r == 0; i++) {
                r = pipe_open(&pump->out_fd[i], &ret_fds[BOX_FD_STDOUT + i], false);
                if (r == 0)
                        r = event_start(base, &pump->out[i], pump->out_fd[i], EV_READ, on_out, pump);
        }
        if (r == 0 && pump->order.merged) {
                ret_fds[BOX_FD_STDERR] = fcntl(ret_fds[BOX_FD_STDOUT], F_DUPFD_CLOEXEC, 0);
                r = ret_fds[BOX_FD_STDERR] < 0 ? -errno : 0;
        }
        if (r == 0 && pump->order.artefact && pump->order.input.n > 0) {
                pump->in_rest = fcntl(ret_fds[BOX_FD_STDIN], F_DUPFD_CLOEXEC, 0);
                r = pump->in_rest < 0 ? -errno : 0;
        }
        if (r == 0 && pump->order.artefact)
                r = artefact_open(pump, base, &ret_fds[BOX_FD_ARTEFACT]);
        if (r < 0)
                return r;
        if (pump->order.deaf)
                close_fd(&pump->in_fd);
        else if (!pump->order.feed)
                feed(pump);
        return pump->in_fd < 0 ? 0 : event_start(base, &pump->in, pump->in_fd, EV_WRITE, on_in, pump);
}

int pump_open(struct pump *pump, struct event_base *base, const struct pump_order *order,
              int ret_fds[BOX_FD_COUNT])
{
        int r;

        *pump = (struct pump){ .order = *order,
                               .in_fd = -1,
                               .in_rest = -1,
                               .out_fd = { -1, -1 },
                               .artefact_fd = -1,
                               .artefact = -1 };
        for (int i = 0; i < BOX_FD_COUNT; i++)
                if (i != BOX_FD_FILES)
                        ret_fds[i] = -1;
        r = streams_open(pump, base, ret_fds);
        if (r == 0)
                return 0;
        pump_close(pump);
        for (int i = 0; i < BOX_FD_COUNT; i++)
                if (i != BOX_FD_FILES)
                        close_fd(&ret_fds[i]);
        return r;
}

void pump_drain(struct pump *pump)
{
        bool more;

        for (int i = 0; i < STREAM_COUNT; i++)
                do
                        more = pump->out_fd[i] >= 0 && pump->seen[i] <= pump->order.limits->output_bytes &&
                               pump->error == 0 && take_some(pump, (enum stream)i);
                while (more);
        do
                more = pump->artefact_fd >= 0 && take_artefact(pump);
        while (more);
}

bool pump_input_read(const struct pump *pump)
{
        int rest = 0;

        if (pump->in_rest < 0)
                return false;
        return ioctl(pump->in_rest, FIONREAD, &rest) < 0 || (size_t)rest != pump->in_done;
}

static int pack_complete(int fd)
{
        struct pack_reader reader;
        struct pack_item item;
        const char *p;
        size_t n;
        int r = fdio_map(fd, &p, &n);

        if (r < 0)
                return r;
        r = pack_reader_init(&reader, p, n);
        if (r == 0)
                do
                        r = pack_reader_next(&reader, &item);
                while (r == 1);
        if (r == 0 && reader.n > 0)
                r = -EBADMSG;
        fdio_unmap(p, n);
        return r;
}

int pump_artefact_take(struct pump *pump)
{
        int r = fdio_seal(pump->artefact);

        if (r == 0)
                r = pack_complete(pump->artefact);
        return r < 0 ? r : TAKE_FD(pump->artefact);
}

void pump_close(struct pump *pump)
{
        if (!pump->order.on_over)
                return; /* never opened: its zeroes are no descriptors */
        stop(&pump->in, &pump->in_fd);
        for (int i = 0; i < STREAM_COUNT; i++)
                stop(&pump->out[i], &pump->out_fd[i]);
        stop(&pump->artefact_in, &pump->artefact_fd);
        close_fd(&pump->artefact);
        close_fd(&pump->in_rest);
}

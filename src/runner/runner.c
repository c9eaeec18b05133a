/*
 * Wires the links of front and ledger and the parent's control socket to the schedule.  Everything that
 * decides is elsewhere.
 *
 * A client is disposable: when it goes, its jobs are cancelled, and a new one may come at any time by
 * control. A frame that cannot be taken apart means that the client is not ours any more; a job that can
 * be read but may not be run is answered.
 *
 * Stopping: no new jobs, those not begun are refused, those running get the patience to end, then all answers
 * get a moment to leave.
 */
#include "runner/runner.h"
#include "config/config.h"
#include "job/link.h"
#include "job/parcel.h"
#include "job/wire.h"
#include "runner/cache.h"
#include "runner/live.h"
#include "runner/reuse.h"
#include "runner/schedule.h"
#include "runtime/catalog.h"
#include "runtime/shelf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/fdio.h"
#include "util/log.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#define PATIENCE_NS (30 * NSEC_PER_SEC)
#define FLUSH_NS    NSEC_PER_SEC
#define TICK_USEC   20000
#define SHELF_USEC  500000
/* Of files and stdin that wait; beyond it a full queue of large jobs would be a full machine. */
#define PENDING_BYTES_MAX (2 * GIB)

enum {
        FDS_OF_OURSELVES = 640, /* most of them artefacts */
        FDS_OF_A_SLOT = 16,     /* its socket, its stage's pipes and memfds */
        FDS_OF_A_JOB = 3,       /* files, stdin, and its answer on the way out */
};

enum { PEER_FRONT, PEER_LEDGER, PEER_PACKER };

/* Who hands us jobs.  Each counts its tickets itself: ours are theirs with the place of the peer in the lowest digit. */
struct peer {
        struct runner *runner;
        const char *name;
        struct link *link; /* NULL: there is none now */
        unsigned index;
};

struct runner {
        const struct runner_args *args;
        struct event_base *base;
        struct peer peers[SCHEDULE_PEERS];
        int control;
        int watch; /* -1: none */
        bool changed;
        struct event *toolchain; /* NULL: none */
        struct event *controlled, *terminated, *tick;
        uint64_t patience_ns;
        uint64_t stop_ns; /* when stopping ends, 0: not stopping */
        bool ended;       /* the patience is over */
        struct schedule schedule;
        struct reuse *reuse;     /* NULL: everything is compiled */
        struct shelf_end *shelf; /* NULL: there is no packer */
        uint64_t shelf_number;
        bool has_shelf;
        struct event *freed; /* ticks until no job uses what has gone */
};

static void send_result(void *arg, uint64_t ticket, const struct result *result)
{
        struct runner *runner = arg;
        struct peer *peer = &runner->peers[ticket % SCHEDULE_PEERS];
        CLEANUP(wire_message_deinit) struct wire_message message = WIRE_MESSAGE_INIT;
        int r;

        if (!peer->link)
                return;
        r = wire_result_encode(ticket / SCHEDULE_PEERS, result, &message);
        if (r == 0)
                r = link_send_take(peer->link, &message, true);
        if (r == 0)
                return;
        log_error("job=%llu: its result cannot be sent: %s", (unsigned long long)ticket, strerror(-r));
        link_break(peer->link); /* better a lost runner than a client that waits for ever */
}

/* What a task that streams has to say.  The windows bound how much of it there can be. */
static void send_live(void *arg, const struct wire_frame *live)
{
        struct runner *runner = arg;
        CLEANUP(wire_message_deinit) struct wire_message message = WIRE_MESSAGE_INIT;
        struct wire_frame frame = *live;
        struct peer *peer;
        const char *field = "";

        peer = &runner->peers[frame.begin.ticket % SCHEDULE_PEERS];
        frame.begin.ticket /= SCHEDULE_PEERS;
        if (!peer->link)
                return;
        if (wire_encode(&frame, &message.bytes, &field) == 0 &&
            link_send_take(peer->link, &message, true) == 0)
                return;
        log_error("job=%llu: its output cannot be sent %s", (unsigned long long)live->begin.ticket, field);
        link_break(peer->link);
}

static void refuse(struct runner *runner, uint64_t ticket, enum verdict verdict, const char *text)
{
        struct result result;

        result_init(&result);
        result.stages[STAGE_RUN].verdict = verdict;
        snprintf(result.stages[STAGE_RUN].text, sizeof(result.stages[STAGE_RUN].text), "%.*s",
                 (int)sizeof(result.stages[STAGE_RUN].text) - 1, text);
        send_result(runner, ticket, &result);
        result_deinit(&result);
}

static void peer_lost(void *arg)
{
        struct peer *peer = arg;

        link_free(peer->link);
        peer->link = NULL;
        schedule_cancel_peer(&peer->runner->schedule, peer->index);
}

static uint64_t own_ticket(const struct peer *peer, uint64_t ticket)
{
        return ticket * SCHEDULE_PEERS + peer->index;
}

static void job_arrived(struct runner *runner, const struct wire_job *job, int *fds)
{
        struct err err = { "" };
        struct task *task;
        int r;

        if (runner->stop_ns) {
                refuse(runner, job->ticket, VERDICT_OVERLOADED, "the engine is stopping");
                return;
        }
        if (job->runtime >= SHELF_FIRST && !runner->has_shelf) {
                refuse(runner, job->ticket, VERDICT_OVERLOADED, "the engine is starting");
                return;
        }
        r = task_new(job, fds, runner->args->catalog, &task, &err);
        if (r < 0) {
                log_error("job=%llu refused: %s", (unsigned long long)job->ticket, err.text);
                refuse(runner, job->ticket, VERDICT_ENGINE, err.text);
                return;
        }
        if (job->interactive)
                live_init(task, send_live, runner);
        r = schedule_add_take(&runner->schedule, task);
        if (r == SCHEDULE_FULL)
                refuse(runner, job->ticket, VERDICT_OVERLOADED, "too many jobs are waiting");
        else if (r == SCHEDULE_DOUBLE)
                log_error("job=%llu came twice; the second is dropped", (unsigned long long)job->ticket);
}

/* 0, or -EBADMSG for a frame that no front of ours would send. */
static int frame_take(struct peer *peer, struct wire_frame *frame, int *fds)
{
        struct schedule *schedule = &peer->runner->schedule;
        uint64_t ticket;

        switch (frame->kind) {
        case WIRE_KIND_JOB:
                frame->job.ticket = own_ticket(peer, frame->job.ticket);
                job_arrived(peer->runner, &frame->job, fds);
                return 0;
        case WIRE_KIND_CANCEL:
                schedule_cancel(schedule, own_ticket(peer, frame->cancel.ticket));
                return 0;
        case WIRE_KIND_SIGNAL:
                schedule_signal(schedule, own_ticket(peer, frame->signal.ticket), frame->signal.number);
                return 0;
        case WIRE_KIND_INPUT:
                ticket = own_ticket(peer, frame->input.ticket);
                return schedule_input(schedule, ticket, (struct view){ frame->input.p, frame->input.bytes },
                                      frame->input.last);
        case WIRE_KIND_TAKEN:
                return schedule_taken(schedule, own_ticket(peer, frame->taken.ticket), frame->taken.bytes);
        default:
                return -EBADMSG;
        }
}

static void on_frame(void *arg, const char *p, size_t n, int *fds, size_t n_fds)
{
        struct peer *peer = arg;
        struct wire_frame frame = { 0 };
        const char *field = "kind";
        int r = wire_decode(p, n, n_fds, &frame, &field);

        if (r == 0)
                r = frame_take(peer, &frame, fds);
        fdio_close_all(fds, n_fds);
        if (r == 0)
                return;
        log_error("the %s sent a frame whose %s is wrong; its connection is given up", peer->name, field);
        peer_lost(peer);
}

static const struct link_fns peer_fns = { on_frame, peer_lost };

static int peer_take(struct runner *runner, unsigned index, int fd)
{
        struct peer *peer = &runner->peers[index];

        if (peer->link)
                peer_lost(peer);
        return link_new_take(runner->base, fd, &peer_fns, peer, &peer->link);
}

/* The second look comes a moment after the shelf: by then jobs on their way to us have arrived. */
static void on_freed(evutil_socket_t fd, short what, void *arg)
{
        struct runner *runner = arg;

        if (!runner->shelf || schedule_uses_gone(&runner->schedule))
                return;
        event_del(runner->freed);
        shelf_end_free_up(runner->shelf, runner->shelf_number);
}

/* The first shelf is what all slots show already: they were made after us. */
static void on_shelf(void *arg, uint64_t number, bool changed)
{
        struct runner *runner = arg;
        struct timeval moment = { .tv_usec = SHELF_USEC };

        if (changed && runner->has_shelf)
                schedule_retire_slots(&runner->schedule);
        runner->shelf_number = number;
        runner->has_shelf = true;
        if (event_add(runner->freed, &moment) < 0)
                log_error("packages that were uninstalled stay until the next change");
}

static int shelf_take_end(struct runner *runner, int fd)
{
        shelf_end_free(TAKE_PTR(runner->shelf));
        return shelf_end_new_take(runner->base, fd, runner->args->catalog, on_shelf, runner, &runner->shelf);
}

/* KERNEL: events of one change come in one read, and the queue only ever says that there were more. */
static void on_toolchain(evutil_socket_t fd, short what, void *arg)
{
        struct runner *runner = arg;
        const struct catalog *catalog = runner->args->catalog;
        char events[4096];

        if (read(fd, events, sizeof(events)) <= 0)
                return;
        if (!runner->changed)
                log_info("the host's toolchains change: what was compiled or prepared before is not used any "
                         "more");
        runner->changed = true;
        reuse_forget(runner->reuse);
        for (size_t i = 0; i < catalog->n_runtimes; i++)
                catalog->runtimes[i].is_prepared = false;
}

static bool is_quiet(const struct runner *runner)
{
        for (size_t i = 0; i < SCHEDULE_PEERS; i++)
                if (runner->peers[i].link && link_pending(runner->peers[i].link) > 0)
                        return false;
        return schedule_is_idle(&runner->schedule);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
        struct runner *runner = arg;
        uint64_t now = clock_now_ns();

        if (!runner->ended && now >= runner->stop_ns) {
                runner->ended = true;
                schedule_end_all(&runner->schedule, "the engine is stopping");
        }
        if (is_quiet(runner) || now >= runner->stop_ns + FLUSH_NS)
                event_base_loopbreak(runner->base);
}

static void stop(struct runner *runner)
{
        struct timeval tick = { .tv_usec = TICK_USEC };

        if (runner->stop_ns)
                return;
        runner->stop_ns = clock_now_ns() + runner->patience_ns;
        schedule_refuse_pending(&runner->schedule);
        if (event_add(runner->tick, &tick) < 0)
                event_base_loopbreak(runner->base);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
        stop(arg);
}

/* Ours is a copy of the catalog that nobody else reads. */
static int prepared_take(struct runner *runner, uint32_t index)
{
        if (index >= runner->args->catalog->n_runtimes)
                return -EINVAL;
        runner->args->catalog->runtimes[index].is_prepared = true;
        schedule_retire_slots(&runner->schedule);
        return 0;
}

static void control_take(struct runner *runner, const struct runner_message *message, int *fd)
{
        int r = 0;

        if (message->kind == RUNNER_SLOT)
                r = schedule_slot_take(&runner->schedule, message->index, TAKE_FD(*fd));
        else if (message->kind == RUNNER_FRONT)
                r = peer_take(runner, PEER_FRONT, TAKE_FD(*fd));
        else if (message->kind == RUNNER_LEDGER)
                r = peer_take(runner, PEER_LEDGER, TAKE_FD(*fd));
        else if (message->kind == RUNNER_PACKER)
                r = peer_take(runner, PEER_PACKER, TAKE_FD(*fd));
        else if (message->kind == RUNNER_PREPARED)
                r = prepared_take(runner, message->index);
        else if (message->kind == RUNNER_SHELF)
                r = shelf_take_end(runner, TAKE_FD(*fd));
        else
                r = -EINVAL;
        if (r < 0)
                log_error("control message kind=%u index=%u: %s", message->kind, message->index,
                          strerror(-r));
}

static void on_control(evutil_socket_t socket, short what, void *arg)
{
        struct runner *runner = arg;
        struct runner_message message;
        int fds[FDIO_FDS_MAX];
        size_t n, n_fds;
        int r = fdio_recv(socket, &message, sizeof(message), &n, fds, &n_fds);

        if (r == FDIO_AGAIN)
                return;
        if (r == 0 && n == sizeof(message) && n_fds == 1) {
                control_take(runner, &message, &fds[0]);
                fdio_close_all(fds, n_fds);
                return;
        }
        if (r == 0)
                fdio_close_all(fds, n_fds);
        if (r == 0 || r == -EBADMSG) {
                log_error("a control message of the wrong form was dropped");
                return;
        }
        event_del(runner->controlled);
        stop(runner);
}

/* Every waiting job holds descriptors: raise what we may have as far as allowed, and queue no more than
 * fits. */
static size_t queue_bound(const struct runner_args *args)
{
        uint64_t taken = FDS_OF_OURSELVES + (uint64_t)FDS_OF_A_SLOT * args->n_slots, fits;
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return args->config->max_queued_jobs;
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
                return args->config->max_queued_jobs;
        fits = limit.rlim_cur > taken ? (limit.rlim_cur - taken) / FDS_OF_A_JOB : 0;
        if (fits < args->config->max_queued_jobs)
                log_warn("only %llu jobs can wait: the limit of open files is %llu", (unsigned long long)fits,
                         (unsigned long long)limit.rlim_cur);
        return MIN(fits, args->config->max_queued_jobs);
}

static int events_start(struct runner *runner)
{
        runner->terminated = evsignal_new(runner->base, SIGTERM, on_signal, runner);
        runner->tick = event_new(runner->base, -1, EV_PERSIST, on_tick, runner);
        runner->freed = event_new(runner->base, -1, EV_PERSIST, on_freed, runner);
        if (!runner->terminated || !runner->tick || !runner->freed)
                return -ENOMEM;
        if (event_add(runner->terminated, NULL) < 0)
                return -ENOMEM;
        if (runner->watch >= 0) {
                runner->toolchain =
                        event_new(runner->base, runner->watch, EV_READ | EV_PERSIST, on_toolchain, runner);
                if (!runner->toolchain || event_add(runner->toolchain, NULL) < 0)
                        return -ENOMEM;
        }
        if (runner->control < 0)
                return 0;
        runner->controlled =
                event_new(runner->base, runner->control, EV_READ | EV_PERSIST, on_control, runner);
        return runner->controlled && event_add(runner->controlled, NULL) == 0 ? 0 : -ENOMEM;
}

/* Without a cache everything is compiled; that is no reason not to serve. */
static struct reuse *reuse_open(struct runner *runner, int folder)
{
        const struct config *config = runner->args->config;
        struct cache *cache;

        if (config->compile_cache_size == 0) {
                close_fd(&folder);
                return NULL;
        }
        cache = cache_new_take(folder, config->ephemeral ? 0 : config->compile_cache_size,
                               MIN(config->compile_cache_memory, config->compile_cache_size));
        return cache ? reuse_new_take(runner->base, cache, runner->args->identity) : NULL;
}

static int runner_start(struct runner *runner, int *front)
{
        struct schedule_order order = {
                .n_slots = runner->args->n_slots,
                .max_pending = queue_bound(runner->args),
                .max_pending_bytes = PENDING_BYTES_MAX,
                .patience_ns = runner->patience_ns,
                .on_result = send_result,
                .arg = runner,
        };
        int r;

        runner->base = event_base_new();
        if (!runner->base)
                return -ENOMEM;
        order.base = runner->base;
        order.warm = runner->args->warm;
        order.reuse = runner->reuse = reuse_open(runner, runner->args->cache);
        r = schedule_init(&runner->schedule, &order);
        if (r == 0)
                r = events_start(runner);
        if (r == 0 && *front >= 0)
                r = peer_take(runner, PEER_FRONT, TAKE_FD(*front));
        return r;
}

static void runner_free(struct runner *runner)
{
        struct event *events[] = { runner->controlled, runner->terminated, runner->tick, runner->freed,
                                   runner->toolchain };

        for (size_t i = 0; i < SCHEDULE_PEERS; i++)
                link_free(runner->peers[i].link);
        schedule_deinit(&runner->schedule);
        reuse_free(runner->reuse);
        shelf_end_free(runner->shelf);
        for (size_t i = 0; i < ARRAY_LEN(events); i++)
                if (events[i])
                        event_free(events[i]);
        if (runner->base)
                event_base_free(runner->base);
        close_fd(&runner->control);
        close_fd(&runner->watch);
        free(runner);
}

int runner_run(const struct runner_args *args)
{
        CLEANUP(close_fd) int front = args->front, control = args->control;
        struct runner *runner = calloc(1, sizeof(*runner));
        int r;

        if (!runner)
                return EXIT_FAILURE;
        /* A program that closes its stdin, and a front that goes away, are ordinary. */
        signal(SIGPIPE, SIG_IGN);
        runner->args = args;
        runner->peers[PEER_FRONT] = (struct peer){ runner, "front", NULL, PEER_FRONT };
        runner->peers[PEER_LEDGER] = (struct peer){ runner, "ledger", NULL, PEER_LEDGER };
        runner->peers[PEER_PACKER] = (struct peer){ runner, "packer", NULL, PEER_PACKER };
        runner->control = TAKE_FD(control);
        runner->watch = args->watch;
        runner->patience_ns = args->patience_ns ? args->patience_ns : PATIENCE_NS;
        r = runner_start(runner, &front);
        if (r < 0)
                log_error("the runner cannot start: %s", strerror(-r));
        else if (event_base_dispatch(runner->base) < 0)
                r = -EIO;
        runner_free(runner);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

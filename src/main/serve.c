/*
 * Serve: the warden's process.  It starts the runner, the front and the keepers, hands the sockets round, and starts
 * again whatever ends before it should.
 *
 *   front, runner, ledger, packer ── a socketpair between any two  made anew when either is
 *   runner ──────── one socketpair per slot ──────── keeper  made anew when the keeper is
 *   control: one socketpair each to front, runner, ledger and packer; its end is the order to stop
 *
 * When the runner ends, its slot sockets end with it, so every keeper ends its box and leaves, and all slots are made
 * again.  When this process ends, control sockets end and keepers get SIGKILL from the kernel: nothing outlives it.
 */
#include "main/serve.h"
#include "api/front.h"
#include "box/checks.h"
#include "box/isolation.h"
#include "box/warden.h"
#include "config/config.h"
#include "ledger/ledger.h"
#include "main/backoff.h"
#include "main/bounds.h"
#include "main/listen.h"
#include "main/folders.h"
#include "main/role.h"
#include "packer/packer.h"
#include "runner/runner.h"
#include "runtime/catalog.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/fdio.h"
#include "util/log.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { SLOTS_LEAST = 4, STOP_MS = 35000 };

struct child {
        pid_t pid; /* 0: not running */
        int control;
        struct backoff backoff;
};

struct engine {
        const struct config *config;
        struct catalog catalog;
        struct warden warden;
        int listeners[LISTEN_MAX];
        size_t n_listeners;
        int signals;
        int lock;
        struct child front;
        struct child runner;
        struct child ledger;
        struct child packer;
        struct backoff *slots;
        uint32_t n_slots;
        char isolation[ISOLATION_JSON_MAX];
        bool stopping;
};

/* ---- preparing ---- */

static int lock_data(struct engine *engine, struct err *err)
{
        char path[PATH_MAX];

        snprintf(path, sizeof(path), "%s/lock", engine->config->data_directory);
        engine->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (engine->lock < 0)
                return err_errno(err, -errno, "cannot open %s", path);
        if (flock(engine->lock, LOCK_EX | LOCK_NB) < 0)
                return err_set(
                        err, -errno,
                        "another engine uses %s: stop it, or give this one a data_directory of its own",
                        engine->config->data_directory);
        return 0;
}

static uint32_t count_slots(const struct config *config)
{
        if (config->max_concurrent_jobs > 0)
                return (uint32_t)config->max_concurrent_jobs;
        return (uint32_t)MAX(2 * sysconf(_SC_NPROCESSORS_ONLN), (long)SLOTS_LEAST);
}

static int tell_isolation(struct engine *engine, struct err *err)
{
        struct isolation isolation;
        int r = isolation_look(engine->config->cgroup_parent, &isolation, err);

        if (r == 0)
                isolation_json(&isolation, engine->isolation);
        return r;
}

static int open_warden(struct engine *engine, struct err *err)
{
        const struct config *config = engine->config;
        char root[PATH_MAX], packages[FOLDERS_PATH_MAX];
        struct warden_args args = {
                .keeper = config->keeper,
                .root = root,
                .directories = config->extra_directories,
                .packages = packages,
                .cgroup_parent = config->cgroup_parent,
                .n_slots = engine->n_slots,
                .uid_base = (uint32_t)config->uid_base,
                .disk_bytes = config->limits[STAGE_RUN].disk_bytes,
                .inodes = config->limits[STAGE_RUN].inodes,
        };
        int r;

        snprintf(root, sizeof(root), "%s/root", config->data_directory);
        r = folders_make(root, 0700, err);
        r = r ? r : folders_packages_path(config, packages, err);
        return r ? r : warden_open(&engine->warden, &args, err);
}

static int prepare(struct engine *engine, struct err *err)
{
        const struct config *config = engine->config;
        struct checks_ask ask = { .data_directory = config->data_directory,
                                  .uid_base = config->uid_base,
                                  .n_uids = WARDEN_UIDS,
                                  .cgroup_parent = config->cgroup_parent };
        enum log_level level;
        int r;

        if (log_level_parse(config->log_level, &level) == 0)
                log_open(level, "warden");
        if (geteuid() != 0)
                return err_set(
                        err, -EPERM,
                        "coderunr serve makes namespaces and cgroups and needs root: run it with sudo");
        if (!config->disable_networking)
                return err_set(err, -ENOTSUP,
                               "disable_networking: false is not offered; programs have no network");
        r = listen_open(config->bind_address, engine->listeners, &engine->n_listeners, err);
        r = r ? r : checks_required_failed(&ask, err);
        r = r ? r : folders_make(config->data_directory, 0700, err);
        r = r ? r : lock_data(engine, err);
        r = r ? r : catalog_load(config, &engine->catalog, err);
        if (r < 0)
                return r;
        engine->n_slots = count_slots(config);
        engine->slots = calloc(engine->n_slots, sizeof(*engine->slots));
        must(engine->slots);
        r = open_warden(engine, err);
        r = r ? r : folders_store_prepare(config, engine->warden.uid_base + WARDEN_UID_LEDGER, err);
        return r ? r : folders_packages_prepare(config, engine->warden.uid_base + WARDEN_UID_PACKER, err);
}

static int open_signals(struct engine *engine, struct err *err)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        sigprocmask(SIG_BLOCK, &set, NULL);
        signal(SIGPIPE, SIG_IGN);
        engine->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return engine->signals < 0 ? err_errno(err, -errno, "signalfd") : 0;
}

/* ---- children ---- */

static int pair(int fds[2])
{
        return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0 ? -errno : 0;
}

NORETURN static void give_up(const struct err *err)
{
        log_error("%s", err->text);
        _exit(1);
}

static void enter_role(const struct engine *engine, const char *name, enum role_kind kind, uint32_t uid,
                       const int *keep, size_t n_keep)
{
        struct err err = { "" };

        if (role_enter(name, kind, engine->warden.uid_base + uid, keep, n_keep, &err) < 0)
                give_up(&err);
}

NORETURN static void become_runner(struct engine *engine, int control)
{
        struct runner_args args = { .config = engine->config,
                                    .catalog = &engine->catalog,
                                    .front = -1,
                                    .control = control,
                                    .n_slots = engine->n_slots };

        enter_role(engine, "runner", ROLE_PLAIN, WARDEN_UID_RUNNER, &control, 1);
        exit(runner_run(&args));
}

NORETURN static void become_front(struct engine *engine, int control, int runner)
{
        struct front front = { .config = engine->config,
                               .catalog = &engine->catalog,
                               .isolation = engine->isolation,
                               .listeners = engine->listeners,
                               .n_listeners = engine->n_listeners,
                               .runner = runner,
                               .control = control };
        int keep[LISTEN_MAX + 2];

        memcpy(keep, engine->listeners, engine->n_listeners * sizeof(*keep));
        keep[engine->n_listeners] = control;
        keep[engine->n_listeners + 1] = runner;
        enter_role(engine, "front", ROLE_PLAIN, WARDEN_UID_FRONT, keep, engine->n_listeners + 2);
        exit(front_run(&front));
}

NORETURN static void become_ledger(struct engine *engine, int control)
{
        struct ledger_args args = { .config = engine->config,
                                    .catalog = &engine->catalog,
                                    .directory = "/",
                                    .control = control,
                                    .n_slots = engine->n_slots };
        struct err err = { "" };

        if (folders_store_enter(engine->config, &err) < 0)
                give_up(&err);
        enter_role(engine, "ledger", ROLE_FILES, WARDEN_UID_LEDGER, &control, 1);
        exit(ledger_run(&args));
}

NORETURN static void become_packer(struct engine *engine, int control)
{
        struct packer_args args = { .config = engine->config, .control = control };
        struct err err = { "" };
        int keep[2] = { control, args.folder = folders_packages_enter(engine->config, &err) };

        if (args.folder < 0 || role_enter("packer", ROLE_NETWORK, engine->warden.uid_base + WARDEN_UID_PACKER,
                                          keep, 2, &err) < 0) {
                log_error("%s", err.text);
                _exit(1);
        }
        exit(packer_run(&args));
}

/* Hand a descriptor to a child, which may have died meanwhile: then it is told nothing, and starts anew. */
static void give(struct engine *engine, struct child *child, uint32_t kind, uint32_t index, int fd)
{
        struct runner_message message = { kind, index };
        char byte = (char)kind;
        struct iovec iov = { &message, sizeof(message) };

        _Static_assert(sizeof(struct ledger_message) == sizeof(message), "one form for all");
        _Static_assert(sizeof(struct packer_message) == sizeof(message), "one form for all");
        if (child == &engine->front)
                iov = (struct iovec){ &byte, 1 };
        if (child->pid > 0 && fdio_send(child->control, &iov, 1, &fd, 1) != 0)
                log_warn("a child did not take its socket");
        close(fd);
}

/* Connect @child, which was just started, with those that are there. */
static void join(struct engine *engine, const struct child *child)
{
        const struct {
                struct child *a;
                uint32_t to_a;
                struct child *b;
                uint32_t to_b;
        } rows[] = {
                { &engine->front, FRONT_RUNNER, &engine->runner, RUNNER_FRONT },
                { &engine->front, FRONT_LEDGER, &engine->ledger, LEDGER_FRONT },
                { &engine->ledger, LEDGER_RUNNER, &engine->runner, RUNNER_LEDGER },
                { &engine->packer, PACKER_RUNNER, &engine->runner, RUNNER_PACKER },
                { &engine->packer, PACKER_SHELF, &engine->runner, RUNNER_SHELF },
                { &engine->packer, PACKER_LEDGER, &engine->ledger, LEDGER_SHELF },
                { &engine->packer, PACKER_FRONT, &engine->front, FRONT_PACKER },
        };
        int link[2];

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                if ((child != rows[i].a && child != rows[i].b) || rows[i].a->pid <= 0 ||
                    rows[i].b->pid <= 0 || (child == &engine->front && rows[i].b == &engine->runner) ||
                    pair(link) < 0)
                        continue;
                give(engine, rows[i].a, rows[i].to_a, 0, link[0]);
                give(engine, rows[i].b, rows[i].to_b, 0, link[1]);
        }
}

/* True in the child, whose end of the control socket is *ret_control. */
static bool spawn(struct child *child, int *ret_control)
{
        int control[2];
        pid_t pid;

        backoff_started(&child->backoff, clock_now_ns());
        if (pair(control) < 0)
                return false;
        pid = fork();
        if (pid == 0) {
                *ret_control = control[1];
                return true;
        }
        close(control[1]);
        child->pid = MAX(pid, 0);
        child->control = control[0];
        return false;
}

static void start_runner(struct engine *engine)
{
        int control;

        if (spawn(&engine->runner, &control))
                become_runner(engine, control);
        join(engine, &engine->runner);
}

static void start_ledger(struct engine *engine)
{
        int control;

        if (spawn(&engine->ledger, &control))
                become_ledger(engine, control);
        join(engine, &engine->ledger);
}

static void start_packer(struct engine *engine)
{
        int control;

        if (spawn(&engine->packer, &control))
                become_packer(engine, control);
        join(engine, &engine->packer);
}

static void start_front(struct engine *engine)
{
        int control, link[2];

        if (pair(link) < 0)
                return;
        if (spawn(&engine->front, &control))
                become_front(engine, control, link[0]);
        close(link[0]);
        give(engine, &engine->runner, RUNNER_FRONT, 0, link[1]); /* the other end went with the fork */
        join(engine, &engine->front);
}

static void start_slot(struct engine *engine, uint32_t slot)
{
        struct err err = { "" };
        int socket;

        backoff_started(&engine->slots[slot], clock_now_ns());
        if (warden_slot_start(&engine->warden, slot, &socket, &err) < 0) {
                log_error("slot %u: %s", slot, err.text);
                (void)backoff_ended(&engine->slots[slot], clock_now_ns());
                return;
        }
        give(engine, &engine->runner, RUNNER_SLOT, slot, socket);
}

/* ---- supervising ---- */

static void child_ended(struct engine *engine, struct child *child, const char *name, int status)
{
        child->pid = 0;
        close_fd(&child->control);
        if (engine->stopping)
                return;
        log_error("the %s ended (%s %d) and is started again", name,
                  WIFSIGNALED(status) ? "signal" : "status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        (void)backoff_ended(&child->backoff, clock_now_ns());
}

static void reap(struct engine *engine)
{
        int status, slot;
        pid_t pid;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
                if (pid == engine->front.pid)
                        child_ended(engine, &engine->front, "front", status);
                else if (pid == engine->runner.pid)
                        child_ended(engine, &engine->runner, "runner", status);
                else if (pid == engine->ledger.pid)
                        child_ended(engine, &engine->ledger, "ledger", status);
                else if (pid == engine->packer.pid)
                        child_ended(engine, &engine->packer, "packer", status);
                else if ((slot = warden_reaped(&engine->warden, pid)) >= 0 && !engine->stopping) {
                        log_debug("the keeper of slot %d ended and is started again", slot);
                        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                                engine->slots[slot].failures =
                                        0; /* the runner hung up: packages came or went */
                        (void)backoff_ended(&engine->slots[slot], clock_now_ns());
                }
        }
}

static bool due(const struct backoff *backoff, uint64_t now, uint64_t *next)
{
        if (backoff->again_ns == 0)
                return false;
        if (backoff->again_ns <= now)
                return true;
        *next = MIN(*next, backoff->again_ns);
        return false;
}

/* Start whatever is due; milliseconds until the next is, -1: nothing waits. */
static int start_due(struct engine *engine)
{
        uint64_t now = clock_now_ns(), next = UINT64_MAX;

        if (due(&engine->runner.backoff, now, &next))
                start_runner(engine);
        if (due(&engine->ledger.backoff, now, &next))
                start_ledger(engine);
        if (due(&engine->packer.backoff, now, &next))
                start_packer(engine);
        if (due(&engine->front.backoff, now, &next))
                start_front(engine);
        for (uint32_t i = 0; i < engine->n_slots && engine->runner.pid > 0; i++)
                if (due(&engine->slots[i], now, &next))
                        start_slot(engine, i);
        return next == UINT64_MAX ? -1 : (int)((next - now) / NSEC_PER_MSEC) + 1;
}

/* True when a signal asks us to end. */
static bool take_signals(struct engine *engine)
{
        struct signalfd_siginfo info;
        bool stop = false;

        while (read(engine->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
                stop = stop || info.ssi_signo != SIGCHLD;
        reap(engine);
        return stop;
}

static void supervise(struct engine *engine)
{
        struct pollfd fd = { .fd = engine->signals, .events = POLLIN };
        bool stop = false;

        while (!stop) {
                int wait_ms = start_due(engine);

                if (poll(&fd, 1, wait_ms) > 0)
                        stop = take_signals(engine);
        }
}

/* ---- ending ---- */

/* Close the child's control socket and wait for it; a second signal or too long a wait ends it hard. */
static void end_child(struct engine *engine, struct child *child)
{
        struct pollfd fd = { .fd = engine->signals, .events = POLLIN };
        uint64_t until = clock_now_ns() + STOP_MS * NSEC_PER_MSEC;

        close_fd(&child->control);
        while (child->pid > 0) {
                uint64_t now = clock_now_ns();
                bool again = now < until && poll(&fd, 1, (int)((until - now) / NSEC_PER_MSEC) + 1) > 0 &&
                             take_signals(engine);

                if (child->pid > 0 && (again || clock_now_ns() >= until)) {
                        (void)kill(child->pid, SIGKILL);
                        (void)waitpid(child->pid, NULL, 0);
                        child->pid = 0;
                }
        }
}

static void close_engine(struct engine *engine)
{
        engine->stopping = true;
        end_child(engine, &engine->front);
        end_child(engine, &engine->packer);
        end_child(engine, &engine->ledger);
        end_child(engine, &engine->runner);
        warden_close(&engine->warden);
        for (size_t i = 0; i < engine->n_listeners; i++)
                close_fd(&engine->listeners[i]);
        catalog_deinit(&engine->catalog);
        free(engine->slots);
        close_fd(&engine->signals);
        close_fd(&engine->lock);
}

static void announce(const struct engine *engine)
{
        char url[128];

        for (size_t i = 0; i < engine->n_listeners; i++) {
                listen_url(engine->listeners[i], url, sizeof(url));
                log_info("serving on %s with %u slots and %zu runtimes", url, engine->n_slots,
                         engine->catalog.n_runtimes);
        }
}

int serve(const struct config *config)
{
        struct engine engine = { .config = config,
                                 .signals = -1,
                                 .lock = -1,
                                 .warden = { .lock = -1 },
                                 .front = { .control = -1 },
                                 .runner = { .control = -1 },
                                 .ledger = { .control = -1 },
                                 .packer = { .control = -1 } };
        struct err err = { "" };
        int r = open_signals(&engine, &err);

        r = r ? r : prepare(&engine, &err);
        r = r ? r : tell_isolation(&engine, &err);
        r = r ? r : bounds_enter(&err);
        if (r < 0) {
                fprintf(stderr, "coderunr: %s\n", err.text);
                close_engine(&engine);
                return 1;
        }
        start_runner(&engine);
        start_ledger(&engine);
        start_packer(&engine);
        start_front(&engine);
        for (uint32_t i = 0; i < engine.n_slots; i++)
                start_slot(&engine, i);
        announce(&engine);
        supervise(&engine);
        log_info("stopping");
        close_engine(&engine);
        return 0;
}

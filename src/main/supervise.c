/*
 * Supervise: one signalfd, and the times at which what ended may be started again (backoff.h).
 *
 * When the runner ends, its slot sockets end with it, so every keeper ends its box and leaves, and all slots are made
 * again.  When this process ends, control sockets end and keepers get SIGKILL from the kernel: nothing outlives it.
 */
#include "main/serve_priv.h"
#include "main/provision.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

enum { STOP_MS = 35000, KEYS_MS = 1000 };

int supervise_open(struct engine *engine, struct err *err)
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

static void child_ended(struct engine *engine, enum child_id id, int status)
{
        struct child *child = &engine->children[id];

        child->pid = 0;
        close_fd(&child->control);
        if (engine->stopping)
                return;
        log_error("the %s ended (%s %d) and is started again", child_name(id),
                  WIFSIGNALED(status) ? "signal" : "status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        (void)backoff_ended(&child->backoff, clock_now_ns());
}

static void keeper_ended(struct engine *engine, uint32_t slot, int status)
{
        if (engine->stopping)
                return;
        log_debug("the keeper of slot %u ended and is started again", slot);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                engine->slots[slot].failures = 0; /* the runner hung up: packages came or went */
        (void)backoff_ended(&engine->slots[slot], clock_now_ns());
}

static void ended(struct engine *engine, pid_t pid, int status)
{
        int slot;

        for (enum child_id id = 0; id < CHILD_COUNT; id++)
                if (pid == engine->children[id].pid) {
                        child_ended(engine, id, status);
                        return;
                }
        if (pid == engine->provision) {
                provision_ended(engine, status);
                return;
        }
        slot = warden_reaped(&engine->warden, pid);
        if (slot >= 0)
                keeper_ended(engine, (uint32_t)slot, status);
}

/* A SIGHUP that somebody sent asks for the keys; the kernel's says that our terminal is gone. */
static bool is_for_keys(const struct engine *engine, const struct signalfd_siginfo *info)
{
        return info->ssi_signo == SIGHUP && info->ssi_code <= 0 && engine->keyfile.path[0] &&
               !engine->stopping;
}

/* True when a signal asks us to end. */
static bool take_signals(struct engine *engine)
{
        struct signalfd_siginfo info;
        bool stop = false;
        int status;
        pid_t pid;

        while (read(engine->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
                if (is_for_keys(engine, &info))
                        children_give_keys(engine);
                else
                        stop = stop || info.ssi_signo != SIGCHLD;
        }
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                ended(engine, pid, status);
        return stop;
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

        for (enum child_id id = 0; id < CHILD_COUNT; id++)
                if (due(&engine->children[id].backoff, now, &next))
                        child_start(engine, id);
        for (uint32_t i = 0; i < engine->n_slots && engine->children[CHILD_RUNNER].pid > 0; i++)
                if (due(&engine->slots[i], now, &next))
                        slot_start(engine, i);
        return next == UINT64_MAX ? -1 : (int)((next - now) / NSEC_PER_MSEC) + 1;
}

void supervise(struct engine *engine)
{
        struct pollfd fd = { .fd = engine->signals, .events = POLLIN };
        bool stop = false;

        while (!stop) {
                int wait_ms = start_due(engine);

                if (engine->keyfile.path[0])
                        wait_ms = wait_ms < 0 ? KEYS_MS : MIN(wait_ms, KEYS_MS);
                if (poll(&fd, 1, wait_ms) > 0)
                        stop = take_signals(engine);
                if (!stop && keyfile_has_changed(&engine->keyfile))
                        children_give_keys(engine);
        }
}

void supervise_end(struct engine *engine, enum child_id id)
{
        struct pollfd fd = { .fd = engine->signals, .events = POLLIN };
        uint64_t until = clock_now_ns() + STOP_MS * NSEC_PER_MSEC;
        struct child *child = &engine->children[id];

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

/*
 * Children: the processes with a role (role.h), forked from the warden's process, and the sockets between them.
 *
 *   front, runner, ledger, packer, courier ── a socketpair between any two  made anew when either is
 *   runner ──────── one socketpair per slot ──────── keeper  made anew when the keeper is
 *
 * A child learns of its sockets by messages on its control socket; only the front's to the runner is there when it
 * starts, because it can serve nobody without.
 */
#include "main/serve_priv.h"
#include "api/door_jobs.h"
#include "api/front.h"
#include "config/config.h"
#include "courier/courier.h"
#include "ledger/ledger.h"
#include "main/folders.h"
#include "main/role.h"
#include "packer/packer.h"
#include "runner/runner.h"
#include "runtime/identity.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/fdio.h"
#include "util/log.h"

#include <fcntl.h>
#include <sys/socket.h>

static int pair(int fds[2])
{
        return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0 ? -errno : 0;
}

/* ---- what a child does ---- */

NORETURN static void give_up(const struct err *err)
{
        log_error("%s", err->text);
        _exit(1);
}

static void enter_role(const struct engine *engine, enum child_id id, enum role_kind kind, uint32_t uid,
                       const int *keep, size_t n_keep)
{
        struct err err = { "" };

        if (role_enter(child_name(id), kind, engine->warden.uid_base + uid, keep, n_keep, &err) < 0)
                give_up(&err);
}

NORETURN static void become_runner(struct engine *engine, int control)
{
        struct runner_args args = { .config = engine->config,
                                    .catalog = &engine->catalog,
                                    .warm = engine->warm,
                                    .front = -1,
                                    .control = control,
                                    .cache = -1,
                                    .n_slots = engine->n_slots };
        int keep[3] = { control };
        size_t n_keep = 1;

        args.watch = identity_watch(&engine->catalog);
        identity_now(&engine->catalog, args.identity);
        if (memcmp(args.identity, engine->identity, DIGEST_BYTES) != 0)
                for (size_t i = 0; i < engine->catalog.n_runtimes; i++)
                        engine->catalog.runtimes[i].is_prepared = false; /* for another toolchain */
        if (args.watch >= 0)
                keep[n_keep++] = args.watch;
        else
                log_warn("changes of toolchains are not seen until the next start: %s",
                         strerror(-args.watch));
        if (engine->config->compile_cache_size > 0 && !engine->config->ephemeral)
                args.cache = folders_cache_enter(engine->config, engine->warden.uid_base + WARDEN_UID_RUNNER);
        if (args.cache >= 0)
                keep[n_keep++] = args.cache;
        enter_role(engine, CHILD_RUNNER, args.cache < 0 ? ROLE_PLAIN : ROLE_FILES, WARDEN_UID_RUNNER, keep,
                   n_keep);
        exit(runner_run(&args));
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
        enter_role(engine, CHILD_LEDGER, ROLE_FILES, WARDEN_UID_LEDGER, &control, 1);
        exit(ledger_run(&args));
}

NORETURN static void become_packer(struct engine *engine, int control)
{
        struct packer_args args = { .config = engine->config, .control = control };
        struct err err = { "" };
        int keep[2] = { control, args.folder = folders_packages_enter(engine->config, &err) };

        if (args.folder < 0)
                give_up(&err);
        enter_role(engine, CHILD_PACKER, ROLE_PACKAGES, WARDEN_UID_PACKER, keep, 2);
        exit(packer_run(&args));
}

NORETURN static void become_courier(struct engine *engine, int control)
{
        struct courier_args args = { .config = engine->config,
                                     .control = control,
                                     .render = jobs_render_notice };
        struct err err = { "" };

        jobs_set_isolation(engine->isolation);
        if (folders_close("courier", &err) < 0)
                give_up(&err);
        enter_role(engine, CHILD_COURIER, ROLE_NETWORK, WARDEN_UID_COURIER, &control, 1);
        exit(courier_run(&args));
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
        enter_role(engine, CHILD_FRONT, ROLE_PLAIN, WARDEN_UID_FRONT, keep, engine->n_listeners + 2);
        exit(front_run(&front));
}

/* ---- sockets ---- */

/* Hand a descriptor to a child, which may have died meanwhile: then it is told nothing, and starts anew. */
static void give_take(struct engine *engine, enum child_id id, uint32_t kind, uint32_t index, int fd)
{
        const struct child *child = &engine->children[id];
        struct runner_message message = { kind, index };
        char byte = (char)kind;
        struct iovec iov = { &message, sizeof(message) };

        _Static_assert(sizeof(struct ledger_message) == sizeof(message), "one form for all");
        _Static_assert(sizeof(struct courier_message) == sizeof(message), "one form for all");
        _Static_assert(sizeof(struct packer_message) == sizeof(message), "one form for all");
        if (id == CHILD_FRONT)
                iov = (struct iovec){ &byte, 1 };
        if (child->pid > 0 && fdio_send(child->control, &iov, 1, &fd, 1) != 0)
                log_warn("a child did not take its socket");
        close(fd);
}

/* WHY a descriptor: every message on that socket has one beside it. */
void runner_tell_prepared(struct engine *engine, uint32_t runtime)
{
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

        if (null >= 0)
                give_take(engine, CHILD_RUNNER, RUNNER_PREPARED, runtime, null);
}

/* Connect a child that was just started with those that are there. */
static void join(struct engine *engine, enum child_id id)
{
        static const struct {
                enum child_id a;
                uint32_t to_a;
                enum child_id b;
                uint32_t to_b;
        } rows[] = {
                { CHILD_FRONT, FRONT_RUNNER, CHILD_RUNNER, RUNNER_FRONT },
                { CHILD_FRONT, FRONT_LEDGER, CHILD_LEDGER, LEDGER_FRONT },
                { CHILD_LEDGER, LEDGER_RUNNER, CHILD_RUNNER, RUNNER_LEDGER },
                { CHILD_COURIER, COURIER_LEDGER, CHILD_LEDGER, LEDGER_COURIER },
                { CHILD_PACKER, PACKER_RUNNER, CHILD_RUNNER, RUNNER_PACKER },
                { CHILD_PACKER, PACKER_SHELF, CHILD_RUNNER, RUNNER_SHELF },
                { CHILD_PACKER, PACKER_LEDGER, CHILD_LEDGER, LEDGER_SHELF },
                { CHILD_PACKER, PACKER_FRONT, CHILD_FRONT, FRONT_PACKER },
        };
        int link[2];

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                if ((id != rows[i].a && id != rows[i].b) || engine->children[rows[i].a].pid <= 0 ||
                    engine->children[rows[i].b].pid <= 0 ||
                    (id == CHILD_FRONT && rows[i].b == CHILD_RUNNER) || pair(link) < 0)
                        continue;
                give_take(engine, rows[i].a, rows[i].to_a, 0, link[0]);
                give_take(engine, rows[i].b, rows[i].to_b, 0, link[1]);
        }
}

static void give_keys(struct engine *engine, enum child_id id, uint32_t kind)
{
        int fd =
                engine->keyfile.path[0] && engine->children[id].pid > 0 ? keyfile_open(&engine->keyfile) : -1;

        if (fd >= 0)
                give_take(engine, id, kind, 0, fd);
}

void children_give_keys(struct engine *engine)
{
        give_keys(engine, CHILD_FRONT, FRONT_KEYS);
        give_keys(engine, CHILD_LEDGER, LEDGER_KEYS);
}

/* ---- starting ---- */

/*
 * True in the child, whose end of the control socket is *ret_control.  In the parent child->pid says whether there is one;
 * if not, it is tried again like one that ended.
 */
static bool spawn(struct child *child, int *ret_control)
{
        int control[2] = { -1, -1 };
        pid_t pid = -1;

        backoff_started(&child->backoff, clock_now_ns());
        if (pair(control) == 0)
                pid = fork();
        if (pid == 0) {
                *ret_control = control[1];
                return true;
        }
        close_fd(&control[1]);
        if (pid < 0) {
                log_error("cannot start a process: %s", strerror(errno));
                close_fd(&control[0]);
                (void)backoff_ended(&child->backoff, clock_now_ns());
        }
        child->pid = MAX(pid, 0);
        child->control = control[0];
        return false;
}

static void start_front(struct engine *engine)
{
        struct child *front = &engine->children[CHILD_FRONT];
        int control, link[2] = { -1, -1 };

        if (pair(link) < 0) {
                (void)backoff_ended(&front->backoff, clock_now_ns());
                return;
        }
        if (spawn(front, &control))
                become_front(engine, control, link[0]);
        close(link[0]);
        give_take(engine, CHILD_RUNNER, RUNNER_FRONT, 0, link[1]);
        give_keys(engine, CHILD_FRONT, FRONT_KEYS);
        join(engine, CHILD_FRONT);
}

static const struct {
        const char *name;
        void (*become)(struct engine *engine, int control); /* NULL: start_front() */
} roles[CHILD_COUNT] = {
        [CHILD_RUNNER] = { "runner", become_runner },
        [CHILD_LEDGER] = { "ledger", become_ledger },
        [CHILD_PACKER] = { "packer", become_packer },
        [CHILD_COURIER] = { "courier", become_courier },
        [CHILD_FRONT] = { "front", NULL },
};

const char *child_name(enum child_id id)
{
        return roles[id].name;
}

void child_start(struct engine *engine, enum child_id id)
{
        int control;

        if (id == CHILD_FRONT) {
                start_front(engine);
                return;
        }
        if (spawn(&engine->children[id], &control))
                roles[id].become(engine, control);
        if (id == CHILD_LEDGER)
                give_keys(engine, CHILD_LEDGER, LEDGER_KEYS);
        join(engine, id);
}

void slot_start(struct engine *engine, uint32_t slot)
{
        struct err err = { "" };
        int socket;

        backoff_started(&engine->slots[slot], clock_now_ns());
        if (warden_slot_start(&engine->warden, slot, &socket, &err) < 0) {
                log_error("slot %u: %s", slot, err.text);
                (void)backoff_ended(&engine->slots[slot], clock_now_ns());
                return;
        }
        give_take(engine, CHILD_RUNNER, RUNNER_SLOT, slot, socket);
}

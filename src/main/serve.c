/*
 * Serve: the warden's process from its start to its end: what it prepares while it still may, and in which order
 * everything is started and ended.  children.c knows how each of them begins, supervise.c what happens in between.
 */
#include "main/serve.h"
#include "box/checks.h"
#include "config/config.h"
#include "main/bounds.h"
#include "main/folders.h"
#include "main/provision.h"
#include "main/serve_priv.h"
#include "runner/warm.h"
#include "runtime/catalog_images.h"
#include "runtime/identity.h"
#include "runtime/image.h"
#include "util/err.h"
#include "util/log.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { SLOTS_LEAST = 4 };

#define OOM_SCORE "-800"

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
        int r = isolation_look(engine->config->cgroup_parent, engine->warden.boot, &isolation, err);

        if (r == 0)
                isolation_json(&isolation, engine->isolation);
        return r;
}

_Static_assert((int)CATALOG_IMAGES_MAX == (int)SLOT_IMAGES_MAX,
               "every image of the catalog has room in a slot");

/* Which programs may be started before they are asked for. */
static void warm_up(struct engine *engine)
{
        if (!engine->config->warm)
                return;
        engine->warm = calloc(1, sizeof(*engine->warm));
        must(engine->warm);
        warm_table_fill(engine->warm, &engine->catalog);
}

static int open_warden(struct engine *engine, struct err *err)
{
        const struct config *config = engine->config;
        const char *images[SLOT_IMAGES_MAX];
        char root[PATH_MAX], packages[FOLDERS_PATH_MAX], prepared[FOLDERS_PATH_MAX] = "";
        struct warden_args args = {
                .keeper = config->keeper,
                .root = root,
                .directories = config->extra_directories,
                .packages = packages,
                .library = engine->warm ? CODERUNR_WARM_LIBRARY : NULL,
                .warm = engine->warm ? engine->warm->rows : NULL,
                .n_warm = engine->warm ? engine->warm->n : 0,
                .warm_idle_ms = (uint64_t)config->warm_idle_time / NSEC_PER_MSEC,
                .prepared = prepared,
                .images = images,
                .n_images = engine->catalog.n_images,
                .cgroup_parent = config->cgroup_parent,
                .n_slots = engine->n_slots,
                .uid_base = (uint32_t)config->uid_base,
                .disk_bytes = config->limits[STAGE_RUN].disk_bytes,
                .inodes = config->limits[STAGE_RUN].inodes,
        };
        int r;

        for (size_t i = 0; i < engine->catalog.n_images; i++)
                images[i] = engine->catalog.images[i].files;
        snprintf(root, sizeof(root), "%s/root", config->data_directory);
        r = folders_make(root, 0700, err);
        r = r ? r : folders_packages_path(config, packages, err);
        if (r == 0)
                provision_path(config, prepared);
        return r ? r : warden_open(&engine->warden, &args, err);
}

/* When the machine is out of memory, programs go first; those have oom_score_adj 1000.  Where this is not allowed nothing
 * is worse than without. */
static void protect_from_oom(void)
{
        CLEANUP(close_fd) int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, OOM_SCORE, sizeof(OOM_SCORE) - 1) < 0)
                log_debug("oom_score_adj stays as it is: %s", strerror(errno));
}

/* What keeps an engine from being started here, before anything is made. */
static int check(const struct config *config, struct err *err)
{
        struct checks_ask ask = { .data_directory = config->data_directory,
                                  .uid_base = config->uid_base,
                                  .n_uids = WARDEN_UIDS,
                                  .cgroup_parent = config->cgroup_parent };

        if (geteuid() != 0)
                return err_set(
                        err, -EPERM,
                        "coderunr serve makes namespaces and cgroups and needs root: run it with sudo");
        protect_from_oom();
        if (!config->disable_networking)
                return err_set(err, -ENOTSUP,
                               "disable_networking: false is not offered; programs have no network");
        return checks_required_failed(&ask, err);
}

static int prepare(struct engine *engine, struct err *err)
{
        const struct config *config = engine->config;
        enum log_level level;
        int r;

        log_never_block();
        if (log_level_parse(config->log_level, &level) == 0)
                log_open(level, "warden");
        r = check(config, err);
        r = r ? r : listen_open(config->bind_address, engine->listeners, &engine->n_listeners, err);
        r = r ? r : keyfile_check(config, engine->listeners, engine->n_listeners, err);
        (void)keyfile_has_changed(&engine->keyfile); /* from now on */
        r = r ? r : folders_make(config->data_directory, 0700, err);
        r = r ? r : lock_data(engine, err);
        r = r ? r : catalog_load(config, &engine->catalog, err);
        if (r < 0)
                return r;
        identity_now(&engine->catalog, engine->identity);
        engine->n_slots = count_slots(config);
        warm_up(engine);
        engine->slots = calloc(engine->n_slots, sizeof(*engine->slots));
        must(engine->slots);
        r = open_warden(engine, err);
        r = r ? r : folders_store_prepare(config, engine->warden.uid_base + WARDEN_UID_LEDGER, err);
        r = r ? r : folders_packages_prepare(config, engine->warden.uid_base + WARDEN_UID_PACKER, err);
        if (r == 0)
                provision_open(engine);
        return r ? r : tell_isolation(engine, err);
}

/* Nobody is asked for anything any more before those end who would answer. */
static void close_engine(struct engine *engine)
{
        static const enum child_id order[] = { CHILD_FRONT, CHILD_COURIER, CHILD_PACKER, CHILD_LEDGER,
                                               CHILD_RUNNER };

        _Static_assert(ARRAY_LEN(order) == CHILD_COUNT, "each of them");
        engine->stopping = true;
        provision_stop(engine);
        for (size_t i = 0; i < ARRAY_LEN(order); i++)
                supervise_end(engine, order[i]);
        warden_close(&engine->warden);
        for (size_t i = 0; i < engine->n_listeners; i++)
                close_fd(&engine->listeners[i]);
        catalog_deinit(&engine->catalog);
        free(engine->warm);
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

static int open_engine(struct engine *engine, struct err *err)
{
        int r = supervise_open(engine, err);

        r = r ? r : prepare(engine, err);
        return r ? r : bounds_enter(err);
}

int serve(const struct config *config)
{
        struct engine engine = { .config = config,
                                 .keyfile = { .path = config->keys_file },
                                 .signals = -1,
                                 .lock = -1,
                                 .warden = { .lock = -1 } };
        struct err err = { "" };

        for (enum child_id id = 0; id < CHILD_COUNT; id++)
                engine.children[id].control = -1;
        if (open_engine(&engine, &err) < 0) {
                fprintf(stderr, "coderunr: %s\n", err.text);
                close_engine(&engine);
                return 1;
        }
        for (enum child_id id = 0; id < CHILD_COUNT; id++)
                child_start(&engine, id);
        for (uint32_t i = 0; i < engine.n_slots; i++)
                slot_start(&engine, i);
        announce(&engine);
        provision_start(&engine);
        supervise(&engine);
        log_info("stopping");
        close_engine(&engine);
        return 0;
}

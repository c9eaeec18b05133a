/*
 * Theory of operation: one loop, a thread for each download.  What is installed is read from the folder at the start and
 * kept in step with it; every change is told as a whole new shelf to runner, ledger and front.
 *
 * Started anew after a death, it finds on disk what is installed, with the numbers the others know; what was being
 * installed is swept, what was being removed is removed once the runner says that no job uses it.
 */
#include "packer/packer.h"
#include "config/config.h"
#include "job/client.h"
#include "job/link.h"
#include "packer/packer_priv.h"
#include "packer/store.h"
#include "packer/unpack.h"
#include "util/clock.h"
#include "util/fdio.h"
#include "util/log.h"

#include <event2/event.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>

/* ---- what there is ---- */

struct shelved *packer_find(struct packer *packer, const char *name, const char *version)
{
        struct shelved *shelved;

        TAILQ_FOREACH(shelved, &packer->packages, entry)
        if (streq(shelved->package.name, name) && streq(shelved->package.version, version))
                return shelved;
        return NULL;
}

static bool is_taken(struct packer *packer, uint32_t number)
{
        const struct shelved *shelved;

        TAILQ_FOREACH(shelved, &packer->packages, entry)
        if (shelved->package.number / INFO_LANGUAGES_MAX == number / INFO_LANGUAGES_MAX)
                return true;
        return false;
}

/* The first block is the unpacker's; numbers come round again after some 950 installations. */
uint32_t packer_number(struct packer *packer)
{
        const uint32_t first = SHELF_FIRST + INFO_LANGUAGES_MAX, last = SHELF_LAST - INFO_LANGUAGES_MAX;

        do {
                packer->next_number += INFO_LANGUAGES_MAX;
                if (packer->next_number < first || packer->next_number > last)
                        packer->next_number = first;
        } while (is_taken(packer, packer->next_number));
        return packer->next_number;
}

void packer_show(struct packer *packer, enum end end)
{
        static const struct runtime *all[SHELF_LAST - SHELF_FIRST + 1];
        CLEANUP(bytes_deinit) struct bytes bytes = BYTES_INIT(SHELF_BYTES_MAX);
        struct parcel parcel = { .kind = PARCEL_SHELF, .number = packer->shelf };
        const struct shelved *shelved;
        size_t n = 0;
        int fd;

        if (!packer->ends[end].link)
                return; /* it is told when it is there */
        if (end == END_OF_RUNNER)
                all[n++] = &packer->unpack;
        TAILQ_FOREACH(shelved, &packer->packages, entry)
        for (size_t i = 0; i < shelved->package.n_runtimes && shelved->shown[end]; i++)
                all[n++] = &shelved->package.runtimes[i];
        fd = shelf_encode(all, n, &bytes) < 0 ? -ENOMEM : fdio_memfd_of("shelf", bytes.p, bytes.n);
        if (fd < 0 || parcel_send_take(packer->ends[end].link, &parcel, fd) != 0) {
                log_error("the list of packages cannot be sent");
                link_break(packer->ends[end].link);
        }
}

static void add_leftover(struct packer *packer, const char *name, const char *version)
{
        struct leftover *leftover = calloc(1, sizeof(*leftover));

        if (!leftover)
                return;
        snprintf(leftover->name, sizeof(leftover->name), "%s", name);
        snprintf(leftover->version, sizeof(leftover->version), "%s", version);
        TAILQ_INSERT_TAIL(&packer->leftovers, leftover, entry);
}

static uint32_t read_number(struct packer *packer, const char *name, const char *version)
{
        CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(0);
        uint32_t number = 0;

        if (store_read(packer->args->folder, name, version, ".coderunr", &text) == 0 && text.p)
                number = (uint32_t)strtoul(text.p, NULL, 10);
        if (number >= SHELF_FIRST + INFO_LANGUAGES_MAX && number <= SHELF_LAST - INFO_LANGUAGES_MAX &&
            number % INFO_LANGUAGES_MAX == 0 && !is_taken(packer, number))
                return number;
        number = packer_number(packer);
        if (store_number(packer->args->folder, name, version, number) < 0)
                log_warn("package %s-%s: its number cannot be kept", name, version);
        return number;
}

static void found(void *arg, const char *name, const char *version, bool installed)
{
        struct packer *packer = arg;
        struct shelved *shelved = installed ? calloc(1, sizeof(*shelved)) : NULL;
        struct err err = { "" };

        if (!shelved) {
                add_leftover(packer, name, version);
                return;
        }
        snprintf(shelved->package.name, sizeof(shelved->package.name), "%s", name);
        snprintf(shelved->package.version, sizeof(shelved->package.version), "%s", version);
        shelved->package.number = read_number(packer, name, version);
        for (int i = 0; i < END_COUNT; i++)
                shelved->shown[i] = true;
        packer->next_number = MAX(packer->next_number, shelved->package.number);
        if (info_load(packer->args->config, packer->args->folder, &shelved->package, &err) != 0)
                log_error("package %s-%s is not offered: %s", name, version, err.text);
        TAILQ_INSERT_TAIL(&packer->packages, shelved, entry);
}

static void remove_leftovers(struct packer *packer)
{
        struct leftover *leftover;

        while ((leftover = TAILQ_FIRST(&packer->leftovers))) {
                TAILQ_REMOVE(&packer->leftovers, leftover, entry);
                if (!packer_find(packer, leftover->name, leftover->version))
                        store_remove(packer->args->folder, leftover->name, leftover->version);
                free(leftover);
        }
}

/* ---- links ---- */

static void end_lost(void *arg)
{
        struct peer_end *end = arg;
        struct errand *errand;

        link_free(end->link);
        end->link = NULL;
        end->seen = 0;
        if (end->end != END_OF_FRONT)
                return;
        TAILQ_FOREACH(errand, &end->packer->errands, entry)
        errand->ticket = 0;
}

static int parcel_take(struct peer_end *end, const struct parcel *parcel)
{
        struct packer *packer = end->packer;

        if (parcel->kind == PARCEL_SEEN) {
                end->seen = parcel->number;
        } else if (parcel->kind == PARCEL_FREE && end->end == END_OF_RUNNER) {
                packer->freed = parcel->number;
                remove_leftovers(packer);
        } else if (parcel->kind == PARCEL_ASK && end->end == END_OF_FRONT && parcel->word >= PARCEL_LIST &&
                   parcel->word < PARCEL_ASK_END && parcel->number > 0) {
                errand_new(packer, parcel);
                return 0;
        } else {
                return -EBADMSG;
        }
        errand_progress(packer);
        return 0;
}

static void on_message(void *arg, const char *p, size_t n, int *fds, size_t n_fds)
{
        struct peer_end *end = arg;
        struct parcel parcel;
        int r = parcel_decode(p, n, n_fds, &parcel);

        fdio_close_all(fds, n_fds);
        r = r ? r : parcel_take(end, &parcel);
        if (r == 0)
                return;
        log_error("a frame that cannot be taken apart; its connection is given up");
        end_lost(end);
}

static const struct link_fns end_fns = { on_message, end_lost };

static int end_take(struct packer *packer, enum end end, int fd)
{
        struct peer_end *to = &packer->ends[end];
        int r;

        if (to->link)
                end_lost(to);
        r = link_new_take(packer->base, fd, &end_fns, to, &to->link);
        if (r == 0)
                packer_show(packer, end);
        return r;
}

static void on_runner_lost(void *arg)
{
        log_error("lost the runner; waiting for a new one");
}

static int control_take(struct packer *packer, uint32_t kind, int fd)
{
        struct err err = { "" };

        switch (kind) {
        case PACKER_FRONT:
                return end_take(packer, END_OF_FRONT, fd);
        case PACKER_SHELF:
                return end_take(packer, END_OF_RUNNER, fd);
        case PACKER_LEDGER:
                return end_take(packer, END_OF_LEDGER, fd);
        case PACKER_RUNNER:
                if (packer->client)
                        return client_reconnect_take(packer->client, fd, &err);
                return client_new_take(packer->base, fd, on_runner_lost, packer, &packer->client, &err);
        default:
                close(fd);
                return -EINVAL;
        }
}

static void on_control(evutil_socket_t socket, short what, void *arg)
{
        struct packer *packer = arg;
        struct packer_message message = { 0 };
        int fds[FDIO_FDS_MAX];
        size_t n, n_fds;
        int r = fdio_recv(socket, &message, sizeof(message), &n, fds, &n_fds);

        if (r == FDIO_AGAIN)
                return;
        if (r != 0) {
                event_base_loopbreak(packer->base);
                return;
        }
        r = n == sizeof(message) && n_fds == 1 ? control_take(packer, message.kind, TAKE_FD(fds[0]))
                                               : -EBADMSG;
        fdio_close_all(fds, n_fds);
        if (r < 0)
                log_error("control message kind=%u: %s", message.kind, strerror(-r));
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
        event_base_loopbreak(arg);
}

/* ---- the process ---- */

static void seed_hashes(void)
{
        size_t seed = 0;

        if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
                seed = (size_t)clock_now_ns();
        json_object_seed(seed | 1);
}

static int packer_open(struct packer *packer, struct event *events[2])
{
        const struct config *config = packer->args->config;

        TAILQ_INIT(&packer->packages);
        TAILQ_INIT(&packer->errands);
        TAILQ_INIT(&packer->leftovers);
        packer->shelf = 1;
        for (int i = 0; i < END_COUNT; i++)
                packer->ends[i] = (struct peer_end){ packer, NULL, (enum end)i, 0 };
        packer->base = event_base_new();
        if (!packer->base || unpack_runtime(config, &packer->unpack) < 0)
                return -ENOMEM;
        packer->fetcher = fetcher_new(packer->base, config->repo_url, config->package_timeout);
        events[0] = evsignal_new(packer->base, SIGTERM, on_signal, packer->base);
        events[1] = event_new(packer->base, packer->args->control, EV_READ | EV_PERSIST, on_control, packer);
        if (!packer->fetcher || !events[0] || !events[1] || event_add(events[0], NULL) < 0 ||
            event_add(events[1], NULL) < 0)
                return -ENOMEM;
        store_sweep(packer->args->folder);
        store_each(packer->args->folder, found, packer);
        return 0;
}

static void packer_close(struct packer *packer, struct event *events[2])
{
        struct shelved *shelved;
        struct leftover *leftover;

        while ((shelved = TAILQ_FIRST(&packer->packages))) {
                TAILQ_REMOVE(&packer->packages, shelved, entry);
                package_deinit(&shelved->package);
                free(shelved);
        }
        while ((leftover = TAILQ_FIRST(&packer->leftovers))) {
                TAILQ_REMOVE(&packer->leftovers, leftover, entry);
                free(leftover);
        }
        for (int i = 0; i < END_COUNT; i++)
                link_free(packer->ends[i].link);
        client_free(packer->client);
        runtime_deinit(&packer->unpack);
        for (int i = 0; i < 2; i++)
                if (events[i])
                        event_free(events[i]);
}

int packer_run(const struct packer_args *args)
{
        static struct packer packer; /* threads of downloads may outlive the loop */
        struct event *events[2] = { NULL, NULL };
        int r;

        signal(SIGPIPE, SIG_IGN);
        seed_hashes();
        packer.args = args;
        r = packer_open(&packer, events);
        if (r < 0)
                log_error("the packer cannot start: %s", strerror(-r));
        else
                event_base_dispatch(packer.base);
        /* WHY: an orderly end would wait for a slow server, which may take minutes */
        if (packer.fetcher && fetcher_is_busy(packer.fetcher))
                _exit(EXIT_SUCCESS);
        packer_close(&packer, events);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * Theory of operation: every errand is a small machine, moved by what it waits for: a download, a box, a shelf in force.
 *
 *   list       INDEX ─► answer
 *   install    INDEX ─► (BLOCKED) ─► FETCH ─► UNPACK ─► BACK ─► FRONT ─► answer
 *   uninstall  (INDEX) ─► (BLOCKED) ─► HIDE ─► answer, DRAIN ─► files removed
 *
 * INVARIANT: the runner knows a runtime before the front can ask for it, and its files are removed after the last job
 * that uses it has ended.
 */
#include "config/config.h"
#include "job/client.h"
#include "job/job.h"
#include "packer/packer_priv.h"
#include "packer/store.h"
#include "packer/unpack.h"
#include "util/fdio.h"
#include "util/json_out.h"
#include "util/log.h"

#include <stdio.h>

enum { ERRANDS_MAX = 256 };

static void errand_free(struct errand *errand)
{
        TAILQ_REMOVE(&errand->packer->errands, errand, entry);
        errand->packer->n_errands--;
        free(errand->line.url);
        free(errand);
}

/* ---- answering ---- */

static void send_body(struct packer *packer, uint64_t ticket, int status, struct view body)
{
        struct parcel parcel = { .kind = PARCEL_ANSWER, .number = ticket, .word = (uint32_t)status };
        struct link *link = packer->ends[END_OF_FRONT].link;
        int fd;

        if (ticket == 0 || !link)
                return;
        fd = fdio_memfd_of("answer", body.p, body.n);
        if (fd < 0 || parcel_send_take(link, &parcel, fd) != 0)
                log_error("an answer cannot be sent to the front");
}

static void send_message(struct packer *packer, uint64_t ticket, int status, const char *text)
{
        CLEANUP(bytes_deinit) struct bytes body = BYTES_INIT(8192);
        struct json_out json;

        json_out_init(&json, &body);
        json_out_object_begin(&json);
        json_out_key(&json, "message");
        json_out_text(&json, text);
        json_out_object_end(&json);
        send_body(packer, ticket, status, bytes_view(&body));
}

/* The answer; the errand may have more to do. */
static void answer(struct errand *errand, int status, const char *text)
{
        if (status >= 400)
                log_info("package %s %s-%s: %s",
                         errand->what == PARCEL_LIST      ? "list"
                         : errand->what == PARCEL_INSTALL ? "install"
                                                          : "uninstall",
                         errand->name, errand->range, text);
        send_message(errand->packer, errand->ticket, status, text);
        errand->ticket = 0;
}

static void fail(struct errand *errand, int status, const char *text)
{
        struct packer *packer = errand->packer;

        answer(errand, status < 0 ? 500 : status, text);
        errand_free(errand);
        errand_progress(packer);
}

static void answer_package(struct errand *errand)
{
        CLEANUP(bytes_deinit) struct bytes body = BYTES_INIT(8192);
        struct json_out json;

        json_out_init(&json, &body);
        json_out_object_begin(&json);
        json_out_key(&json, "language");
        json_out_text(&json, errand->line.name);
        json_out_key(&json, "version");
        json_out_text(&json, errand->line.version);
        json_out_object_end(&json);
        send_body(errand->packer, errand->ticket, 200, bytes_view(&body));
        errand->ticket = 0;
}

static void answer_list(struct errand *errand, const struct index *index)
{
        CLEANUP(bytes_deinit) struct bytes body = BYTES_INIT(32 * MIB);
        struct json_out json;

        json_out_init(&json, &body);
        json_out_array_begin(&json);
        for (size_t i = 0; i < index->n; i++) {
                const struct index_line *line = &index->lines[i];
                const struct shelved *shelved = packer_find(errand->packer, line->name, line->version);

                json_out_object_begin(&json);
                json_out_key(&json, "language");
                json_out_text(&json, line->name);
                json_out_key(&json, "language_version");
                json_out_text(&json, line->version);
                json_out_key(&json, "installed");
                /* One that was uninstalled stays until the last job that uses it has ended. */
                json_out_bool(&json, shelved && shelved->shown[END_OF_FRONT]);
                json_out_object_end(&json);
        }
        json_out_array_end(&json);
        send_body(errand->packer, errand->ticket, 200, bytes_view(&body));
        errand->ticket = 0;
}

/* ---- telling the others ---- */

static void show(struct errand *errand, const enum end *ends, size_t n, bool present, enum errand_state next)
{
        struct packer *packer = errand->packer;

        errand->shelf = ++packer->shelf;
        errand->state = next;
        for (size_t i = 0; i < n; i++) {
                errand->shelved->shown[ends[i]] = present;
                packer_show(packer, ends[i]);
        }
}

static const enum end backs[] = { END_OF_RUNNER, END_OF_LEDGER }, fronts[] = { END_OF_FRONT };

static bool in_force(const struct errand *errand, const enum end *ends, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (errand->packer->ends[ends[i]].seen < errand->shelf)
                        return false;
        return true;
}

/* ---- installing ---- */

static bool same_runtime(const struct package *a, const struct package *b, const struct runtime **ret_which)
{
        for (size_t i = 0; i < a->n_runtimes; i++)
                for (size_t j = 0; j < b->n_runtimes; j++)
                        if (streq(a->runtimes[i].language, b->runtimes[j].language) &&
                            streq(a->runtimes[i].version, b->runtimes[j].version)) {
                                *ret_which = &a->runtimes[i];
                                return true;
                        }
        return false;
}

/* What another package brings is not taken over by one that says it is the same. */
static int check_twins(struct packer *packer, const struct package *package, struct err *err)
{
        const struct runtime *which = NULL;
        const struct shelved *other;

        TAILQ_FOREACH(other, &packer->packages, entry)
        if (same_runtime(package, &other->package, &which))
                return err_set(err, 500,
                               "%s-%s brings %s %s, which the package %s-%s has brought: uninstall that",
                               package->name, package->version, which->language, which->version,
                               other->package.name, other->package.version);
        return 0;
}

static int put_down(struct errand *errand, int pack, struct err *err)
{
        struct packer *packer = errand->packer;
        struct store_tree tree = { .name = errand->line.name, .version = errand->line.version };
        struct shelved *shelved = calloc(1, sizeof(*shelved));
        int r;

        if (!shelved)
                return err_set(err, 500, "out of memory");
        r = fdio_map(pack, &tree.pack.p, &tree.pack.n);
        if (r < 0) {
                free(shelved);
                return err_errno(err, r, "what the box made cannot be read");
        }
        tree.number = shelved->package.number = packer_number(packer);
        snprintf(shelved->package.name, sizeof(shelved->package.name), "%s", tree.name);
        snprintf(shelved->package.version, sizeof(shelved->package.version), "%s", tree.version);
        r = store_install(packer->args->folder, &tree, err);
        fdio_unmap(tree.pack.p, tree.pack.n);
        if (r == 0) {
                r = info_load(packer->args->config, packer->args->folder, &shelved->package, err);
                r = r ? r : check_twins(packer, &shelved->package, err);
                if (r != 0 && store_unmark(packer->args->folder, tree.name, tree.version) == 0)
                        store_remove(packer->args->folder, tree.name, tree.version);
        }
        if (r != 0) {
                package_deinit(&shelved->package);
                free(shelved);
                return r;
        }
        errand->shelved = shelved;
        TAILQ_INSERT_TAIL(&packer->packages, shelved, entry);
        return 0;
}

static void on_unpacked(void *arg, const struct result *result)
{
        struct errand *errand = arg;
        struct err err = { "" };
        int r = unpack_verdict(result, &err);

        r = r ? r : put_down(errand, result->pack, &err);
        if (r != 0)
                fail(errand, r, err.text);
        else
                show(errand, backs, ARRAY_LEN(backs), true, ERRAND_BACK);
}

static void on_archive(struct fetch *fetch)
{
        struct errand *errand = fetch->arg;
        struct err err = { "" };
        char text[256];
        uint64_t ticket;
        struct job job;
        int r;

        if (fetch->status) {
                fail(errand, fetch->status, fetch->err.text);
                return;
        }
        if (!streq(fetch->sum, errand->line.sum)) {
                snprintf(text, sizeof(text), "Checksum miss-match want: %s got: %s", errand->line.sum,
                         fetch->sum);
                fail(errand, 500, text);
                return;
        }
        errand->state = ERRAND_UNPACK;
        r = unpack_job(&errand->packer->unpack, &fetch->body, &job, &err);
        if (r == 0) {
                r = client_submit(errand->packer->client, &job, on_unpacked, errand, &ticket, &err);
                job_deinit(&job);
        }
        if (r < 0)
                fail(errand, 503, err.text);
}

static int fetch_new(struct errand *errand, const char *url, uint64_t most, void (*done)(struct fetch *fetch))
{
        struct fetch *fetch = calloc(1, sizeof(*fetch));

        if (!fetch)
                return -ENOMEM;
        *fetch = (struct fetch){ .url = strdup(url), .most = most, .done = done, .arg = errand };
        return fetch_start_take(errand->packer->fetcher, fetch);
}

static void install(struct errand *errand)
{
        if (packer_find(errand->packer, errand->line.name, errand->line.version)) {
                fail(errand, 500, "Already installed");
                return;
        }
        errand->state = ERRAND_FETCH;
        if (fetch_new(errand, errand->line.url, errand->packer->args->config->package_archive_limit,
                      on_archive) < 0)
                fail(errand, 503, "too much is being installed, try again later");
}

/* ---- uninstalling ---- */

static void uninstall(struct errand *errand)
{
        struct packer *packer = errand->packer;
        struct shelved *shelved = packer_find(packer, errand->line.name, errand->line.version);
        char text[256];
        int r;

        if (!shelved) {
                snprintf(text, sizeof(text), "%s-%s is not installed", errand->line.name,
                         errand->line.version);
                fail(errand, 500, text);
                return;
        }
        r = store_unmark(packer->args->folder, errand->line.name, errand->line.version);
        if (r < 0) {
                snprintf(text, sizeof(text), "the package cannot be removed: %s", strerror(-r));
                fail(errand, 500, text);
                return;
        }
        errand->shelved = shelved;
        show(errand, fronts, ARRAY_LEN(fronts), false, ERRAND_HIDE);
}

static void drained(struct errand *errand)
{
        struct packer *packer = errand->packer;

        TAILQ_REMOVE(&packer->packages, errand->shelved, entry);
        package_deinit(&errand->shelved->package);
        free(errand->shelved);
        store_remove(packer->args->folder, errand->line.name, errand->line.version);
        errand_free(errand);
}

/* ---- moving on ---- */

static bool is_blocked(const struct errand *errand)
{
        const struct errand *other;

        TAILQ_FOREACH(other, &errand->packer->errands, entry)
        if (other != errand && other->state > ERRAND_BLOCKED && streq(other->line.name, errand->line.name) &&
            streq(other->line.version, errand->line.version))
                return true;
        return false;
}

static void begin(struct errand *errand)
{
        errand->state = ERRAND_BLOCKED;
        if (is_blocked(errand))
                return;
        if (errand->what == PARCEL_INSTALL)
                install(errand);
        else
                uninstall(errand);
}

/* True when the list of errands may be another now. */
static bool move(struct errand *errand)
{
        switch (errand->state) {
        case ERRAND_BLOCKED:
                if (is_blocked(errand))
                        return false;
                begin(errand);
                return true;
        case ERRAND_BACK:
                if (in_force(errand, backs, ARRAY_LEN(backs)))
                        show(errand, fronts, ARRAY_LEN(fronts), true, ERRAND_FRONT);
                return false;
        case ERRAND_FRONT:
                if (!in_force(errand, fronts, ARRAY_LEN(fronts)))
                        return false;
                answer_package(errand);
                errand_free(errand);
                return true;
        case ERRAND_HIDE:
                if (!in_force(errand, fronts, ARRAY_LEN(fronts)))
                        return false;
                answer_package(errand);
                show(errand, backs, ARRAY_LEN(backs), false, ERRAND_DRAIN);
                return false;
        case ERRAND_DRAIN:
                if (errand->packer->freed < errand->shelf)
                        return false;
                drained(errand);
                return true;
        default:
                return false;
        }
}

void errand_progress(struct packer *packer)
{
        struct errand *errand = TAILQ_FIRST(&packer->errands);

        while (errand)
                errand = move(errand) ? TAILQ_FIRST(&packer->errands) : TAILQ_NEXT(errand, entry);
}

static int take_line(struct errand *errand, const struct index_line *line)
{
        errand->line = *line;
        errand->line.url = strdup(line->url);
        return errand->line.url ? 0 : -ENOMEM;
}

static void on_index(struct fetch *fetch)
{
        struct errand *errand = fetch->arg;
        const struct index_line *line;
        struct index index = { 0 };
        char text[2 * PARCEL_TEXT_MAX + 64];

        if (fetch->status || index_parse(bytes_view(&fetch->body), &index) < 0) {
                fail(errand, fetch->status ? fetch->status : 500,
                     fetch->status ? fetch->err.text : "out of memory");
                return;
        }
        line = errand->what == PARCEL_LIST ? NULL : index_find(&index, errand->name, errand->range);
        snprintf(text, sizeof(text), "Requested package %s-%s does not exist", errand->name, errand->range);
        if (errand->what == PARCEL_LIST) {
                answer_list(errand, &index);
                errand_free(errand);
        } else if (!line) {
                fail(errand, 404, text);
        } else if (take_line(errand, line) < 0) {
                fail(errand, 500, "out of memory");
        } else {
                begin(errand);
        }
        index_deinit(&index);
}

/* The newest that is installed goes without the index, which may be out of reach. */
static const struct shelved *find_installed(struct packer *packer, const char *name, const char *range)
{
        const struct shelved *shelved, *best = NULL;
        struct semver version, newest = { 0 };

        TAILQ_FOREACH(shelved, &packer->packages, entry)
        {
                if (!shelved->shown[END_OF_FRONT] || !streq(shelved->package.name, name) ||
                    index_version(shelved->package.version, &version) < 0 ||
                    !semver_satisfies(&version, range))
                        continue;
                if (!best || semver_compare(&version, &newest) > 0) {
                        best = shelved;
                        newest = version;
                }
        }
        return best;
}

void errand_new(struct packer *packer, const struct parcel *parcel)
{
        struct errand *errand = packer->n_errands < ERRANDS_MAX ? calloc(1, sizeof(*errand)) : NULL;
        const char *index = packer->args->config->repo_url;
        const struct shelved *installed = NULL;

        if (!errand) {
                send_message(packer, parcel->number, 503, "too much is being installed, try again later");
                return;
        }
        errand->packer = packer;
        errand->what = (enum parcel_ask)parcel->word;
        errand->ticket = parcel->number;
        snprintf(errand->name, sizeof(errand->name), "%s", parcel->name);
        snprintf(errand->range, sizeof(errand->range), "%s", parcel->range);
        TAILQ_INSERT_TAIL(&packer->errands, errand, entry);
        packer->n_errands++;
        if (errand->what == PARCEL_UNINSTALL)
                installed = find_installed(packer, errand->name, errand->range);
        if (installed) {
                snprintf(errand->line.name, sizeof(errand->line.name), "%s", installed->package.name);
                snprintf(errand->line.version, sizeof(errand->line.version), "%s",
                         installed->package.version);
                begin(errand);
        } else if (!*index) {
                fail(errand, 502, "no package index is configured: set repo_url");
        } else if (fetch_new(errand, index, INDEX_BYTES_MAX, on_index) < 0) {
                fail(errand, 503, "too much is being installed, try again later");
        }
}

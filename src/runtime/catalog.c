/*
 * Manifests, times programs found, times versions told, gives runtimes.
 *
 *   read every manifest, sorted by file name
 *   for each program of its `find` that is here: one candidate, and one question for its version
 *   ask all questions, those the memory cannot answer
 *   candidates with a version in range become runtimes; a manifest with none is listed as missing
 */
#include "runtime/catalog.h"
#include "config/config.h"
#include "config/document.h"
#include "runtime/catalog_images.h"
#include "runtime/discover.h"
#include "runtime/identity.h"
#include "runtime/image.h"
#include "runtime/manifest.h"
#include "runtime/semver.h"
#include "runtime/shelf.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/log.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>

enum { WORD_MAX = 16384 };

/* A manifest with one program that could be its tool. */
struct candidate {
        const struct manifest *manifest;
        char *tool;     /* NULL: the manifest looks for none */
        uint32_t image; /* 0: of the host */
        char **version_argv;
        char version[DISCOVER_VERSION_MAX];
};

struct builder {
        const struct config *config;
        struct catalog *catalog;
        struct manifest *manifests;
        size_t n_manifests;
        struct candidate *candidates;
        size_t n_candidates;
};

static void builder_deinit(struct builder *b)
{
        for (size_t i = 0; i < b->n_manifests; i++)
                manifest_deinit(&b->manifests[i]);
        for (size_t i = 0; i < b->n_candidates; i++) {
                free(b->candidates[i].tool);
                document_list_free(b->candidates[i].version_argv);
        }
        free(b->manifests);
        free(b->candidates);
}

static int no_memory(struct err *err)
{
        return err_set(err, -ENOMEM, "out of memory");
}

static int is_manifest(const struct dirent *entry)
{
        const char *dot = strrchr(entry->d_name, '.');

        return entry->d_name[0] != '.' && dot && streq(dot, ".yaml");
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_one(struct builder *b, const char *name, struct err *err)
{
        char path[PATH_MAX];
        int r;

        if (snprintf(path, sizeof(path), "%s/%s", b->config->runtimes_directory, name) >= PATH_MAX)
                return err_set(err, -ENAMETOOLONG, "%s: the path is too long", name);
        r = manifest_load(path, &b->manifests[b->n_manifests], err);
        if (r == 0)
                b->n_manifests++;
        return r;
}

static int load_manifests(struct builder *b, struct err *err)
{
        struct dirent **entries;
        int n = scandir(b->config->runtimes_directory, &entries, is_manifest, compare_names), r = 0;

        if (n < 0)
                return err_errno(err, -errno, "runtimes_directory: %s", b->config->runtimes_directory);
        b->manifests = calloc((size_t)n + 1, sizeof(*b->manifests));
        if (!b->manifests)
                r = no_memory(err);
        for (int i = 0; i < n; i++) {
                if (r == 0)
                        r = load_one(b, entries[i]->d_name, err);
                free(entries[i]);
        }
        free(entries);
        return r;
}

/* {tool} and {dir} of a word; other placeholders stay for the plan. */
static char *fill_word(const char *word, const char *tool)
{
        struct bytes filled = BYTES_INIT(WORD_MAX);
        int r = bytes_add(&filled, "", 0);

        while (*word && r == 0) {
                if (tool && strncmp(word, "{tool}", 6) == 0) {
                        r = bytes_add_text(&filled, tool);
                        word += 6;
                } else if (tool && strncmp(word, "{dir}", 5) == 0) {
                        r = bytes_add(&filled, tool, (size_t)(strrchr(tool, '/') - tool));
                        word += 5;
                } else {
                        r = bytes_add(&filled, word++, 1);
                }
        }
        if (r < 0)
                bytes_deinit(&filled);
        return filled.p;
}

/* A filled copy of @list; NULL only when memory is out: an absent list becomes an empty one. */
static char **fill_list(char *const *list, const char *tool)
{
        char **copy;
        size_t n = 0;

        while (list && list[n])
                n++;
        copy = calloc(n + 1, sizeof(*copy));
        for (size_t i = 0; copy && i < n; i++) {
                copy[i] = fill_word(list[i], tool);
                if (!copy[i]) {
                        document_list_free(copy);
                        return NULL;
                }
        }
        return copy;
}

static int add_candidate(struct builder *b, const struct manifest *manifest, uint32_t image, const char *tool,
                         struct err *err)
{
        struct candidate *more = reallocarray(b->candidates, b->n_candidates + 1, sizeof(*more));
        struct candidate *candidate;

        if (!more)
                return no_memory(err);
        b->candidates = more;
        candidate = &more[b->n_candidates++];
        *candidate = (struct candidate){ .manifest = manifest, .image = image };
        candidate->tool = tool ? strdup(tool) : NULL;
        candidate->version_argv = fill_list(manifest->version.argv, tool);
        return (tool && !candidate->tool) || !candidate->version_argv ? no_memory(err) : 0;
}

static bool is_candidate(const struct builder *b, const struct manifest *manifest, const char *tool)
{
        for (size_t i = 0; i < b->n_candidates; i++)
                if (b->candidates[i].manifest == manifest && streq(b->candidates[i].tool, tool))
                        return true;
        return false;
}

static int look_for(const struct builder *b, uint32_t image, const char *name, char ***ret_paths)
{
        return image ? catalog_image_find(b->catalog, image, name, ret_paths)
                     : discover_find(b->config, name, ret_paths);
}

/* Are all programs of `needs` here? */
static int has_needs(const struct builder *b, const struct manifest *manifest, uint32_t image, bool *ret_has)
{
        *ret_has = true;
        for (char **name = manifest->needs; name && *name && *ret_has; name++) {
                char **paths;
                int r = look_for(b, image, *name, &paths);

                if (r < 0)
                        return r;
                *ret_has = paths[0] != NULL;
                document_list_free(paths);
        }
        return 0;
}

static int find_tools(struct builder *b, const struct manifest *manifest, struct err *err)
{
        uint32_t image = 0;
        bool has;
        int r = manifest->image ? catalog_image_take(b->config, b->catalog, manifest, &image, err) : 0;

        if (r != 0)
                return MIN(r, 0);
        r = has_needs(b, manifest, image, &has);
        if (r < 0)
                return no_memory(err);
        if (!has)
                return 0;
        if (!manifest->find || !manifest->find[0])
                return add_candidate(b, manifest, image, NULL, err);
        for (char **name = manifest->find; *name && r == 0; name++) {
                char **paths;

                r = look_for(b, image, *name, &paths);
                if (r < 0)
                        return no_memory(err);
                for (char **path = paths; *path && r == 0; path++)
                        if (!is_candidate(b, manifest, *path))
                                r = add_candidate(b, manifest, image, *path, err);
                document_list_free(paths);
        }
        return r;
}

static int ask_versions(struct builder *b, struct err *err)
{
        struct discover_question *questions = calloc(b->n_candidates + 1, sizeof(*questions));
        bool news = false;
        size_t n = 0;
        int r;

        if (!questions)
                return no_memory(err);
        for (size_t i = 0; i < b->n_candidates; i++) {
                const struct candidate *candidate = &b->candidates[i];

                if (!candidate->manifest->version.fixed && !candidate->image)
                        questions[n++] =
                                (struct discover_question){ .path = candidate->tool,
                                                            .argv = candidate->version_argv,
                                                            .after = candidate->manifest->version.after };
        }
        discover_remember_load(b->config, questions, n);
        for (size_t i = 0; i < n; i++)
                news |= !questions[i].known;
        r = discover_ask(b->config, questions, n, err);
        if (r == 0 && news)
                discover_remember_save(b->config, questions, n);
        n = 0;
        for (size_t i = 0; i < b->n_candidates; i++) {
                struct candidate *candidate = &b->candidates[i];
                const char *fixed = candidate->manifest->version.fixed;

                if (candidate->image) {
                        catalog_image_version(b->catalog, candidate->image, candidate->manifest,
                                              candidate->version);
                        continue;
                }
                snprintf(candidate->version, DISCOVER_VERSION_MAX, "%s",
                         fixed ? fixed : questions[n++].version);
        }
        free(questions);
        return r;
}

static bool is_offered(const struct candidate *candidate)
{
        const char *range = candidate->manifest->version.range;
        struct semver version;

        if (semver_parse(candidate->version, &version) < 0)
                return false;
        return !range || semver_satisfies(&version, range);
}

static void settle_limits(const struct config *config, struct runtime *runtime, const struct limits *own)
{
        memcpy(runtime->limits, config->limits, sizeof(runtime->limits));
        for (int stage = 0; stage < STAGE_COUNT; stage++)
                for (int i = 0; i < LIMIT_COUNT; i++) {
                        uint64_t value = limit_get(&own[stage], (enum limit)i);

                        if (value)
                                *limit_at(&runtime->limits[stage], (enum limit)i) = value;
                }
        for (size_t i = 0; i < config->n_overrides; i++) {
                const struct config_override *o = &config->overrides[i];

                for (int stage = 0; stage < STAGE_COUNT && streq(o->language, runtime->language); stage++)
                        if ((o->stage < 0 || o->stage == stage) && o->value)
                                *limit_at(&runtime->limits[stage], o->limit) = o->value;
        }
}

/* Some doors have times of their own, which their clients count on; they hold where nothing else was said. */
static void settle_doors(const struct config *config, struct runtime *runtime)
{
        static const enum limit times[] = { LIMIT_wall_ns, LIMIT_cpu_ns };
        uint64_t most = MAX(config->codeengine_timeout, MAX(config->dispatch_timeout, config->exec_timeout));

        for (size_t i = 0; i < ARRAY_LEN(times); i++)
                if (limit_get(&runtime->limits[STAGE_RUN], times[i]) ==
                    limit_get(&config->limits[STAGE_RUN], times[i]))
                        *limit_at(&runtime->doors[STAGE_RUN], times[i]) = most;
}

void catalog_settle(const struct config *config, struct runtime *runtime, const struct limits *own)
{
        settle_limits(config, runtime, own);
        settle_doors(config, runtime);
}

static bool copy_text(char **to, const char *from)
{
        *to = from ? strdup(from) : NULL;
        return *to || !from;
}

static bool fill_stage(struct runtime_stage *to, const struct runtime_stage *from, const char *tool)
{
        if (!from->argv)
                return true;
        to->argv = fill_list(from->argv, tool);
        to->env = fill_list(from->env, tool);
        to->n_argv = from->n_argv;
        to->warm = from->warm;
        return to->argv && to->env && copy_text(&to->door, from->door) &&
               copy_text(&to->prelude, from->prelude);
}

/* What tells one toolchain from another: the program; of an image its folder, whose name is the digest. */
static const char *tool_at(const struct builder *b, const struct candidate *candidate)
{
        return candidate->image ? b->catalog->images[candidate->image - 1].files : candidate->tool;
}

/* Only with the host's own tools: nothing of an image is run outside of a box. */
static bool fill_prepared(struct runtime *runtime, const struct candidate *candidate)
{
        char *const *recipe = candidate->manifest->prepare;
        uint8_t identity[DIGEST_BYTES];
        char text[DIGEST_TEXT];

        if (!recipe || !recipe[0] || candidate->image)
                return true;
        runtime->prepare = fill_list(recipe, candidate->tool);
        if (!runtime->prepare)
                return false;
        identity_of_prepared(runtime, candidate->tool, identity);
        digest_hex(identity, text);
        return asprintf(&runtime->prepared, "%s-%s-%.16s", runtime->language, runtime->version, text) > 0;
}

static int make_runtime(const struct builder *b, const struct candidate *candidate, struct runtime *runtime,
                        struct err *err)
{
        const struct manifest *m = candidate->manifest;
        bool whole = true;

        runtime->language = strdup(m->language);
        runtime->version = strdup(candidate->version);
        runtime->title = strdup(m->title);
        runtime->package = m->package ? strdup(m->package) : NULL;
        runtime->aliases = fill_list(m->aliases, NULL);
        runtime->extensions = fill_list(m->extensions, NULL);
        runtime->companions = fill_list(m->companions, NULL);
        runtime->env = fill_list(m->env, candidate->tool);
        if (candidate->image)
                runtime->env = catalog_image_env_take(b->catalog, candidate->image, runtime->env);
        runtime->image = candidate->image;
        for (int i = 0; i < STAGE_COUNT; i++)
                whole &= fill_stage(&runtime->stages[i], &m->stages[i], candidate->tool);
        whole = whole && runtime->language && runtime->version && fill_prepared(runtime, candidate);
        if (!whole || !runtime->language || !runtime->version || !runtime->title ||
            (m->package && !runtime->package) || !runtime->aliases || !runtime->extensions ||
            !runtime->companions || !runtime->env) {
                runtime_deinit(runtime);
                return no_memory(err);
        }
        runtime->rename = m->rename;
        runtime->naming = m->naming;
        runtime->any_file = m->any_file;
        catalog_settle(b->config, runtime, m->limits);
        identity_of_host(runtime, m->file, tool_at(b, candidate), runtime->identity);
        return 0;
}

/* Two programs of one version (a copy, a wrapper) are one runtime: nobody could ask for the second. */
static bool is_listed(const struct catalog *catalog, const struct candidate *candidate)
{
        for (size_t i = 0; i < catalog->n_runtimes; i++)
                if (streq(catalog->runtimes[i].language, candidate->manifest->language) &&
                    streq(catalog->runtimes[i].version, candidate->version))
                        return true;
        return false;
}

static int add_missing(struct catalog *catalog, const struct manifest *manifest, struct err *err)
{
        struct bytes apt = BYTES_INIT(4096);
        struct catalog_missing *missing = &catalog->missing[catalog->n_missing];
        int r = bytes_add_text(
                &apt, !manifest->image && manifest->apt && manifest->apt[0] ? "apt-get install -y" : "");

        if (r == 0 && manifest->image)
                r = bytes_printf(&apt, "coderunr image pull %s", manifest->image);

        for (char **package = manifest->image ? NULL : manifest->apt; package && *package && r == 0;
             package++)
                r = bytes_printf(&apt, " %s", *package);
        *missing = (struct catalog_missing){ strdup(manifest->language), strdup(manifest->title), apt.p };
        catalog->n_missing++;
        return r < 0 || !missing->language || !missing->title ? no_memory(err) : 0;
}

static int add_manifest(struct builder *b, struct catalog *catalog, const struct manifest *manifest,
                        struct err *err)
{
        size_t before = catalog->n_runtimes;
        bool offered = false;

        for (size_t i = 0; i < b->n_candidates; i++) {
                const struct candidate *candidate = &b->candidates[i];
                struct runtime *runtime = &catalog->runtimes[catalog->n_runtimes];
                int r;

                if (candidate->manifest != manifest || !is_offered(candidate))
                        continue;
                offered = true;
                if (is_listed(catalog, candidate))
                        continue;
                r = make_runtime(b, candidate, runtime, err);
                if (r < 0)
                        return r;
                runtime->index = (uint32_t)catalog->n_runtimes++;
        }
        return offered || catalog->n_runtimes > before ? 0 : add_missing(catalog, manifest, err);
}

/* What another manifest of the same language offers is not missing. */
static void forget_found(struct catalog *catalog)
{
        size_t kept = 0;

        for (size_t i = 0; i < catalog->n_missing; i++) {
                struct catalog_missing *missing = &catalog->missing[i];

                if (catalog_find(catalog, missing->language, "*")) {
                        free(missing->language);
                        free(missing->title);
                        free(missing->apt);
                } else {
                        catalog->missing[kept++] = *missing;
                }
        }
        catalog->n_missing = kept;
}

static int build(struct builder *b, struct catalog *catalog, struct err *err)
{
        int r = load_manifests(b, err);

        for (size_t i = 0; i < b->n_manifests && r == 0; i++)
                r = find_tools(b, &b->manifests[i], err);
        if (r == 0)
                r = ask_versions(b, err);
        if (r < 0)
                return r;
        catalog->runtimes = calloc(b->n_candidates + 1, sizeof(*catalog->runtimes));
        catalog->missing = calloc(b->n_manifests + 1, sizeof(*catalog->missing));
        catalog->shelf = shelf_new();
        if (!catalog->runtimes || !catalog->missing || !catalog->shelf)
                return no_memory(err);
        for (size_t i = 0; i < b->n_manifests && r == 0; i++)
                r = add_manifest(b, catalog, &b->manifests[i], err);
        forget_found(catalog);
        return r;
}

int catalog_load(const struct config *config, struct catalog *ret_catalog, struct err *err)
{
        struct catalog catalog = { 0 };
        struct builder b CLEANUP(builder_deinit) = { .config = config, .catalog = &catalog };
        int r = build(&b, &catalog, err);

        identity_of_engine(config, catalog.engine);
        if (r < 0)
                catalog_deinit(&catalog);
        else
                *ret_catalog = catalog;
        return r;
}

void catalog_deinit(struct catalog *catalog)
{
        for (size_t i = 0; i < catalog->n_runtimes; i++)
                runtime_deinit(&catalog->runtimes[i]);
        for (size_t i = 0; i < catalog->n_missing; i++) {
                free(catalog->missing[i].language);
                free(catalog->missing[i].title);
                free(catalog->missing[i].apt);
        }
        free(catalog->runtimes);
        free(catalog->missing);
        shelf_free(catalog->shelf);
        catalog_images_deinit(catalog);
        *catalog = (struct catalog){ 0 };
}

const struct runtime *catalog_at(const struct catalog *catalog, uint32_t index)
{
        if (index < catalog->n_runtimes)
                return &catalog->runtimes[index];
        return catalog->shelf ? shelf_at(catalog->shelf, index) : NULL;
}

const struct runtime *catalog_next(const struct catalog *catalog, const struct runtime *last)
{
        size_t next = last ? (size_t)last->index + 1 : 0;

        if (next < catalog->n_runtimes)
                return &catalog->runtimes[next];
        return catalog->shelf ? shelf_next(catalog->shelf, last) : NULL;
}

static bool is_called(const struct runtime *runtime, const char *name)
{
        if (streq(runtime->language, name))
                return true;
        for (char **alias = runtime->aliases; *alias; alias++)
                if (streq(*alias, name))
                        return true;
        return false;
}

const struct runtime *catalog_find(const struct catalog *catalog, const char *name, const char *range)
{
        const struct runtime *best = NULL;
        struct semver newest = { 0 };

        for (const struct runtime *runtime = catalog_next(catalog, NULL); runtime;
             runtime = catalog_next(catalog, runtime)) {
                struct semver version;

                if (!is_called(runtime, name) || semver_parse(runtime->version, &version) < 0 ||
                    !semver_satisfies(&version, range))
                        continue;
                if (!best || semver_compare(&version, &newest) > 0) {
                        best = runtime;
                        newest = version;
                }
        }
        return best;
}

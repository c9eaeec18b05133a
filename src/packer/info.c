/*
 * TRUST: all of it is a stranger's work, and is read as data: names are checked, lists are bounded, and what the package
 * wants run is run in boxes.
 */
#include "packer/info.h"
#include "box/slot.h"
#include "config/document.h"
#include "packer/index.h"
#include "packer/store.h"
#include "runtime/catalog.h"
#include "runtime/identity.h"
#include "runtime/shelf.h"
#include "util/err.h"
#include "util/log.h"

#include <jansson.h>
#include <stdio.h>

enum { LIST_MAX = 64, NAME_MAX_BYTES = 64, ENV_LINES_MAX = 1024, WORD_BYTES = 512 };

struct loader {
        const struct config *config;
        int folder;
        struct package *package;
        char **env;
        bool has_run, has_compile;
        char program[WORD_BYTES]; /* where there is no `run` */
};

void package_deinit(struct package *package)
{
        for (size_t i = 0; i < package->n_runtimes; i++)
                runtime_deinit(&package->runtimes[i]);
        free(package->runtimes);
        package->runtimes = NULL;
        package->n_runtimes = 0;
}

static bool is_word(const json_t *value)
{
        const char *text = json_string_value(value);
        size_t n = json_string_length(value);

        if (!text || n == 0 || n > NAME_MAX_BYTES)
                return false;
        for (size_t i = 0; i < n; i++)
                if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
                        return false;
        return true;
}

static char **words(const json_t *array)
{
        char **list = calloc(LIST_MAX + 1, sizeof(*list));
        size_t n = 0, i;
        const json_t *value;

        json_array_foreach(array, i, value)
        {
                if (list && n < LIST_MAX && is_word(value))
                        list[n++] = strdup(json_string_value(value));
        }
        return list;
}

/* A limit that cannot be read is left out with a word in the log: the package still runs, within the usual ones. */
static void read_limit(const char *key, const json_t *value, struct limits own[STAGE_COUNT])
{
        char text[32] = "";
        struct err err = { "" };
        enum limit limit;
        uint64_t number;
        int stage;

        if (json_is_integer(value) && json_integer_value(value) > 0)
                snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(value));
        else if (json_is_string(value))
                snprintf(text, sizeof(text), "%s", json_string_value(value));
        if (!text[0])
                return;
        if (!limit_find(key, &limit, &stage) || limit_parse(limit, text, &number, &err) != 0) {
                log_warn("package: the limit %.64s is not known or cannot be read %s", key, err.text);
                return;
        }
        for (int i = 0; i < STAGE_COUNT; i++)
                if (stage < 0 || stage == i)
                        *limit_at(&own[i], limit) = number;
}

static void read_limits(json_t *object, struct limits own[STAGE_COUNT])
{
        const char *key;
        json_t *value;

        json_object_foreach(object, key, value) read_limit(key, value, own);
}

static void set_stages(const struct loader *loader, struct runtime *runtime)
{
        char run[WORD_BYTES], compile[WORD_BYTES];
        const char *const run_words[] = { "/bin/bash", run, "{main}", "{args}", NULL };
        const char *const own_words[] = { loader->program, "{main}", "{args}", NULL };
        const char *const compile_words[] = { "/bin/bash", compile, "{code}", NULL };
        const struct package *package = loader->package;

        snprintf(run, sizeof(run), SLOT_PACKAGES "/%s/%s/run", package->name, package->version);
        snprintf(compile, sizeof(compile), SLOT_PACKAGES "/%s/%s/compile", package->name, package->version);
        runtime->stages[STAGE_RUN].argv = document_list_copy(loader->has_run ? run_words : own_words);
        runtime->stages[STAGE_RUN].n_argv = loader->has_run ? 4 : 3;
        if (!loader->has_compile)
                return;
        runtime->stages[STAGE_COMPILE].argv = document_list_copy(compile_words);
        runtime->stages[STAGE_COMPILE].n_argv = 3;
}

static void identify(const struct loader *loader, struct runtime *runtime)
{
        CLEANUP(close_fd)
        int folder = store_open(loader->folder, loader->package->name, loader->package->version);

        if (folder >= 0)
                identity_of_package(runtime, folder, runtime->identity);
}

static int add_runtime(struct loader *loader, const json_t *language, const json_t *aliases,
                       json_t *const limits[2], struct err *err)
{
        struct package *package = loader->package;
        struct runtime *runtime = &package->runtimes[package->n_runtimes];
        struct limits own[STAGE_COUNT] = { 0 };
        struct semver version;
        char text[64];

        if (!is_word(language) || package->n_runtimes >= INFO_LANGUAGES_MAX)
                return err_set(err, 500, "the package does not say which language it is for");
        if (index_version(package->version, &version) < 0)
                return err_set(err, 500, "the version of the package cannot be read");
        snprintf(text, sizeof(text), "%u.%u.%u%s%.32s", version.major, version.minor, version.patch,
                 version.tag[0] ? "-" : "", version.tag);
        package->n_runtimes++;
        runtime->index = package->number + (uint32_t)package->n_runtimes - 1;
        runtime->language = strdup(json_string_value(language));
        runtime->version = strdup(text);
        runtime->title = strdup(json_string_value(language));
        runtime->aliases = words(aliases);
        runtime->env = document_list_copy((const char *const *)loader->env);
        runtime->any_file = runtime->language && streq(runtime->language, "file");
        set_stages(loader, runtime);
        for (size_t i = 0; i < 2; i++)
                read_limits(limits[i], own);
        if (!runtime->language || !runtime->version || !runtime->title || !runtime->aliases ||
            !runtime->env || !runtime->stages[STAGE_RUN].argv)
                return err_set(err, 500, "out of memory");
        catalog_settle(loader->config, runtime, own);
        identify(loader, runtime);
        return 0;
}

static int add_all(struct loader *loader, const json_t *root, struct err *err)
{
        const json_t *language = json_object_get(root, "language"), *provides, *entry;
        json_t *limits[2] = { json_object_get(root, "limit_overrides"), NULL };
        size_t i;
        int r = 0;

        provides = json_object_get(root, "provides");
        if (!json_is_array(provides) || json_array_size(provides) == 0)
                return add_runtime(loader, language, json_object_get(root, "aliases"), limits, err);
        json_array_foreach(provides, i, entry)
        {
                struct runtime *runtime = &loader->package->runtimes[loader->package->n_runtimes];

                limits[1] = json_object_get(entry, "limit_overrides");
                r = r ? r
                      : add_runtime(loader, json_object_get(entry, "language"),
                                    json_object_get(entry, "aliases"), limits, err);
                if (r == 0 && is_word(language))
                        runtime->package = strdup(json_string_value(language));
        }
        return r;
}

static int load_env(struct loader *loader)
{
        CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(STORE_FILE_BYTES);
        const struct package *package = loader->package;
        int r = store_read(loader->folder, package->name, package->version, ".env", &text);
        size_t n = 0;
        char *rest, *line;

        loader->env = calloc(ENV_LINES_MAX + 1, sizeof(char *));
        if (!loader->env)
                return -ENOMEM;
        if (r < 0 || !text.p)
                return r == -ENOENT ? 0 : r;
        rest = text.p;
        while ((line = strsep(&rest, "\n")) && n < ENV_LINES_MAX)
                if (line[0] && line[0] != '=' && strchr(line, '='))
                        loader->env[n++] = strdup(line);
        return 0;
}

static int find_program(struct loader *loader, const json_t *root, struct err *err)
{
        const struct package *package = loader->package;
        const json_t *names[] = { json_object_get(root, "runtime"), json_object_get(root, "language") };
        char path[NAME_MAX_BYTES + 8];

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                if (!is_word(names[i]) || !index_name_ok(view_of(json_string_value(names[i]))))
                        continue;
                snprintf(path, sizeof(path), "bin/%s", json_string_value(names[i]));
                if (!store_has(loader->folder, package->name, package->version, path))
                        continue;
                snprintf(loader->program, sizeof(loader->program), SLOT_PACKAGES "/%s/%s/%s", package->name,
                         package->version, path);
                return 0;
        }
        return err_set(err, 500, "the package has no run script");
}

static int load_root(const struct loader *loader, json_t **ret_root, struct err *err)
{
        static const char *const names[] = { "pkg-info.json", "package.json" };
        const struct package *package = loader->package;

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(STORE_FILE_BYTES);
                json_error_t why;
                int r = store_read(loader->folder, package->name, package->version, names[i], &text);

                if (r == -ENOENT)
                        continue;
                *ret_root = r < 0 ? NULL : json_loadb(text.p ? text.p : "", text.n, 0, &why);
                if (json_is_object(*ret_root))
                        return 0;
                json_decref(*ret_root);
                return err_set(err, 500, "the package's %s cannot be read", names[i]);
        }
        return err_set(err, 500, "the package has no pkg-info.json");
}

int info_load(const struct config *config, int folder, struct package *package, struct err *err)
{
        struct loader loader = { .config = config, .folder = folder, .package = package };
        json_t *root = NULL;
        int r = load_root(&loader, &root, err);

        loader.has_run = store_has(folder, package->name, package->version, "run");
        loader.has_compile = store_has(folder, package->name, package->version, "compile");
        if (r == 0 && !loader.has_run)
                r = find_program(&loader, root, err);
        if (r == 0 && load_env(&loader) < 0)
                r = err_set(err, 500, "the package's environment cannot be read");
        if (r == 0) {
                package->runtimes = calloc(INFO_LANGUAGES_MAX + 1, sizeof(*package->runtimes));
                r = package->runtimes ? add_all(&loader, root, err) : err_set(err, 500, "out of memory");
        }
        json_decref(root);
        if (loader.env)
                document_list_free(loader.env);
        if (r != 0)
                package_deinit(package);
        return r;
}

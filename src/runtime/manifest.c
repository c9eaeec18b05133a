/*
 * One table of keys says where each value goes and of what kind it is; what a value means is left to those who
 * use it.  Manifests come from whoever may also edit the configuration, so they are checked to help, not to defend.
 */
#include "runtime/manifest.h"
#include "config/document.h"
#include "config/value.h"
#include "runtime/semver.h"
#include "util/err.h"

enum kind {
        KIND_TEXT,
        KIND_LIST,
        KIND_FLAG,
        KIND_NAMING,
        KIND_WARM,
        KIND_ENV,
        KIND_STAGE,
        KIND_VERSION,
        KIND_LIMITS,
        KIND_SELF_TEST
};

struct key {
        const char *name;
        enum kind kind;
        size_t offset;
};

struct binder {
        struct manifest *manifest;
        struct document *document;
        const struct key *keys; /* of the mapping at hand; ends with a NULL name */
        void *base;             /* what their offsets count from */
        const char *context;    /* "compile: ", for messages */
};

#define AT(member) offsetof(struct manifest, member)

static const struct key top_keys[] = {
        { "language", KIND_TEXT, AT(language) },
        { "title", KIND_TEXT, AT(title) },
        { "package", KIND_TEXT, AT(package) },
        { "image", KIND_TEXT, AT(image) },
        { "aliases", KIND_LIST, AT(aliases) },
        { "extensions", KIND_LIST, AT(extensions) },
        { "companions", KIND_LIST, AT(companions) },
        { "rename", KIND_FLAG, AT(rename) },
        { "naming", KIND_NAMING, AT(naming) },
        { "any_file", KIND_FLAG, AT(any_file) },
        { "find", KIND_LIST, AT(find) },
        { "needs", KIND_LIST, AT(needs) },
        { "version", KIND_VERSION, AT(version) },
        { "apt", KIND_LIST, AT(apt) },
        { "env", KIND_ENV, AT(env) },
        { "limits", KIND_LIMITS, 0 },
        { "prepare", KIND_LIST, AT(prepare) },
        { "compile", KIND_STAGE, AT(stages[STAGE_COMPILE]) },
        { "run", KIND_STAGE, AT(stages[STAGE_RUN]) },
        { "self_test", KIND_SELF_TEST, 0 },
        { NULL, 0, 0 },
};

static const struct key version_keys[] = {
        { "argv", KIND_LIST, offsetof(struct manifest_version, argv) },
        { "after", KIND_TEXT, offsetof(struct manifest_version, after) },
        { "range", KIND_TEXT, offsetof(struct manifest_version, range) },
        { "fixed", KIND_TEXT, offsetof(struct manifest_version, fixed) },
        { "env", KIND_TEXT, offsetof(struct manifest_version, env) },
        { NULL, 0, 0 },
};

static const struct key stage_keys[] = {
        { "argv", KIND_LIST, offsetof(struct runtime_stage, argv) },
        { "env", KIND_ENV, offsetof(struct runtime_stage, env) },
        { "warm", KIND_WARM, offsetof(struct runtime_stage, warm) },
        { "door", KIND_TEXT, offsetof(struct runtime_stage, door) },
        { "prelude", KIND_TEXT, offsetof(struct runtime_stage, prelude) },
        { NULL, 0, 0 },
};

static int bind_value(struct binder *b, const struct key *key, yaml_node_t *value, struct err *err);

/* A value of @key has the wrong shape. */
static int refuse(const struct binder *b, const char *key, const yaml_node_t *node, struct err *err,
                  const char *what)
{
        return document_error(b->document, node, err, -EINVAL, "%s%s: %s", b->context, key, what);
}

static int bind_pair(void *arg, const char *name, yaml_node_t *key_node, yaml_node_t *value, struct err *err)
{
        struct binder *b = arg;

        for (const struct key *key = b->keys; key->name; key++)
                if (streq(key->name, name))
                        return bind_value(b, key, value, err);
        return refuse(b, name, key_node, err, "no such key");
}

/* A mapping with keys of its own inside the manifest. */
static int bind_inner(struct binder *b, const struct key *keys, void *base, const char *context,
                      yaml_node_t *value, struct err *err)
{
        struct binder inner = { b->manifest, b->document, keys, base, context };

        return document_each(b->document, value, bind_pair, &inner, err);
}

static int bind_text(struct binder *b, const struct key *key, char **field, yaml_node_t *value,
                     struct err *err)
{
        const char *text = document_text(value);

        if (!text || !*text)
                return refuse(b, key->name, value, err, "expected a text");
        *field = strdup(text);
        return *field ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int bind_flag(struct binder *b, const struct key *key, bool *field, yaml_node_t *value,
                     struct err *err)
{
        const char *text = document_text(value);

        if (!text || value_parse_flag(text, field) < 0)
                return refuse(b, key->name, value, err, "expected true or false");
        return 0;
}

static int bind_naming(struct binder *b, const struct key *key, enum runtime_naming *field,
                       yaml_node_t *value, struct err *err)
{
        const char *text = document_text(value);

        if (!text || !streq(text, "java"))
                return refuse(b, key->name, value, err, "the only rule there is is called java");
        *field = RUNTIME_NAMING_JAVA;
        return 0;
}

static int bind_warm(struct binder *b, const struct key *key, enum runtime_warm *field, yaml_node_t *value,
                     struct err *err)
{
        static const char *const names[] = { [RUNTIME_WARM_FORK] = "fork",
                                             [RUNTIME_WARM_FORK_AT_READ] = "fork-at-read",
                                             [RUNTIME_WARM_PARK] = "park" };
        const char *text = document_text(value);

        for (size_t i = RUNTIME_WARM_FORK; text && i < ARRAY_LEN(names); i++)
                if (streq(text, names[i])) {
                        *field = (enum runtime_warm)i;
                        return 0;
                }
        return refuse(b, key->name, value, err, "is none of fork, fork-at-read, park");
}

struct env_list {
        struct binder *binder;
        char **words;
        size_t n;
};

static int bind_env_pair(void *arg, const char *name, yaml_node_t *key_node, yaml_node_t *value,
                         struct err *err)
{
        const char *text = document_text(value);
        struct env_list *list = arg;
        size_t room;
        char *word;

        if (!text || !*name || strchr(name, '='))
                return refuse(list->binder, name, key_node, err, "expected NAME: text");
        room = strlen(name) + strlen(text) + 2;
        word = malloc(room);
        if (!word)
                return err_set(err, -ENOMEM, "out of memory");
        memcpy(word, name, strlen(name) + 1);
        memcpy(word + strlen(name), "=", 1);
        memcpy(word + strlen(name) + 1, text, strlen(text) + 1);
        list->words[list->n++] = word;
        return 0;
}

static int bind_env(struct binder *b, char ***field, yaml_node_t *value, struct err *err)
{
        struct env_list list = { b, NULL, 0 };

        if (value->type != YAML_MAPPING_NODE)
                return refuse(b, "env", value, err, "expected NAME: text");
        list.words = calloc((size_t)(value->data.mapping.pairs.top - value->data.mapping.pairs.start) + 1,
                            sizeof(*list.words));
        if (!list.words)
                return err_set(err, -ENOMEM, "out of memory");
        *field = list.words;
        return document_each(b->document, value, bind_env_pair, &list, err);
}

static int bind_limit(void *arg, const char *name, yaml_node_t *key_node, yaml_node_t *value, struct err *err)
{
        const char *text = document_text(value);
        struct binder *b = arg;
        uint64_t number = 0;
        enum limit limit;
        struct err why;
        int stage, r;

        if (!limit_find(name, &limit, &stage))
                return refuse(b, name, key_node, err, "no such limit");
        if (!text)
                return refuse(b, name, value, err, "expected a value");
        r = limit_parse(limit, text, &number, &why);
        if (r != 0)
                return refuse(b, name, value, err, r < 0 ? why.text : "leave it out to have the default");
        for (int i = 0; i < STAGE_COUNT; i++)
                if (stage < 0 || stage == i)
                        *limit_at(&b->manifest->limits[i], limit) = number;
        return 0;
}

static int bind_limits(struct binder *b, yaml_node_t *value, struct err *err)
{
        struct binder inner = { b->manifest, b->document, NULL, NULL, "limits: " };

        return document_each(b->document, value, bind_limit, &inner, err);
}

static int bind_stage(struct binder *b, const struct key *key, struct runtime_stage *stage,
                      yaml_node_t *value, struct err *err)
{
        int r;

        if (value->type == YAML_MAPPING_NODE)
                r = bind_inner(b, stage_keys, stage, key->name, value, err);
        else
                r = document_list(b->document, value, &stage->argv, NULL, err);
        if (r < 0)
                return r;
        while (stage->argv && stage->argv[stage->n_argv])
                stage->n_argv++;
        if (stage->n_argv == 0)
                return refuse(b, key->name, value, err, "argv is missing");
        return 0;
}

/* For the tests that run it: nothing is kept, but a typing error is told here. */
static int check_self_test(void *arg, const char *name, yaml_node_t *key_node, yaml_node_t *value,
                           struct err *err)
{
        static const char *const names[] = { "source", "stdin", "stdout", "name" };

        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                if (streq(names[i], name) && document_text(value))
                        return 0;
        return refuse(arg, name, key_node, err, "expected source, stdin, stdout or name, and a text");
}

static int bind_value(struct binder *b, const struct key *key, yaml_node_t *value, struct err *err)
{
        void *field = (char *)b->base + key->offset;
        struct binder inner = { b->manifest, b->document, NULL, NULL, "self_test: " };
        int r;

        switch (key->kind) {
        case KIND_TEXT:
                return bind_text(b, key, field, value, err);
        case KIND_LIST:
                r = document_list(b->document, value, field, NULL, err);
                return r < 0 ? err_wrap(err, r, "%s", key->name) : 0;
        case KIND_FLAG:
                return bind_flag(b, key, field, value, err);
        case KIND_NAMING:
                return bind_naming(b, key, field, value, err);
        case KIND_WARM:
                return bind_warm(b, key, field, value, err);
        case KIND_ENV:
                return bind_env(b, field, value, err);
        case KIND_STAGE:
                return bind_stage(b, key, field, value, err);
        case KIND_VERSION:
                return bind_inner(b, version_keys, field, "version: ", value, err);
        case KIND_LIMITS:
                return bind_limits(b, value, err);
        case KIND_SELF_TEST:
                return document_each(b->document, value, check_self_test, &inner, err);
        }
        return -EINVAL;
}

/* An image is not the operator's own: none of its programs is run to be asked. */
static int check_image(const struct manifest *m, struct err *err)
{
        if (m->image && m->version.argv && m->version.argv[0])
                return err_set(err, -EINVAL,
                               "%s: version: argv: programs of an image are not asked; say fixed or env",
                               m->file);
        if (!m->image && m->version.env)
                return err_set(err, -EINVAL, "%s: version: env: is for manifests with an image", m->file);
        return 0;
}

static int check_version(const struct manifest *m, struct err *err)
{
        const struct manifest_version *version = &m->version;
        struct semver parsed;

        if (version->fixed && semver_parse(version->fixed, &parsed) < 0)
                return err_set(err, -EINVAL, "%s: version: fixed: \"%s\" is not three numbers", m->file,
                               version->fixed);
        if (version->range && !semver_range_ok(version->range))
                return err_set(err, -EINVAL, "%s: version: range: \"%s\" cannot be read", m->file,
                               version->range);
        if (m->image)
                return 0;
        if (!version->fixed && !(version->argv && version->argv[0]))
                return err_set(err, -EINVAL, "%s: version: neither argv nor fixed says how to get it",
                               m->file);
        if (!version->fixed && !(m->find && m->find[0]))
                return err_set(err, -EINVAL, "%s: find: names no program", m->file);
        return 0;
}

static int check(struct manifest *m, struct err *err)
{
        if (!m->language)
                return err_set(err, -EINVAL, "%s: language is missing", m->file);
        if (!m->title)
                return err_set(err, -EINVAL, "%s: title is missing", m->file);
        if (!m->stages[STAGE_RUN].argv)
                return err_set(err, -EINVAL, "%s: run is missing", m->file);
        if (m->rename && !(m->extensions && m->extensions[0]))
                return err_set(err, -EINVAL, "%s: rename: extensions names none to give", m->file);
        return check_image(m, err) < 0 ? -EINVAL : check_version(m, err);
}

static int parse(struct document *document, struct manifest *ret_manifest, struct err *err)
{
        struct manifest m CLEANUP(manifest_deinit) = { .file = strdup(document->name) };
        struct binder b = { &m, document, top_keys, &m, "" };
        int r;

        if (!m.file)
                return err_set(err, -ENOMEM, "out of memory");
        if (!document_root(document))
                return err_set(err, -EINVAL, "%s: is empty", m.file);
        r = document_each(document, document_root(document), bind_pair, &b, err);
        if (r == 0)
                r = check(&m, err);
        if (r < 0)
                return r;
        *ret_manifest = m;
        m = (struct manifest){ 0 };
        return 0;
}

int manifest_parse(const char *text, const char *name, struct manifest *ret_manifest, struct err *err)
{
        struct document document CLEANUP(document_deinit) = { 0 };
        int r = document_load_text(&document, view_of(text), name, err);

        return r < 0 ? r : parse(&document, ret_manifest, err);
}

int manifest_load(const char *path, struct manifest *ret_manifest, struct err *err)
{
        struct document document CLEANUP(document_deinit) = { 0 };
        int r = document_load_file(&document, path, err);

        return r < 0 ? r : parse(&document, ret_manifest, err);
}

void manifest_deinit(struct manifest *m)
{
        char **const texts[] = { &m->file,          &m->language,      &m->title,
                                 &m->package,       &m->version.after, &m->version.range,
                                 &m->version.fixed, &m->image,         &m->version.env };
        char ***const lists[] = { &m->aliases, &m->extensions, &m->companions,   &m->find,   &m->needs,
                                  &m->apt,     &m->env,        &m->version.argv, &m->prepare };

        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                free(*texts[i]);
        for (size_t i = 0; i < ARRAY_LEN(lists); i++)
                document_list_free(*lists[i]);
        for (int i = 0; i < STAGE_COUNT; i++) {
                document_list_free(m->stages[i].argv);
                document_list_free(m->stages[i].env);
                free(m->stages[i].door);
                free(m->stages[i].prelude);
        }
        *m = (struct manifest){ 0 };
}

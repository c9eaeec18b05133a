/*
 * limit_overrides: { language: { limit: value } }, from a mapping in the file or from JSON or YAML text
 * in the environment or a flag.  A 0 falls through to the manifest and the configuration, as in Piston.
 */
#include "config/config_priv.h"
#include "util/bytes.h"
#include "util/err.h"

#include <stdio.h>

enum { OVERRIDES_MAX = 4096, OVERRIDES_TEXT_MAX = 1024 * 1024 };

struct binder {
        struct config *config;
        struct document *document;
        const char *language;
        struct bytes text; /* the option printed anew */
        int pairs;         /* of the language at hand */
};

void overrides_deinit(struct config *config)
{
        for (size_t i = 0; i < config->n_overrides; i++)
                free(config->overrides[i].language);
        free(config->overrides);
        config->overrides = NULL;
        config->n_overrides = 0;
}

static int add(struct binder *b, enum limit limit, int stage, uint64_t value, struct err *err)
{
        struct config *config = b->config;
        struct config_override *more;
        char *language;

        if (config->n_overrides >= OVERRIDES_MAX)
                return err_set(err, -E2BIG, "limit_overrides: more than %d limits", OVERRIDES_MAX);
        more = reallocarray(config->overrides, config->n_overrides + 1, sizeof(*more));
        if (!more)
                return err_set(err, -ENOMEM, "out of memory");
        config->overrides = more;
        language = strdup(b->language);
        if (!language)
                return err_set(err, -ENOMEM, "out of memory");
        more[config->n_overrides++] = (struct config_override){ language, stage, limit, value };
        return 0;
}

static int bind_limit(void *arg, const char *key, yaml_node_t *key_node, yaml_node_t *node, struct err *err)
{
        const char *text = document_text(node);
        struct binder *b = arg;
        uint64_t value = 0;
        enum limit limit;
        struct err why;
        int stage, r;

        if (!limit_find(key, &limit, &stage))
                return document_error(b->document, key_node, err, -EINVAL,
                                      "limit_overrides: %s: %s is not a limit", b->language, key);
        if (!text)
                return document_error(b->document, node, err, -EINVAL,
                                      "limit_overrides: %s: %s: expected a value", b->language, key);
        r = streq(text, "0") ? LIMIT_DEFAULT : limit_parse(limit, text, &value, &why);
        if (r < 0)
                return document_error(b->document, node, err, r, "limit_overrides: %s: %s: %s", b->language,
                                      key, why.text);
        if (r == LIMIT_DEFAULT)
                return 0;
        r = bytes_printf(&b->text, "%s\"%s\": \"%s\"", b->pairs++ ? ", " : "", key, text);
        return r < 0 ? r : add(b, limit, stage, value, err);
}

static int bind_language(void *arg, const char *key, yaml_node_t *key_node, yaml_node_t *node,
                         struct err *err)
{
        struct binder *b = arg;
        int r;

        if (!*key || strpbrk(key, "\"\\"))
                return document_error(b->document, key_node, err, -EINVAL,
                                      "limit_overrides: not a language: %s", key);
        b->language = key;
        b->pairs = 0;
        r = bytes_printf(&b->text, "%s\"%s\": {", b->text.n > 1 ? ", " : "", key);
        if (r == 0)
                r = document_each(b->document, node, bind_limit, b, err);
        return r < 0 ? r : bytes_add_text(&b->text, "}");
}

int overrides_bind(struct config *config, struct document *document, yaml_node_t *node, struct err *err)
{
        struct binder b = { config, document, NULL, BYTES_INIT(OVERRIDES_TEXT_MAX), 0 };
        int r;

        overrides_deinit(config);
        r = bytes_add_text(&b.text, "{");
        if (r == 0 && node)
                r = document_each(document, node, bind_language, &b, err);
        if (r == 0)
                r = bytes_add_text(&b.text, "}");
        if (r < 0) {
                bytes_deinit(&b.text);
                return r;
        }
        free(config->limit_overrides);
        config->limit_overrides = b.text.p;
        return 0;
}

int overrides_parse(struct config *config, const char *text, const char *where, struct err *err)
{
        struct document document CLEANUP(document_deinit) = { 0 };
        int r = document_load_text(&document, view_of(text), where, err);

        if (r < 0)
                return r;
        return overrides_bind(config, &document, document_root(&document), err);
}

/*
 * The YAML file: one mapping, every key an option.  It is walked twice so that a limit of one stage stands
 * above the word that sets both, whatever their order.
 */
#include "config/config_priv.h"
#include "util/err.h"
#include "util/log.h"

#include <stdio.h>

struct binder {
        struct config *config;
        struct document *document;
        bool narrow; /* which of the two walks this is */
};

static int bind(void *arg, const char *key, yaml_node_t *key_node, yaml_node_t *value, struct err *err)
{
        struct binder *b = arg;
        const char *text = document_text(value), *near;
        char where[384];
        int r;

        if (option_is_narrow(key) != b->narrow)
                return 0;
        if (streq(key, "limit_overrides") && !text) {
                b->config->sources[CONFIG_OPTION_limit_overrides] = CONFIG_FILE;
                return overrides_bind(b->config, b->document, value, err);
        }
        if (!text)
                return document_error(b->document, value, err, -EINVAL, "%s: expected a value", key);
        snprintf(where, sizeof(where), "%s:%zu: %s", b->document->name, key_node->start_mark.line + 1, key);
        r = option_set(b->config, key, text, CONFIG_FILE, where, err);
        if (r == OPTION_UNUSED) {
                log_warn("%s: has no meaning here and is ignored", where);
                return 0;
        }
        if (r != OPTION_UNKNOWN)
                return r;
        near = option_suggest(key);
        return err_set(err, -EINVAL, "%s: no such option%s%s%s", where, near ? "; did you mean " : "",
                       near ? near : "", near ? "?" : "");
}

int config_load_file(struct config *config, const char *path, struct err *err)
{
        struct document document CLEANUP(document_deinit) = { 0 };
        struct binder b = { config, &document, false };
        int r = document_load_file(&document, path, err);

        if (r < 0)
                return r;
        if (!document_root(&document))
                return 0;
        r = document_each(&document, document_root(&document), bind, &b, err);
        if (r < 0)
                return r;
        b.narrow = true;
        return document_each(&document, document_root(&document), bind, &b, err);
}

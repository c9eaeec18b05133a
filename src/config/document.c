/*
 * libyaml's document API does the parsing: anchors are shared nodes, so a small file cannot grow, and our
 * binders walk trees of fixed depth.  The whole text is capped.  JSON is read as the YAML it is.
 */
#include "config/document.h"
#include "util/err.h"

#include <stdarg.h>
#include <stdio.h>

void document_deinit(struct document *document)
{
        if (document->loaded)
                yaml_document_delete(&document->yaml);
        document->loaded = false;
}

static int parser_error(const struct document *document, const yaml_parser_t *parser, struct err *err)
{
        return err_set(err, -EINVAL, "%s:%zu: %s", document->name, parser->problem_mark.line + 1,
                       parser->problem ? parser->problem : "cannot be read as YAML");
}

/* One document only: what follows a second "---" would be ignored silently. */
static int check_end(struct document *document, yaml_parser_t *parser, struct err *err)
{
        yaml_document_t more;
        bool empty;

        if (!yaml_parser_load(parser, &more))
                return parser_error(document, parser, err);
        empty = !yaml_document_get_root_node(&more);
        yaml_document_delete(&more);
        if (!empty)
                return err_set(err, -EINVAL, "%s: holds more than one document", document->name);
        return 0;
}

int document_load_text(struct document *document, struct view text, const char *name, struct err *err)
{
        yaml_parser_t parser;
        int r = 0;

        *document = (struct document){ 0 };
        snprintf(document->name, sizeof(document->name), "%s", name);
        if (!yaml_parser_initialize(&parser))
                return err_set(err, -ENOMEM, "out of memory");
        yaml_parser_set_input_string(&parser, (const unsigned char *)text.p, text.n);
        yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
        if (!yaml_parser_load(&parser, &document->yaml)) {
                r = parser_error(document, &parser, err);
        } else {
                document->loaded = true;
                if (document_root(document))
                        r = check_end(document, &parser, err);
        }
        yaml_parser_delete(&parser);
        if (r < 0)
                document_deinit(document);
        return r;
}

int document_load_file(struct document *document, const char *path, struct err *err)
{
        struct bytes text CLEANUP(bytes_deinit) = BYTES_INIT(DOCUMENT_BYTES_MAX);
        int r = bytes_read_file(&text, path);

        *document = (struct document){ 0 };
        if (r < 0)
                return err_errno(err, r, "%s", path);
        return document_load_text(document, bytes_view(&text), path, err);
}

yaml_node_t *document_root(struct document *document)
{
        return document->loaded ? yaml_document_get_root_node(&document->yaml) : NULL;
}

const char *document_text(const yaml_node_t *node)
{
        const char *text;

        if (!node || node->type != YAML_SCALAR_NODE)
                return NULL;
        text = (const char *)node->data.scalar.value;
        return strlen(text) == node->data.scalar.length ? text : NULL;
}

int document_error(const struct document *document, const yaml_node_t *node, struct err *err, int code,
                   const char *format, ...)
{
        char text[400];
        va_list ap;

        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        return err_set(err, code, "%s:%zu: %s", document->name, node ? node->start_mark.line + 1 : 1, text);
}

static bool comes_again(struct document *document, const yaml_node_t *mapping, const yaml_node_pair_t *pair)
{
        const char *key = document_text(yaml_document_get_node(&document->yaml, pair->key));

        for (const yaml_node_pair_t *p = mapping->data.mapping.pairs.start; p < pair; p++)
                if (streq(document_text(yaml_document_get_node(&document->yaml, p->key)), key))
                        return true;
        return false;
}

int document_each(struct document *document, yaml_node_t *mapping, document_pair_fn each, void *arg,
                  struct err *err)
{
        if (mapping->type != YAML_MAPPING_NODE)
                return document_error(document, mapping, err, -EINVAL,
                                      "expected keys with values (key: value)");
        for (yaml_node_pair_t *p = mapping->data.mapping.pairs.start; p < mapping->data.mapping.pairs.top;
             p++) {
                yaml_node_t *key_node = yaml_document_get_node(&document->yaml, p->key);
                const char *key = document_text(key_node);
                int r;

                if (!key)
                        return document_error(document, key_node, err, -EINVAL, "a key must be plain text");
                if (comes_again(document, mapping, p))
                        return document_error(document, key_node, err, -EINVAL, "%s comes twice", key);
                r = each(arg, key, key_node, yaml_document_get_node(&document->yaml, p->value), err);
                if (r != 0)
                        return r;
        }
        return 0;
}

char **document_list_copy(const char *const *list)
{
        char **copy;
        size_t n = 0;

        while (list && list[n])
                n++;
        copy = calloc(n + 1, sizeof(*copy));
        for (size_t i = 0; copy && i < n; i++) {
                copy[i] = strdup(list[i]);
                if (!copy[i]) {
                        document_list_free(copy);
                        return NULL;
                }
        }
        return copy;
}

void document_list_free(char **list)
{
        for (char **p = list; p && *p; p++)
                free(*p);
        free(list);
}

static int add_text(struct document *document, yaml_node_t *node, char **ret_copy, struct err *err)
{
        const char *text = document_text(node);

        if (!text)
                return document_error(document, node, err, -EINVAL, "expected a text");
        *ret_copy = strdup(text);
        return *ret_copy ? 0 : err_set(err, -ENOMEM, "out of memory");
}

int document_list(struct document *document, yaml_node_t *node, char ***ret_list, size_t *ret_n,
                  struct err *err)
{
        size_t n = node->type == YAML_SEQUENCE_NODE
                           ? (size_t)(node->data.sequence.items.top - node->data.sequence.items.start)
                           : 1;
        char **list = calloc(n + 1, sizeof(*list));
        int r = 0;

        if (!list)
                return err_set(err, -ENOMEM, "out of memory");
        for (size_t i = 0; i < n && r == 0; i++) {
                yaml_node_t *item = node;

                if (node->type == YAML_SEQUENCE_NODE)
                        item = yaml_document_get_node(&document->yaml, node->data.sequence.items.start[i]);
                r = add_text(document, item, &list[i], err);
        }
        if (r < 0) {
                document_list_free(list);
                return r;
        }
        *ret_list = list;
        if (ret_n)
                *ret_n = n;
        return 0;
}

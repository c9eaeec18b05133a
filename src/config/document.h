#pragma once

/*
 * Document: a YAML (or JSON) text as a tree of nodes, for binders that know what they expect.
 *
 * Errors name "file:line".  Texts are borrowed from the document and good until document_deinit().
 */

#include "util/base.h"
#include "util/bytes.h"

#include <yaml.h>

struct err;

enum { DOCUMENT_BYTES_MAX = 1024 * 1024 };

struct document {
        yaml_document_t yaml;
        bool loaded;
        char name[256]; /* for messages */
};

/* -ENOENT and other errno of open(2), -EINVAL for text that is no YAML; an empty file is an empty mapping. */
int document_load_file(struct document *document, const char *path, struct err *err) MUST_USE;
int document_load_text(struct document *document, struct view text, const char *name,
                       struct err *err) MUST_USE;
void document_deinit(struct document *document);

/* NULL for an empty document. */
yaml_node_t *document_root(struct document *document);

/* The text of a scalar; NULL for every other node and for a text with a NUL in it. */
const char *document_text(const yaml_node_t *node);

/* "name:line: " and the sentence; returns @code. */
int document_error(const struct document *document, const yaml_node_t *node, struct err *err, int code,
                   const char *format, ...) PRINTF(5, 6);

/* Called for every pair of a mapping; anything but 0 ends the walk and is its result. */
typedef int (*document_pair_fn)(void *arg, const char *key, yaml_node_t *key_node, yaml_node_t *value,
                                struct err *err);

/* Walk a mapping in file order; -EINVAL for another kind of node, a key that is no text, or one that comes twice. */
int document_each(struct document *document, yaml_node_t *mapping, document_pair_fn each, void *arg,
                  struct err *err) MUST_USE;

/* A sequence of texts (or one text alone) as a NULL-terminated array the caller frees with document_list_free(). */
int document_list(struct document *document, yaml_node_t *node, char ***ret_list, size_t *ret_n,
                  struct err *err) MUST_USE;
/* A copy of such an array, an empty one of NULL; NULL when there is no memory. */
char **document_list_copy(const char *const *list);
void document_list_free(char **list);

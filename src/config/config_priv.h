#pragma once

/* Shared by the files of config/ only: options as rows, and setting one by name. */

#include "config/config.h"
#include "config/document.h"

struct option_row {
        const char *name; /* "bind_address" */
        enum config_kind kind;
        size_t offset; /* in struct config */
        const char *fallback;
        uint64_t least;
        uint64_t most;
        const char *text;
};

extern const struct option_row option_rows[CONFIG_OPTION_COUNT];

enum {
        OPTION_UNKNOWN = 1, /* no option of that name */
        OPTION_UNUSED,      /* Piston or CodeRunr know it, we have no use for it */
};

/*
 * Set an option or limit from text.  @name in the file's spelling; @where for messages ("CODERUNR_RUN_TIMEOUT").
 * Outcomes OPTION_UNKNOWN and OPTION_UNUSED leave everything as it was.
 */
int option_set(struct config *config, const char *name, const char *text, enum config_source source,
               const char *where, struct err *err) MUST_USE;

/* Does @name set one stage only of a limit whose other spelling sets both? Those are applied last. */
bool option_is_narrow(const char *name);

/* The known name nearest to @name, or NULL when none is near. */
const char *option_suggest(const char *name);

/* Give every option its default. */
int option_set_defaults(struct config *config, struct err *err) MUST_USE;

/* limit_overrides: replaces config->overrides, and writes the text of the option anew. */
int overrides_parse(struct config *config, const char *text, const char *where, struct err *err) MUST_USE;
int overrides_bind(struct config *config, struct document *document, yaml_node_t *node,
                   struct err *err) MUST_USE;
void overrides_deinit(struct config *config);

/* RUNNER_*, and of .env in the working folder what @environment does not say. */
int runner_environment_apply(struct config *config, char *const *environment, struct err *err) MUST_USE;

/* The YAML file @path over what is there already. */
int config_load_file(struct config *config, const char *path, struct err *err) MUST_USE;

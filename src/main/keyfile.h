#pragma once

/* Keyfile: the file of API keys (config/keys.h) as the warden sees it: whether it is needed, and whether it has changed. */

#include "util/base.h"

#include <sys/stat.h>

struct config;
struct err;

struct keyfile {
        const char *path; /* "": there are no keys */
        struct stat seen;
};

/*
 * May the engine be started so?  Not with a file that cannot be read, and without keys only where nobody but this machine can
 * connect to @listeners, unless the configuration says anonymous.
 */
int keyfile_check(const struct config *config, const int *listeners, size_t n_listeners,
                  struct err *err) MUST_USE;

/* Is it another than when this was last asked? */
bool keyfile_has_changed(struct keyfile *keyfile);

/* Open it for a process that could not; -1 after a word in the log. */
int keyfile_open(const struct keyfile *keyfile) MUST_USE;

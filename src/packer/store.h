#pragma once

/*
 * Store: the folder of packages, <name>/<version>/ as Piston has it.
 *
 * A package is there when its folder holds `.ppman-installed`, which is the last file that is written before the folder
 * gets its name, and the first that is removed.  `.coderunr` keeps its number (runtime/shelf.h), `.env` its
 * environment.  A folder without the marker is a leftover.
 */

#include "util/base.h"
#include "util/bytes.h"

struct err;

enum { STORE_PATH_MAX = 160, STORE_FILE_BYTES = 1024 * 1024 };

/* What a box made of an archive; see packer/unpack.c. */
struct store_tree {
        struct view pack; /* util/pack.h: "pkg/...", "links", "env" */
        const char *name;
        const char *version;
        uint32_t number;
};

/* Write the tree and give it its name.  0, 500 with a sentence, or -errno with text; then nothing is there. */
int store_install(int folder, const struct store_tree *tree, struct err *err) MUST_USE;

/* Take the marker away; what is there is a leftover from then on.  0 or -errno. */
int store_unmark(int folder, const char *name, const char *version) MUST_USE;

/* Remove a leftover, and what was being written when we were killed. */
void store_remove(int folder, const char *name, const char *version);
void store_sweep(int folder);

/* Call @each for every <name>/<version>. */
void store_each(int folder, void (*each)(void *arg, const char *name, const char *version, bool installed),
                void *arg);

/* The folder of a package, never through a link: a descriptor or -errno. */
int store_open(int folder, const char *name, const char *version) MUST_USE;

/* A file of a package, never through a link: 0, -ENOENT, or -errno. */
int store_read(int folder, const char *name, const char *version, const char *file,
               struct bytes *out) MUST_USE;
bool store_has(int folder, const char *name, const char *version, const char *file);
int store_number(int folder, const char *name, const char *version, uint32_t number) MUST_USE;

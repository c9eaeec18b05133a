#pragma once

/*
 * Catalog: the runtimes this engine offers, and the manifests it could offer if their tools were installed.
 * Built once at start, before the roles are divided; read-only afterwards but for the runtimes of packages, which come and
 * go (runtime/shelf.h).
 */

#include "runtime/runtime.h"

struct config;
struct err;

/* A manifest none of whose tools were found here, or whose image was not pulled. */
struct catalog_missing {
        char *language;
        char *title;
        char *apt; /* "apt-get install -y golang-go", "coderunr image pull python:alpine" */
};

struct image;
struct shelf;

struct catalog {
        struct runtime *runtimes; /* in the order of their manifests' file names */
        size_t n_runtimes;
        struct shelf *shelf; /* runtimes of installed packages; NULL: none can come */
        struct catalog_missing *missing;
        size_t n_missing;
        struct image *images; /* whose files runtimes see; locked as long as the catalog lives */
        size_t n_images;
        uint8_t engine[DIGEST_BYTES]; /* runtime/identity.h */
};

/*
 * Read every manifest of the configured directory, look for its tools on this host, ask for their
 * versions (each at most 10 s, remembered in <data_directory>/runtimes.cache by path, inode, size
 * and mtime), and settle the limits of each runtime.
 * A manifest that cannot be read is an error that names file, line and key; a tool that does not
 * answer its version is logged and listed as missing.
 */
int catalog_load(const struct config *config, struct catalog *ret_catalog, struct err *err) MUST_USE;
void catalog_deinit(struct catalog *catalog);

/* Settle the limits of a runtime whose manifest or package sets @own, one per stage, 0 where it sets none. */
void catalog_settle(const struct config *config, struct runtime *runtime, const struct limits *own);

/* The runtime number @index, one of a manifest or of a package; NULL: there is none. */
const struct runtime *catalog_at(const struct catalog *catalog, uint32_t index);

/* The runtime behind @last in the order in which they are listed, NULL to begin and at the end; those that are gone are
 * left out. */
const struct runtime *catalog_next(const struct catalog *catalog, const struct runtime *last);

/*
 * The newest runtime whose language or one of whose aliases is @name (case counts) and whose version
 * satisfies the semver range @range; NULL when there is none or the range cannot be read.
 * Among equal versions the first wins.
 */
const struct runtime *catalog_find(const struct catalog *catalog, const char *name, const char *range);

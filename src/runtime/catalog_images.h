#pragma once

/* The images of a catalog: each is opened once, however many manifests name it. */

#include "runtime/discover.h"

struct catalog;
struct config;
struct err;
struct manifest;

enum {
        CATALOG_IMAGES_MAX = 16, /* what a slot has room for, box/slot.h */
};

/* The image a manifest names as a number, counted from one: 0, IMAGE_ABSENT, -errno with text. */
int catalog_image_take(const struct config *config, struct catalog *catalog, const struct manifest *manifest,
                       uint32_t *ret_image, struct err *err) MUST_USE;
void catalog_images_deinit(struct catalog *catalog);

/*
 * The programs called @name in it: at most one, in the form of discover_find().
 */
int catalog_image_find(const struct catalog *catalog, uint32_t image, const char *name,
                       char ***ret_paths) MUST_USE;

/* What a manifest, its image and the image's tag say of the version; "" where none of them does. */
void catalog_image_version(const struct catalog *catalog, uint32_t image, const struct manifest *manifest,
                           char ret_version[DISCOVER_VERSION_MAX]);

/* The image's environment, less what @own (NAME=value, may be NULL) says itself, then @own, which is freed.  NULL: no memory. */
char **catalog_image_env_take(const struct catalog *catalog, uint32_t image, char **own) MUST_USE;

#pragma once

/* Image store: the folders of images (runtime/image.h), for those who change them. */

#include "runtime/image.h"

struct config;
struct err;

struct image_store {
        char folder[IMAGE_PATH_MAX];  /* images */
        char staging[IMAGE_PATH_MAX]; /* in it: what is being fetched, the jail's user's */
        char fresh[IMAGE_PATH_MAX];   /* in it: what becomes a root by one rename */
        int lock;                     /* one at a time changes anything */
};

/* Make the folders, wait for whoever changes them, clear away what a killed one left. */
int image_store_open(const struct config *config, struct image_store *ret_store, struct err *err) MUST_USE;
void image_store_close(struct image_store *store);

/* What no name stands for and nobody uses is removed. */
void image_store_sweep(struct image_store *store);

/* Remove a folder and all in it; links are not followed. */
void image_store_clear(const char *path);

/* Write a whole file, to the disk. */
int image_store_write(const char *folder, const char *name, const char *text, struct err *err) MUST_USE;

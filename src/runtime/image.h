#pragma once

/*
 * Image: an OCI image that was pulled (main/image_pull.h), as runtimes use it.
 *
 *   <data_directory>/images/names/<name>            text: the folder below roots; '/' of the name is '+'
 *   <data_directory>/images/roots/sha256-<digest>/  files/  the image's files, everybody's to read
 *                                                   env     its environment, a NAME=value per line
 *                                                   bytes   how large the files are
 *
 * A folder below roots is whole or not there; it is removed only while nobody holds a shared lock on it.
 */

#include "util/base.h"

struct config;
struct err;

enum {
        IMAGE_NAME_MAX = 256,
        IMAGE_DIGEST_MAX = 80,
        IMAGE_PATH_MAX = 384,
        IMAGE_ENV_BYTES = 65536,
};

enum {
        IMAGE_ABSENT = 1, /* not pulled yet */
        IMAGE_NO_PROGRAM, /* no such program in it */
};

struct image {
        char name[IMAGE_NAME_MAX];     /* "docker.io/library/python:alpine" */
        char digest[IMAGE_DIGEST_MAX]; /* "sha256-..." */
        char files[IMAGE_PATH_MAX];
        char **env; /* NULL-terminated */
        int lock;   /* keeps it from being removed */
};

/* A name as people write it, in full: "python" is "docker.io/library/python:latest".  -EINVAL with text. */
int image_name(const char *text, char ret_name[IMAGE_NAME_MAX], struct err *err) MUST_USE;

/* Where things are: "<data_directory>/images<suffix>".  -ENAMETOOLONG with text. */
int image_path(const struct config *config, const char *suffix, char ret_path[IMAGE_PATH_MAX],
               struct err *err) MUST_USE;

/* The file that holds which digest @name, in full, stands for. */
int image_name_path(const struct config *config, const char *name, char ret_path[IMAGE_PATH_MAX],
                    struct err *err) MUST_USE;

/* The digest of a name in full: 0, IMAGE_ABSENT, -errno with text. */
int image_digest(const struct config *config, const char *name, char ret_digest[IMAGE_DIGEST_MAX],
                 struct err *err) MUST_USE;

/* Find an image by a name as people write it, and lock it: 0, IMAGE_ABSENT, -errno with text. */
int image_open(const struct config *config, const char *text, struct image *ret_image,
               struct err *err) MUST_USE;
void image_deinit(struct image *image);

/*
 * The program called @name in it, as a box would find it: an absolute path inside the image, the caller's to free; links of the
 * image are followed inside it.  0, IMAGE_NO_PROGRAM, -errno.
 */
int image_program(const struct image *image, const char *name, char **ret_path) MUST_USE;

/* The value of @name in its environment, NULL for none. */
const char *image_env(const struct image *image, const char *name);

/* The first version a tag tells ("3.12-alpine" is 3.12.0); false where it tells none. */
bool image_tag_version(const struct image *image, char *ret_version, size_t room);

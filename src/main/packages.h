#pragma once

/* Packages: the folder they are kept in, and the packer's view of the file system. */

#include "util/base.h"

struct config;
struct err;

/* Room for the path of the folder. */
enum { PACKAGES_PATH_MAX = 256 };

/* The path of the folder, below the data directory. 0 or -ENAMETOOLONG with text. */
int packages_path(const struct config *config, char path[PACKAGES_PATH_MAX], struct err *err) MUST_USE;

/* Make the folder, the packer's, which is user @uid; what other users had in it stays theirs to read. */
int packages_prepare(const struct config *config, uint32_t uid, struct err *err) MUST_USE;

/*
 * From here on this process sees all mounts read-only but for the folder, which is returned as a descriptor; -errno.
 * Needs CAP_SYS_ADMIN.
 */
int packages_enter(const struct config *config, struct err *err) MUST_USE;

#pragma once

/* Folders: what lies below the data directory, whose it is, and what of the file system the roles that keep files see. */

#include "util/base.h"

#include <sys/types.h>

struct config;
struct err;

/* Room for the path of the folder. */
enum { FOLDERS_PATH_MAX = 256 };

/* Make a folder and those above it. */
int folders_make(const char *path, mode_t mode, struct err *err) MUST_USE;

/* Make the ledger's folder; it and its files become user @uid's. */
int folders_store_prepare(const struct config *config, uint32_t uid, struct err *err) MUST_USE;

/* The ledger's folder becomes all that this process sees of the file system. */
int folders_store_enter(const struct config *config, struct err *err) MUST_USE;

/*
 * The folder of the compile cache, made where it is missing, user @uid's with all that lies in it; it becomes all that this
 * process sees of the file system.  A descriptor of it; -1 with a line in the log: there is none, and it is done without.
 */
int folders_cache_enter(const struct config *config, uint32_t uid);

/* From here on this process sees all mounts read-only.  Needs CAP_SYS_ADMIN. */
int folders_close(const char *name, struct err *err) MUST_USE;

/* The path of the folder of packages, below the data directory. 0 or -ENAMETOOLONG with text. */
int folders_packages_path(const struct config *config, char path[FOLDERS_PATH_MAX], struct err *err) MUST_USE;

/* Make it, the packer's, which is user @uid; what other users had in it stays theirs to read. */
int folders_packages_prepare(const struct config *config, uint32_t uid, struct err *err) MUST_USE;

/*
 * From here on this process sees all mounts read-only but for the folder, which is returned as a descriptor; -errno.
 * Needs CAP_SYS_ADMIN.
 */
int folders_packages_enter(const struct config *config, struct err *err) MUST_USE;

#pragma once

/*
 * Identity: which compiler it is, as far as a host can tell without reading it: what was compiled under one identity is
 * never used under another.
 *
 * It holds what the manifest says, the programs its stages start, and the lists of installed packages of the host, so
 * that a new libc or a new header is a new identity too.  Files are known by device, inode, size, mtime and ctime.
 */

#include "util/digest.h"

struct catalog;
struct config;
struct runtime;

/* Of a runtime of this host, whose manifest lies at @manifest and whose program is @tool (NULL: none). */
void identity_of_host(const struct runtime *runtime, const char *manifest, const char *tool,
                      uint8_t ret[DIGEST_BYTES]);

/* Of what is prepared with the words of runtime->prepare. */
void identity_of_prepared(const struct runtime *runtime, const char *tool, uint8_t ret[DIGEST_BYTES]);

/* Of a runtime of a package, which lies in the open folder @folder. */
void identity_of_package(const struct runtime *runtime, int folder, uint8_t ret[DIGEST_BYTES]);

/* Of the engine itself: its version and its programs. */
void identity_of_engine(const struct config *config, uint8_t ret[DIGEST_BYTES]);

/* Of the engine and of all toolchains of the host together, as they are now. */
void identity_now(const struct catalog *catalog, uint8_t ret[DIGEST_BYTES]);

/*
 * Identities are told at the start; this descriptor (inotify(7)) becomes readable when one may have changed since: a program
 * of a runtime, its folder, or what is installed.  -errno.
 */
int identity_watch(const struct catalog *catalog) MUST_USE;

/* All zero: nothing is known of it, so nothing it compiled is kept. */
bool identity_known(const uint8_t identity[DIGEST_BYTES]);

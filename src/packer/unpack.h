#pragma once

/*
 * Unpack: an archive into a tree, inside a box.
 *
 * The box has the host's tar and bash and nothing else of the engine: whatever an archive does to tar, or a package's
 * `environment` script does, it does to a box that is thrown away.  What comes out is a pack: "pkg/..." with files and
 * folders, "links" with the symbolic links, "env" with the environment; packer/store.h writes it down.
 */

#include "runtime/runtime.h"
#include "util/bytes.h"

/* Where the package lies while its environment is asked for. */
#define UNPACK_FOLDER "/box/submission/pkg"

struct config;
struct err;
struct job;
struct result;

/* The runtime whose compile stage unpacks; its number is SHELF_FIRST.  0 or -ENOMEM. */
int unpack_runtime(const struct config *config, struct runtime *ret_runtime) MUST_USE;

/* The job that unpacks @archive, which is taken over. 0 or -errno. */
int unpack_job(const struct runtime *runtime, struct bytes *archive, struct job *ret_job,
               struct err *err) MUST_USE;

/* 0 when the tree is there; else the answer to be given and a sentence. */
int unpack_verdict(const struct result *result, struct err *err);

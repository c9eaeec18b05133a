#pragma once

/*
 * Mounts: the few kinds a box needs, through the file-system-context calls (fsopen, fsmount, move_mount; kernel 5.2,
 * MOUNT_ATTR_NOSYMFOLLOW 5.14).  Each returns 0 or -errno.  Allocates nothing.
 */

#include "util/base.h"

/* A tmpfs of @bytes and @inodes at @where, owned by @uid and @gid; links on it are not followed. */
int mount_work_tmpfs(const char *where, uint64_t bytes, uint64_t inodes, uint32_t mode, uint32_t uid,
                     uint32_t gid) MUST_USE;

/* A procfs of the caller's pid namespace at @where: only pids, only the reader's own, read-only. */
int mount_box_proc(const char *where) MUST_USE;

/* A procfs that is mounted nowhere: a descriptor to reach it by, for the engine's own writes. */
int mount_detached_proc(void) MUST_USE;

/* A read-only overlay of @source at @where.  @empty is an empty directory: the kernel wants two layers, and
 * the overlay gives the slot inodes of its own, so that no lock, lease or watch is shared with anybody. */
int mount_toolchain(const char *where, const char *source, const char *empty) MUST_USE;

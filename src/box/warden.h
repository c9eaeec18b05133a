#pragma once

/*
 * Warden: makes slots, keeps them alive, leaves nothing behind.  Root, single-threaded, parses nothing.
 *
 * Who owns which ids, counted from the uid range's first:
 *   +0 front, +1 runner, +2 ledger, +3 packer, +4 courier, +32 who fetches images, +64+n programs of slot n, +2048+n first processes
 *   (init) of slot n's boxes
 * A range belongs to one engine at a time (a lock in /run); a second engine takes the next free range.
 */

#include "box/cgroups.h"
#include "box/slot.h"

#include <sys/types.h>

struct err;

enum {
        WARDEN_UID_FRONT = 0,
        WARDEN_UID_RUNNER = 1,
        WARDEN_UID_LEDGER = 2,
        WARDEN_UID_PACKER = 3,
        WARDEN_UID_COURIER = 4,
        WARDEN_UID_PROVISION = 5, /* who prepares toolchains */
        WARDEN_UID_IMAGES = 32,   /* who fetches and unpacks images */
        WARDEN_UID_SLOT = 64,
        WARDEN_UID_INIT = 2048,
        WARDEN_UIDS = 4096,
        WARDEN_SLOTS_MAX = 1024,
};

struct warden_args {
        const char *keeper; /* path of the keeper program */
        const char *root;   /* an empty directory; slots build their roots over it, each in its own view */
        const char *directories;   /* further toolchain folders, comma between */
        const char *const *images; /* folders with an image's files each, at most SLOT_IMAGES_MAX */
        size_t n_images;
        const char *packages;         /* folder of installed packages; NULL: none */
        const char *prepared;         /* folder of what was prepared for toolchains; NULL: none */
        const char *cgroup_parent;    /* cgroups.h; NULL or "": the group it was started in */
        const char *library;          /* path of the warm library; NULL: no program is kept warm */
        const struct slot_warm *warm; /* copied */
        size_t n_warm;                /* at most SLOT_WARM_MAX */
        uint64_t warm_idle_ms;
        uint32_t n_slots;
        uint32_t uid_base;
        uint64_t disk_bytes; /* of a box prepared in advance */
        uint64_t inodes;
};

struct warden {
        struct warden_args args;
        struct cgroups cgroups;
        struct slot_boot *boot; /* the part all slots share */
        uint32_t uid_base;      /* the range that is ours */
        int lock;
        pid_t *keepers; /* by slot, 0: none */
};

/* Take a uid range, sweep what an earlier engine left in it, build the filters. */
int warden_open(struct warden *warden, const struct warden_args *args, struct err *err) MUST_USE;

/*
 * Start the keeper of a slot.  *ret_socket is the runner's end, the caller's to hand over and close.
 * The keeper says END_READY on it, or END_SETUP with the step that failed.
 */
int warden_slot_start(struct warden *warden, uint32_t slot, int *ret_socket, struct err *err) MUST_USE;

/* A child was reaped: the slot it kept, now empty and swept, or -1 when it was no keeper. */
int warden_reaped(struct warden *warden, pid_t pid);

/* End every keeper, remove every cgroup, release the range.  Safe on a zeroed struct. */
void warden_close(struct warden *warden);

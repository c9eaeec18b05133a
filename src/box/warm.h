#pragma once

/*
 * Warm: programs that are started before anybody has asked for them.
 *
 * A small library (warm.so) is preloaded into an interpreter that was started with the very words a later order will
 * have.  It lets the interpreter come up and stops it where it first looks at the file it is to run, its door.  There it
 * waits for an order, has the order's files placed, and lets go: the file is there now, and all that was asked about
 * it is answered by the file system.  Neither the interpreter nor its version is known to the library.
 *
 *   fork   the interpreter is a zygote beside the keeper, with the keeper's powers.  For each box it forks a child that
 *          enters the box, gives up everything as a program's process does (program.c), and only then says READY.
 *   park   the interpreter runs in its prepared box, with the powers of the program it becomes, and is used once.
 *
 * Which programs may be warm is the slot's table (slot.h), which the warden wrote; the order only names a row of it.  No
 * byte of a stranger reaches a process that holds powers.
 *
 * An order for another program in a warm box is served too: the process executes it as a cold one would.
 */

#include "box/slot.h"

#define WARM_LIBRARY "/run/warm.so"

/* In the environment of a program being warmed, taken out of it before its main(). */
#define WARM_ENV     "CODERUNR_WARM=1"
#define WARM_PRELOAD "LD_PRELOAD=" WARM_LIBRARY

/*
 * Where a program being warmed finds what the library needs: above what interpreters number their own files with.
 * CHANNEL is a zygote's socket to its keeper, or a parked program's to the same.
 */
enum {
        WARM_FD_CHANNEL = 640,
        WARM_FD_NOTE, /* a pipe with a struct warm_note in it */
        WARM_FD_PROC, /* a zygote's; a parked program that collects has its way to the collector here */
        WARM_FD_BOOT, /* a zygote's: no program of a box sees what the whole slot is made of */
};

/* What the library is told of the program it lies in. */
struct warm_note {
        uint32_t magic; /* SLOT_MAGIC */
        uint32_t row;   /* of the slot's table, from 1 on */
        struct slot_fault fault;
        struct slot_warm warm;
};

/* Descriptors that go with each box to a zygote; a message of one byte. */
enum warm_fd {
        WARM_BOX_ORDER, /* the program's channel */
        WARM_BOX_PID,   /* namespaces of the box */
        WARM_BOX_MNT,
        WARM_BOX_IPC,
        WARM_BOX_UTS,
        WARM_BOX_CGROUP,
        WARM_BOX_GROUP, /* the box's v2 group; absent where there is none */
        WARM_BOX_COUNT,
        WARM_BOX_NAMESPACES = WARM_BOX_GROUP - WARM_BOX_PID,
};

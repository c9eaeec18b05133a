#pragma once

/*
 * Packer: the process that installs packages.  It is the only one that talks to other machines and the only one that
 * writes the folder of packages; own user, no capability, and of the file system it may write that folder alone.  It
 * never runs anything: archives are unpacked in boxes, as jobs of the runner (packer/unpack.h).
 */

#include "util/base.h"

struct config;

enum packer_control {
        PACKER_FRONT = 1, /* a new connection to the front: job/parcel.h */
        PACKER_RUNNER,    /* to the runner, as one who has jobs: job/client.h */
        PACKER_SHELF,     /* to the runner: job/parcel.h */
        PACKER_LEDGER,    /* to the ledger: job/parcel.h */
};

/* One message on the control socket, with one descriptor beside it. */
struct packer_message {
        uint32_t kind; /* enum packer_control */
        uint32_t zero;
};

struct packer_args {
        const struct config *config;
        int folder;  /* of the packages; taken over */
        int control; /* SOCK_SEQPACKET from the parent; its end is the order to stop.  Taken over */
};

/* Serve until SIGTERM or the end of the control socket.  What is being installed then is not there afterwards.
 * The exit status for the process. */
int packer_run(const struct packer_args *args);

#pragma once

/*
 * Runner: takes jobs from front and ledger, runs their stages on the slots, sends results back.  One thread, one
 * loop; it never forks and holds no privilege.
 */

#include "util/digest.h"

struct catalog;
struct config;
struct warm_table;

enum runner_control {
        RUNNER_SLOT = 1, /* a keeper's socket for slot `index`, new or in place of another */
        RUNNER_FRONT,    /* the front was started anew: its socket; the jobs of the old one are dropped */
        RUNNER_LEDGER,   /* the same for the ledger, which is a client like the front */
        RUNNER_PACKER,   /* the same for the packer, which has archives unpacked in boxes */
        RUNNER_PREPARED, /* new slots show what was prepared for runtime `index`; the descriptor means nothing */
        RUNNER_SHELF,    /* the packer's word on which packages there are (job/parcel.h) */
};

/* One message on the control socket, with one descriptor beside it. */
struct runner_message {
        uint32_t kind; /* enum runner_control */
        uint32_t index;
};

struct runner_args {
        const struct config *config;
        const struct catalog *catalog;
        const struct warm_table *warm; /* what the slots may keep warm; NULL: nothing */
        int front;                     /* SOCK_SEQPACKET; -1: comes by control */
        int control;                   /* SOCK_SEQPACKET from the parent; its end is the order to stop */
        size_t n_slots;
        int cache; /* folder of the compile cache, -1: none, what is kept is kept in memory; taken over */
        uint8_t identity[DIGEST_BYTES]; /* identity_now() */
        int watch;                      /* identity_watch(), -1: none; taken over */
        uint64_t patience_ns;           /* how long to wait for what should not take long; 0: 30 s */
};

/*
 * Serve until SIGTERM or the end of the control socket; then let running jobs finish, at most for the
 * patience. Descriptors are taken over.  The exit status for the process.
 */
int runner_run(const struct runner_args *args);

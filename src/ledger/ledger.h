#pragma once

/*
 * Ledger: the process that owns the durable jobs.  It takes orders from the front, writes them down before it says so,
 * has them run by the runner, and keeps what came out.  Own user, no capability, no network; it sees no file but those
 * of its own directory.
 */

#include "util/base.h"

struct catalog;
struct config;

enum ledger_control {
        LEDGER_FRONT = 1, /* a new connection to the front */
        LEDGER_RUNNER,    /* a new connection to the runner */
        LEDGER_COURIER,   /* to the courier, which asks as the front does, but for notices only */
        LEDGER_SHELF,     /* the packer's word on which packages there are (job/parcel.h) */
        LEDGER_KEYS,      /* the file of keys (config/keys.h), at first and after it changed */
};

/* One message on the control socket, with one descriptor beside it. */
struct ledger_message {
        uint32_t kind; /* enum ledger_control */
        uint32_t zero;
};

struct ledger_args {
        const struct config *config;
        const struct catalog *catalog;
        const char *directory; /* of the store, as this process sees it */
        int control;           /* SOCK_SEQPACKET from the parent; its end is the order to stop.  Taken over */
        size_t n_slots;
};

/* Serve until SIGTERM or the end of the control socket; what is being run is given back to the queue.  The exit status
 * for the process. */
int ledger_run(const struct ledger_args *args);

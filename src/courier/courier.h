#pragma once

/*
 * Courier: the process that tells receivers of the ends of jobs (job/notice.h).  It is the only one that connects to
 * where a client asked it to; own user, no capability, and it writes no file.  It knows no secret but those of the receivers, and
 * asks the ledger for the jobs it has to tell of.
 *
 * Everything that matters is in the ledger: it may be killed at any moment, and its heir goes on.
 */

#include "util/bytes.h"

struct config;
struct desk_entry;

enum courier_control {
        COURIER_LEDGER = 1, /* a new connection to the ledger: job/desk.h */
};

/* One message on the control socket, with one descriptor beside it. */
struct courier_message {
        uint32_t kind; /* enum courier_control */
        uint32_t zero;
};

enum { COURIER_BODY_MAX = 256 * 1024 };

struct courier_args {
        const struct config *config;
        int control; /* SOCK_SEQPACKET from the parent; its end is the order to stop.  Taken over */

        /* Write what a receiver is told of @entry, with its outcomes when @whole.  -ENOSPC: more than @out takes. */
        int (*render)(const struct desk_entry *entry, const char *delivery, bool whole, struct bytes *out);
};

/* Serve until SIGTERM or the end of the control socket.  The exit status for the process. */
int courier_run(const struct courier_args *args);

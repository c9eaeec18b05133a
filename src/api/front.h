#pragma once

/*
 * Front: the process that talks to strangers.
 *
 * It gets all it needs as open descriptors before it gives up its privileges, and opens no file afterwards.
 */

#include "util/base.h"

struct catalog;
struct config;

/* The one byte of a message on the control socket: whose new connection the descriptor beside it is, or that it is the
 * file of keys. */
enum front_control { FRONT_RUNNER = 'r', FRONT_LEDGER = 'l', FRONT_PACKER = 'p', FRONT_KEYS = 'k' };

struct front {
        const struct config *config;
        const struct catalog *catalog;
        const char *isolation; /* JSON object told with every native result; lives as long as the process */
        const int *listeners;  /* listening stream sockets; taken over */
        size_t n_listeners;
        int runner; /* SOCK_SEQPACKET to the runner; taken over */
        /*
         * SOCK_SEQPACKET from the parent, or -1: messages of one byte (enum front_control) with SCM_RIGHTS carry a fresh
         * socket to the runner, the ledger or the packer, after it was started, or the file of keys, after it changed; its
         * end means stop.  Taken over.
         */
        int control;
};

/*
 * Serve until SIGTERM, SIGINT or the end of @control; then stop listening, let the requests in flight finish (at most
 * 30 s) and return 0.  Returns 1 when it could not start; the reason is in the log.
 */
int front_run(const struct front *front) MUST_USE;

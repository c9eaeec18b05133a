#pragma once

/*
 * Attacks: the rows of tests/abuse/table.py that one request can make and that are safe on an installation in use,
 * with the sources of their probes, as tools/attack_table.py turns them into data.
 */

#include "util/base.h"

enum { ATTACK_ARGS_MAX = 16 };

struct attack_row {
        const char *id;
        const char *name;
        const char *source; /* C, includes "probe.h" */
        const char *expect; /* verdicts that are right, | between */
        const char *says;   /* extended regular expression stdout must hold, "" for none */
        size_t n_stdin;     /* so many bytes of input */
        uint64_t limits[3]; /* memory, wall time, CPU time as on the wire; 0: the installation's own */
        bool tells;         /* says DENIED or ABSENT about every attempt */
        const char *args[ATTACK_ARGS_MAX]; /* "{canary}" and its like stand for things of this host */
};

struct attack_pending {
        unsigned n;
        const char *ids;
        const char *reason;
};

extern const char attack_header[]; /* probe.h */
extern const size_t attack_n_rows, attack_n_pending;
extern const struct attack_row attack_rows[];
extern const struct attack_pending attack_pending[];

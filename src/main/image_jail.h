#pragma once

/*
 * Image jail: where the programs that fetch and unpack a foreign image run, and the code that reads its description.
 *
 * A user of its own without capabilities, in namespaces of its own, with one folder it may write to, which it sees as /tmp.
 * Everything else of the file system is read-only for it, whatever a mode may say.
 */

#include "util/base.h"

struct err;

struct image_jail {
        const char *folder; /* seen as /tmp */
        uint32_t uid;
        bool network;
        uint64_t
                patience_ns; /* it is ended when the folder does not change for so long; 0: it may take its time */
        uint64_t bytes;      /* the folder may hold so much, and */
        uint64_t files;      /* so many */
        const char *const *argv;
        int (*call)(void); /* instead of a program: its exit status */
        const char *does;  /* "fetch docker.io/library/python:alpine": completes "cannot ..." */
};

/*
 * Run it to its end; nothing of it is left running.  0, or -errno with a sentence that holds the last words of the program.
 */
int image_jail_run(const struct image_jail *jail, struct err *err) MUST_USE;

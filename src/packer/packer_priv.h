#pragma once

/* what packer.c and errand.c share. */

#include "job/parcel.h"
#include "packer/fetch.h"
#include "packer/index.h"
#include "packer/info.h"
#include "packer/packer.h"
#include "runtime/shelf.h"
#include "util/err.h"

#include <sys/queue.h>

struct client;
struct event_base;
struct packer;
struct result;

enum end { END_OF_FRONT, END_OF_RUNNER, END_OF_LEDGER, END_COUNT };

/* A package, and who has been told of it. */
struct shelved {
        TAILQ_ENTRY(shelved) entry;
        struct package package;
        bool shown[END_COUNT];
};

enum errand_state {
        ERRAND_INDEX,   /* the index is being fetched */
        ERRAND_BLOCKED, /* another errand is about the same package */
        ERRAND_FETCH,   /* the archive is being fetched */
        ERRAND_UNPACK,  /* a box is at work */
        ERRAND_BACK,    /* runner and ledger are being told, then */
        ERRAND_FRONT,   /* the front */
        ERRAND_HIDE,    /* the front is being told that it is gone, then */
        ERRAND_DRAIN,   /* runner and ledger; then jobs end */
};

/* What a client of the front asked for. */
struct errand {
        TAILQ_ENTRY(errand) entry;
        struct packer *packer;
        enum parcel_ask what;
        enum errand_state state;
        uint64_t ticket; /* 0: nobody waits for the answer */
        char name[PARCEL_TEXT_MAX];
        char range[PARCEL_TEXT_MAX];
        struct index_line line; /* the version it came to; url owned */
        uint64_t shelf;         /* whose being in force it waits for */
        struct shelved *shelved;
};

struct peer_end {
        struct packer *packer;
        struct link *link; /* NULL: there is none now */
        enum end end;
        uint64_t seen;
};

struct packer {
        const struct packer_args *args;
        struct event_base *base;
        struct client *client;
        struct fetcher *fetcher;
        struct peer_end ends[END_COUNT];
        struct runtime unpack;
        TAILQ_HEAD(, shelved) packages; /* in the order of their numbers */
        TAILQ_HEAD(, errand) errands;
        size_t n_errands;
        uint64_t shelf; /* number of the newest */
        uint64_t freed; /* by the runner's word */
        uint32_t next_number;
        TAILQ_HEAD(, leftover) leftovers; /* to be removed when no job can be using them */
};

struct leftover {
        TAILQ_ENTRY(leftover) entry;
        char name[65];
        char version[65];
};

/* Tell @end what there is. */
void packer_show(struct packer *packer, enum end end);

/* The number of the next package. */
uint32_t packer_number(struct packer *packer);

struct shelved *packer_find(struct packer *packer, const char *name, const char *version);

/* A question of the front; and: something an errand may wait for has happened. */
void errand_new(struct packer *packer, const struct parcel *parcel);
void errand_progress(struct packer *packer);

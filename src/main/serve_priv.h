#pragma once

/*
 * The warden's process from inside: what serve.c prepares and ends, children.c starts, and supervise.c keeps running.
 */

#include "box/isolation.h"
#include "box/warden.h"
#include "main/backoff.h"
#include "main/keyfile.h"
#include "main/listen.h"
#include "runtime/catalog.h"

struct config;
struct err;

/* The processes with a role, in the order in which they are started. */
enum child_id { CHILD_RUNNER, CHILD_LEDGER, CHILD_PACKER, CHILD_COURIER, CHILD_FRONT, CHILD_COUNT };

struct child {
        pid_t pid;   /* 0: not running */
        int control; /* its end is the order to stop */
        struct backoff backoff;
};

struct engine {
        const struct config *config;
        struct catalog catalog;
        struct warm_table *warm; /* NULL: nothing is kept warm */
        struct warden warden;
        int listeners[LISTEN_MAX];
        size_t n_listeners;
        struct keyfile keyfile;
        int signals;
        int lock;
        struct child children[CHILD_COUNT];
        uint8_t identity[DIGEST_BYTES]; /* identity_now() when the catalog was made */
        pid_t provision;                /* 0: nothing is being prepared */
        struct backoff *slots;
        uint32_t n_slots;
        char isolation[ISOLATION_JSON_MAX];
        bool stopping;
};

/* children.c: one that cannot be started waits for supervise.c to try again. */
const char *child_name(enum child_id id);
void child_start(struct engine *engine, enum child_id id);
void slot_start(struct engine *engine, uint32_t slot);

/* The file of keys is there, or another: those who live by it are given it. */
void children_give_keys(struct engine *engine);

/* Slots are made again when their boxes have ended: they show what was prepared for runtime number @runtime. */
void runner_tell_prepared(struct engine *engine, uint32_t runtime);

/* supervise.c */
int supervise_open(struct engine *engine,
                   struct err *err) MUST_USE; /* from here on signals are read, not caught */
void supervise(struct engine *engine);        /* until a signal asks us to end */

/* Close the child's control socket and wait for it; a second signal or too long a wait ends it hard. */
void supervise_end(struct engine *engine, enum child_id id);

#pragma once

/*
 * Gate: may whoever sent this request have it?  Asked when the head is read, before any body.
 *
 * Without keys (keys_file is empty) the gate stands open.  With them every address of routes.def that needs a key asks for one,
 * in X-API-Key or as "Authorization: Bearer"; who has none, or one that may not, is answered in the words of the
 * address's door: 401, 403, 429.  A caller is what the front knows of one row of the file while anything of it is under way,
 * or the row is there.
 */

#include "config/keys.h"
#include "util/bucket.h"

#include <sys/queue.h>

struct config;
struct exchange;
struct job;
struct reply;
struct server;

struct caller {
        TAILQ_ENTRY(caller) link;
        struct key key;
        struct bucket bucket;
        uint64_t n_running; /* programs while their clients wait */
        size_t n_held;      /* exchanges and seats */
        bool known;         /* its row is there */
};

struct gate {
        bool on;
        bool loaded; /* the keys have come; until then nobody gets in */
        TAILQ_HEAD(, caller) callers;
        struct caller admin; /* who shows admin_key: the questions, and what any key may */
};

void gate_init(struct gate *gate, const struct config *config);

/* After the last exchange. */
void gate_deinit(struct gate *gate);

/*
 * New keys from an open file, which is taken over.  What is not readable changes nothing.  Streams and sessions of rows that are
 * gone are to be ended by the caller: true when there are such.
 */
bool gate_load_take(struct gate *gate, int fd, const char *name);

/*
 * Let @exchange in: sets its route, its owner and its caller.  False: answer with *ret_reply instead.  @now_ns is the time.
 */
bool gate_ask(struct gate *gate, struct exchange *exchange, uint64_t now_ns,
              struct reply *ret_reply) MUST_USE;

/* Has @exchange's key this scope?  Without keys: yes. */
bool gate_allows(const struct exchange *exchange, enum scope scope);

/* The exchange ends.  What counted against its caller does no more, unless its seat was taken. */
void gate_leave(struct exchange *exchange);

/* Something that outlives its exchange (a session) goes on counting until gate_seat_free(); NULL: there are no keys. */
struct caller *gate_seat_take(struct exchange *exchange);
void gate_seat_free(struct server *server, struct caller *seat);

/* Whose job it is, and what share that owner has; NULL: nobody's. */
void gate_name_job(const struct caller *caller, struct job *job);

/* Has the row of this caller gone?  NULL: no. */
static inline bool caller_is_gone(const struct caller *caller)
{
        return caller && !caller->known;
}

enum { GATE_SIGN_BITS = 33 };

#define GATE_SIGN_MASK ((UINT64_C(1) << GATE_SIGN_BITS) - 1)

/*
 * For what may be shown to one holder only: a number of so many bits that nobody can make without the key's hash, from
 * @text and @number.  Without keys it is 0, and none is asked for.
 */
uint64_t gate_sign(const struct exchange *exchange, const char *text, uint64_t number);
bool gate_is_signed(const struct exchange *exchange, const char *text, uint64_t number, uint64_t sign);

#pragma once

/*
 * Reuse: between the tasks of the runner and the cache of what compile stages made.
 *
 * A compile stage is the same as another when its digest is: engine, runtime, words, limits, every file with name, mode
 * and content, whether the streams are one, whether there is stdin, and whose job it is.  Nothing is shared between
 * clients with different keys: how fast an answer comes would tell one of them what another had compiled.
 *
 * Of several tasks with one digest one compiles, and the others wait for it.
 */

#include "util/base.h"

#include <sys/queue.h>

struct cache;
struct event;
struct event_base;
struct task;

struct reuse;

/* Takes @cache over.  NULL: out of memory. */
struct reuse *reuse_new_take(struct event_base *base, struct cache *cache, const uint8_t *engine);
void reuse_free(struct reuse *reuse);

enum reuse_next {
        REUSE_GO,    /* start its next stage: the compile stage, or the run stage since the other was found */
        REUSE_WAIT,  /* another task is compiling just that */
        REUSE_WHOLE, /* JOB_COMPILE, and it was found: the result is whole */
};

/* What is to be done with a pending task?  Ask when it arrives and before it is started. */
enum reuse_next reuse_look(struct reuse *reuse, struct task *task);

/* Toolchains may have changed: nothing that was compiled before is found from here on. */
void reuse_forget(struct reuse *reuse);

/* Its compile stage has started; it has ended with the result it has after stage_end(); it has ended without one. */
void reuse_begin(struct reuse *reuse, struct task *task);
void reuse_end(struct reuse *reuse, struct task *task);
void reuse_abandon(struct reuse *reuse, struct task *task);

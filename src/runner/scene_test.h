#pragma once

/* Scene: everything between a door and a keeper, set up for one test. */

#include "config/config.h"
#include "job/client.h"
#include "job/result.h"
#include "runner/keeper_test.h"
#include "runner/runner.h"
#include "runtime/catalog.h"

enum { OUTPUT_LIMIT = 100000 };

struct scene {
        struct config config;
        struct runtime runtimes[2];
        struct catalog catalog;
        struct runner_args args;
        pthread_t runner;
        struct event_base *base;
        struct client *client;
        int control;
        struct keeper keepers[16];
        size_t n_keepers;
        int waiting; /* answers not here yet */
        bool lost;
        size_t fds_before;
};

/* What became of one job. */
struct answer {
        struct scene *scene;
        uint64_t ticket;
        bool done;
        enum verdict verdict, compile;
        bool compiled, ran, cached;
        int exit_code, signal;
        char out[256], err[256], text[256];
        uint64_t totals[STREAM_COUNT];
};

/* Scenes opened from now on have a compile cache of so many bytes, in memory. */
extern uint64_t scene_cache_bytes;

/* @n_slots keepers; runtime 0 only runs, runtime 1 compiles first. */
struct scene *scene_open(uint32_t n_slots, size_t max_queued);

/* Everything ends, and not one descriptor is left. */
void scene_close(struct scene *scene);

/* Send a descriptor to the runner's control socket; @fd is closed. */
void scene_control(struct scene *scene, uint32_t kind, uint32_t index, int fd);

/* Another keeper for slot @index. */
void scene_keeper(struct scene *scene, uint32_t index);

/* Submit a job whose program is told to do @what, @how, with @input. */
void scene_submit(struct scene *scene, struct answer *answer, uint32_t runtime, const char *what,
                  const char *how, struct view input);

/* The same for one that streams; @arg is what the functions get. */
uint64_t scene_stream(struct scene *scene, uint32_t runtime, const char *what, const char *how,
                      const struct client_stream_fns *fns, void *arg);

void scene_wait_ms(struct scene *scene, int ms);

/* Until every job has its answer. */
void scene_wait(struct scene *scene);

/* Submit and wait. */
void scene_one(struct scene *scene, struct answer *answer, uint32_t runtime, const char *what,
               const char *how);

/* As if the runner had been started anew. */
void scene_reconnect(struct scene *scene);

void scene_on_done(void *arg, const struct result *result);
void scene_on_lost(void *arg);

#pragma once

/*
 * The world of the box tests: a warden with slots of its own, orders as the runner sends them, reports as keepers make
 * them.  Every wait has an end; what does not come fails the test that waits.
 */

#include "box/box.h"
#include "box/warden.h"
#include "util/bytes.h"

enum { WORLD_SLOTS = 2, WORLD_WAIT_MS = 20000 };

struct world {
        struct warden warden;
        char root[32];
        int slots[WORLD_SLOTS];
        uint64_t job;                        /* of the last order */
        const char *images[SLOT_IMAGES_MAX]; /* before world_open() */
        size_t n_images;
        const char *library;          /* NULL: the one that is installed */
        const struct slot_warm *warm; /* before world_open() */
        size_t n_warm;
        uint64_t warm_idle_ms; /* 0: long */
};

extern struct world world;

/* One program with its limits (0: a small default) and how it is expected to end. */
struct order_row {
        const char *argv[4];
        uint64_t wall_ms, cpu_ms, memory_mib, processes, file_kib, disk_kib, inodes;
        uint32_t image;
        uint32_t warm, next;
        enum report_end end;
        int status; /* of waitpid; -1: any */
        const char *output;
};

/* 0, or -1 with the reason printed. */
int world_open(const char *keeper, uint32_t uid_base);
int world_close(void);

/* Start every slot and wait for its first box. */
void world_start_slots(void);

struct box_report world_report(int slot);
void world_expect_ready(int slot);

void world_fill(struct box_spec *spec, const struct order_row *row);

/* Send the row's order; the read end of its stdout and stderr. */
int world_start(int slot, const struct order_row *row, int files, int artefact);
void world_output(int fd, struct bytes *output);

/* Order, report, output, and the slot's next READY. */
struct box_report world_run(int slot, const struct order_row *row, struct bytes *output);

/* SIGKILL to every process of a user; their number. */
int world_kill_user(uint32_t uid);
int world_count_user(uint32_t uid);

#pragma once

/*
 * Warm: which programs the slots may keep warm (box/warm.h), made from the catalog before anything is started.
 *
 * A row is a stage of a runtime whose manifest says how it may be warm, with one of the names that clients give to a single
 * file, without arguments and with the runtime's own limits: such a stage has the same words every time, and all of them
 * come from manifests.
 */

#include "box/slot.h"
#include "runtime/stage.h"

struct catalog;
struct plan_words;
struct runtime;
struct task;

struct warm_key {
        const struct runtime *runtime;
        enum stage stage;
        bool alone; /* what a zygote loaded in advance could be in the way of further files */
        char main[32];
};

struct warm_table {
        size_t n;
        struct warm_key keys[SLOT_WARM_MAX];
        struct slot_warm rows[SLOT_WARM_MAX];
};

/* Manifests whose programs could be changed by others than root are left out, and those that do not fit. */
void warm_table_fill(struct warm_table *table, const struct catalog *catalog);

/* The row, from 1 on, that the task's stage is likely to be: for the choice of a slot.  0: none. */
uint32_t warm_guess(const struct warm_table *table, const struct task *task);

/* Is @row the very program of these words? */
bool warm_is(const struct warm_table *table, uint32_t row, const struct plan_words *words);

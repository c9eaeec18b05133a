#pragma once

/*
 * Cgroups: the engine's own groups, made by the warden below the group it was started in.  On v2 another group can be named: cgroup_parent.
 *
 *   <own group>/coderunr-<name>/slot<N>     on every v1 hierarchy that holds one of our controllers; keepers live in it
 *   <own group>/coderunr-<name>/engine      v2: the engine's processes (a group with children holds none itself)
 *   <own group>/coderunr-<name>/slot<N>/box v2: made and removed by the keeper for each box
 *
 * Only processes the engine started are ever moved or killed: everything below coderunr-<name> is ours, since
 * the name belongs to whoever holds the uid range (warden.h).
 */

#include "box/slot.h"

struct err;

struct cgroups {
        bool v2[CONTROLLER_COUNT];
        bool lent[CONTROLLER_COUNT]; /* enabled by us below the v2 group we are in: taken back at the end */
        bool stepped;                /* we left that group for our leaf */
        bool any_v2;
        size_t n_v1;  /* distinct v1 hierarchies of ours */
        char *v1[4];  /* their coderunr-<name> directories: memory, pids, cpuacct, cpu; duplicates left out */
        char *memory; /* the entry of v1[] that holds memory; NULL when on v2; likewise below */
        char *pids;
        char *cpuacct;
        char *cpu;     /* v1, NULL where there is none */
        char *unified; /* the directory in the v2 tree, NULL when no controller of ours is there */
};

/*
 * Find the hierarchies and make coderunr-<name> in each, sweeping what an engine of that name left.  On v2 this process
 * steps into a leaf of its own when it stands where the groups are made; @parent as in hierarchy_find().
 */
int cgroups_open(struct cgroups *cgroups, const char *name, const char *parent, struct err *err) MUST_USE;

/* Remove the empty groups an engine of that name left behind; nobody is killed: a killed engine's keepers are dead
 * already, and groups with life in them belong to somebody after all. */
void cgroups_sweep(const char *name, const char *parent);

/* Make the groups of one slot and open the files its keeper needs (-1: not there). */
int cgroups_slot_open(const struct cgroups *cgroups, uint32_t slot, int ret_fds[ACCOUNT_FD_COUNT],
                      struct err *err) MUST_USE;

/* Move the calling process into the slot's v1 groups. */
int cgroups_slot_enter(const struct cgroups *cgroups, uint32_t slot) MUST_USE;

/* Kill everything in the slot's groups and wait until it is gone; false after one second of trying. */
bool cgroups_slot_clear(const struct cgroups *cgroups, uint32_t slot);

/* Kill what is left, remove every group of ours, free. */
void cgroups_close(struct cgroups *cgroups);

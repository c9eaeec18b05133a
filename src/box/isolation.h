#pragma once

/*
 * Isolation: under which protection boxes run here, in a form that can go beside every result (promise G17).
 *
 * There is one level, "full": an engine that lacks a required mechanism refuses to serve.  What is advised and missing
 * is told as a flag.
 */

#include "util/base.h"

struct err;
struct slot_boot;

struct isolation {
        char filter[33];    /* the first 128 bits of the SHA-256 of all filters, as hexadecimal digits */
        int memory_version; /* of the cgroup hierarchy that holds the controller: 1 or 2 */
        int pids_version;
        int cpu_version;
        int landlock_abi; /* 0: the kernel has none; boxes do not need it */
        bool swap;        /* the host has swap; boxes get none of it where the kernel accounts for it */
};

/* @cgroup_parent as in cgroups.h.  @boot holds the filters; NULL: they are built only to tell their hash. */
int isolation_look(const char *cgroup_parent, const struct slot_boot *boot, struct isolation *ret_isolation,
                   struct err *err) MUST_USE;

/* As a JSON object of at most ISOLATION_JSON_MAX bytes. */
enum { ISOLATION_JSON_MAX = 256 };
void isolation_json(const struct isolation *isolation, char json[ISOLATION_JSON_MAX]);

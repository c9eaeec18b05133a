#pragma once

/*
 * Info: an installed package as runtimes.
 *
 *   pkg-info.json   language, version, aliases, provides [{language, aliases, limit_overrides}], limit_overrides;
 *                   as Piston and CodeRunr have it; what else is in it is not looked at
 *   package.json    in its place: language, version, aliases, runtime, as CodeRunr's README has it; without a `run`
 *                   script bin/<runtime>, or bin/<language>, is the program
 *   run, compile    bash scripts: `run` gets the main file and the arguments, `compile` the names of all code files
 *   .env            "NAME=value", one per line
 */

#include "runtime/runtime.h"

struct config;
struct err;

enum { INFO_LANGUAGES_MAX = 64 };

/* A package that is installed. */
struct package {
        char name[65];
        char version[65];
        uint32_t number; /* of its first runtime; the others follow */
        struct runtime *runtimes;
        size_t n_runtimes;
};

/* Fill in the runtimes from the files of the package.  0, or 500 with a sentence. */
int info_load(const struct config *config, int folder, struct package *package, struct err *err) MUST_USE;
void package_deinit(struct package *package);

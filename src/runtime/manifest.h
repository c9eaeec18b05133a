#pragma once

/*
 * Manifest: a runtime as its YAML file describes it, before anyone looked whether its tools are here.
 *
 *   language: java               name in requests and replies; required
 *   title: Java                  for people; required
 *   package: openjdk             name in the `runtime` of Piston's list, when it is not the language
 *   aliases: [jdk]
 *   extensions: [java]           without dot; the first is given to nameless sources
 *   companions: []               extensions that are placed but never the main file ("h")
 *   rename: true                 the tools insist on the extension
 *   naming: java                 name sources after what they hold (job/naming.h)
 *   any_file: true               the main file is itself the program
 *   find: [javac]                programs, each that is here makes a runtime of its own; a name is looked for in
 *                                the fixed directories of runtime/discover.h, a path may hold * ? []
 *   needs: [java]                programs, all of which must be here too
 *   version:                     how to ask {tool} for its version
 *     argv: ["{tool}", -version]
 *     after: javac               look only behind this word; else from the start
 *     range: ">=11"              other versions are not offered
 *     fixed: 0.0.1               do not ask at all
 *     env: PYTHON_VERSION        what the image's environment says
 *   apt: [default-jdk-headless]  Debian packages that bring the tools
 *   image: python:alpine         programs see the files of this image, not the host's: find and needs look there, in its PATH,
 *                                and its environment stands below env; version is fixed, env, or what the tag tells
 *   env: { NAME: value }         for every stage
 *   limits: { compile_memory_limit: 1GiB, max_process_count: 256 }     as in configurations
 *   prepare: [...]               argv, run once with an empty folder as its working directory: what it leaves there is shown in
 *                                boxes, read-only, as {prepared}; words that name it are left out until then
 *   compile: [...]               argv, or { argv: [...], env: {...} }; may be left out
 *   run: [...]                   the same; required
 *     warm: fork                 beside argv: how it may be started in advance (fork, fork-at-read, park), the file it looks at first
 *     door: "{stem}.class"       ({main} unless said), and what a zygote loads before it forks, or a parked Node at its
 *                                door, in its own language; of an image all are parked
 *     prelude: import json
 *   self_test: { source: ..., stdin: ..., stdout: ... }                a program that proves it works; may have `name`
 *
 * In argv and env {tool} is the program that was found and {dir} its folder, besides the placeholders of
 * runtime/runtime.h.  A key that is not here is an error.
 */

#include "runtime/runtime.h"

struct err;

struct manifest_version {
        char **argv;
        char *after;
        char *range;
        char *fixed;
        char *env;
};

struct manifest {
        char *file; /* for messages */
        char *language;
        char *title;
        char *package;
        char *image;
        char **prepare;
        char **aliases; /* lists are NULL-terminated and NULL only where the key is absent */
        char **extensions;
        char **companions;
        char **find;
        char **needs;
        char **apt;
        char **env;
        bool rename;
        bool any_file;
        enum runtime_naming naming;
        struct manifest_version version;
        struct runtime_stage stages[STAGE_COUNT];
        struct limits limits[STAGE_COUNT]; /* 0: not set */
};

/* 0, or negative with "file:line: key: what is wrong". */
int manifest_load(const char *path, struct manifest *ret_manifest, struct err *err) MUST_USE;
int manifest_parse(const char *text, const char *name, struct manifest *ret_manifest,
                   struct err *err) MUST_USE;
void manifest_deinit(struct manifest *manifest);

#pragma once

/*
 * Provision: what compilers are faster with (headers and classes that were read before), made once per toolchain by the
 * words `prepare` of its manifest, kept below the data directory and shown in boxes, read-only.
 *
 * It is made after the start, by a user of its own without any privilege, without network and only when nothing else wants
 * the processor; jobs are served meanwhile, without it.  What goes wrong costs speed, nothing else.
 */

#include "util/base.h"

struct config;
struct engine;

/* The folder, "" where there is none; room for FOLDERS_PATH_MAX bytes. */
void provision_path(const struct config *config, char *path);

/* Make the folder and take away what no toolchain wants any more. */
void provision_open(struct engine *engine);

/* Make what is missing, in a process of its own; it has ended; it shall end. */
void provision_start(struct engine *engine);
void provision_ended(struct engine *engine, int status);
void provision_stop(struct engine *engine);

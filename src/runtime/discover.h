#pragma once

/*
 * Discover: which programs of a manifest are on this host, and of what version.
 *
 * Programs are looked for in fixed directories only, never in anyone's PATH: a box shows /usr and the
 * extra_directories of the configuration, nothing else of this host.
 */

#include "util/base.h"

struct config;
struct err;

enum {
        DISCOVER_OUTPUT_BYTES = 65536,
        DISCOVER_VERSION_MAX = 32,
};

#define DISCOVER_TIMEOUT_NS (10 * NSEC_PER_SEC)

/* The directories of a box's PATH, in its order. */
extern const char *const discover_directories[];

/*
 * The programs called @name (a word, or an absolute path with * ? []), as absolute paths inside what a box shows.
 * Links that leave it (/usr/bin/java -> /etc/alternatives/java -> /usr/lib/jvm/...) are followed to where they come
 * back.  NULL-terminated, the caller's to free with document_list_free(); empty when there is none.
 */
int discover_find(const struct config *config, const char *name, char ***ret_paths) MUST_USE;

/* One question to one program; discover_ask() answers all, several at a time. */
struct discover_question {
        const char *path;                   /* what the answer is remembered by */
        char *const *argv;                  /* absolute argv[0] */
        const char *after;                  /* as in the manifest, may be NULL */
        char version[DISCOVER_VERSION_MAX]; /* the answer: three numbers; "" when there is none */
        bool known;                         /* answered from memory */
};

/*
 * Run each argv with an empty environment but PATH, no input, as an unprivileged user when we are root, for at most
 * ten seconds.  What fails has version "" and a line in the log.
 */
int discover_ask(const struct config *config, struct discover_question *questions, size_t n,
                 struct err *err) MUST_USE;

/* The first "1.2", "1.2.3" (or, when there is none, "25") in @text behind @after, as three numbers. */
bool discover_read_version(const char *text, const char *after, char ret_version[DISCOVER_VERSION_MAX]);

/*
 * The memory: <data_directory>/runtimes.cache, by path, inode, size and mtime of the program and by the question
 * asked.  Loading fills in the questions it can answer; a broken or foreign file answers none.
 */
void discover_remember_load(const struct config *config, struct discover_question *questions, size_t n);
void discover_remember_save(const struct config *config, const struct discover_question *questions, size_t n);

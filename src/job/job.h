#pragma once

/*
 * Job: what a client asked to run, after its door has parsed it: valid, clamped, named.
 *
 * Pure data.  The door that makes it owns it until job_deinit(); everything in it is owned by it.
 */

#include "util/base.h"
#include "util/bytes.h"
#include "config/limits.h"
#include "runtime/stage.h"

struct err;
struct runtime;

enum {
        JOB_FILES_MAX = 4096,      /* files of one job */
        JOB_NAME_MAX = 1024,       /* bytes of one file name */
        JOB_PART_MAX = 255,        /* bytes between two slashes, as every file system has it */
        JOB_WORDS_MAX = 48 * 1024, /* bytes of arguments and source names, terminators included */
};

struct job_file {
        char *name; /* relative, no "..", made plain by job_add_file_take() */
        size_t name_len;
        struct bytes content;
        bool code;     /* utf8 as the client sent it: may be a source; others are only placed */
        bool nameless; /* the client gave no name */
};

/* Which stages to run. */
enum job_part {
        JOB_WHOLE,
        JOB_COMPILE, /* the compile stage only; the result carries what it made */
        JOB_RUN,     /* the run stage only, on `pack` */
        JOB_PART_COUNT,
};

struct job {
        enum job_part part;
        bool merged; /* one pipe for stdout and stderr: all is stdout, in the order in which it was written */
        bool fresh;  /* compile anew, whatever is in the cache */
        bool cold;   /* no interpreter that is up already */
        bool detail; /* the answer tells of the cache and of times, too */
        uint64_t owner; /* job_owner() of whose it is: what one compiled is not reused for another */
        uint32_t share; /* turns in a row while jobs of other owners wait too; 0 is 1 */
        int pack;       /* JOB_RUN: a sealed pack (util/pack.h) in place of the files' contents; borrowed */
        const struct runtime *runtime; /* borrowed from the catalog */
        struct job_file *files;
        size_t n_files;
        size_t main_file; /* index of the main file */
        char **args;      /* NULL-terminated or NULL */
        size_t n_args;
        struct bytes input; /* stdin of every stage */
        struct limits limits[STAGE_COUNT];
        size_t words_bytes; /* what counts against JOB_WORDS_MAX so far */
};

enum {
        JOB_BAD_NAME = 1, /* escapes, absolute, empty, NUL, too long, or both a file and a folder */
        JOB_TOO_MANY,     /* more files, or more bytes of words, than a job may have */
        JOB_NO_SOURCE,    /* nothing that could be the main file */
};

/* A number for a client with the name @owner; 0 for "", which is all clients of an engine without keys. */
uint64_t job_owner(const char *owner);

/* An empty job for @runtime with the runtime's own limits. */
void job_init(struct job *job, const struct runtime *runtime);
void job_deinit(struct job *job);

/*
 * Add a file; the bytes of @content are taken over whatever happens.  "./", "//" and "x/.." in @name are
 * resolved; what is left must stay inside the folder.  A later file of the same name replaces the earlier one in its place.  @name NULL: "file<i>.code", i the number of files so far.
 * Outcomes JOB_BAD_NAME and JOB_TOO_MANY come with a sentence in @err.
 */
int job_add_file_take(struct job *job, const char *name, size_t name_len, struct bytes *content, bool code,
                      struct err *err) MUST_USE;

/* Add an argument (no NUL inside: JOB_BAD_NAME; too many bytes: JOB_TOO_MANY). */
int job_add_arg(struct job *job, const char *text, size_t len, struct err *err) MUST_USE;

/*
 * Call once, after the last file: picks the main file (the first code file that is no companion, or file 0 where the
 * runtime takes any file) and names sources as their runtime insists on: nameless ones and the main file get its first
 * extension when they have none of its extensions; Java sources are named after their class and package.  A name
 * that is taken already is left to its owner.  Outcome JOB_NO_SOURCE.
 */
int job_settle(struct job *job, struct err *err) MUST_USE;

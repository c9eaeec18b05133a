#pragma once

/*
 * Runtime: one installed language@version, as data.
 *
 * Made from a manifest (runtime/manifest.h) and what was found on this host (runtime/discover.h);
 * read-only afterwards.  Lives as long as its catalog.
 */

#include "util/base.h"
#include "config/limits.h"
#include "runtime/stage.h"
#include "util/digest.h"

/*
 * The argv of a stage, as written in the manifest.  A word that is exactly one of these stands for
 * more than itself (job/plan.c expands them); inside a longer word only {main}, {stem},
 * {prepared} and {memory_mib} are replaced:
 *   {main}        name of the main file as placed in the box
 *   {stem}        the same without its last extension
 *   {sources}     the main file, then every other code file with one of the runtime's extensions, one word each
 *   {code}        every code file in the order in which they came, one word each
 *   {args}        the client's arguments, one word each
 *   {prepared}    the folder of what was prepared for the runtime; the word is left out while there is none
 *   {memory_mib}  the stage's memory limit in MiB, for runtimes that size their heap themselves
 */

/* What is prepared for runtimes lies below it in every box. */
#define RUNTIME_PREPARED "/coderunr/prepared"

enum runtime_naming {
        RUNTIME_NAMING_PLAIN, /* any name will do */
        RUNTIME_NAMING_JAVA,  /* <package path>/<public class>.java, see job/naming.h */
};

/* How a stage may be started before it is asked for (box/warm.h). */
enum runtime_warm {
        RUNTIME_WARM_NOT,
        RUNTIME_WARM_FORK,         /* fork */
        RUNTIME_WARM_FORK_AT_READ, /* fork-at-read: it opens its file before it has come up */
        RUNTIME_WARM_PARK,         /* park */
};

struct runtime_stage {
        char **argv; /* NULL-terminated; NULL: the runtime has no such stage */
        size_t n_argv;
        char **env; /* "NAME=value", NULL-terminated, beyond the runtime's own; may be NULL */
        enum runtime_warm warm;
        char *door;    /* the file it reads first, with {main} or {stem}; NULL: {main} */
        char *prelude; /* fork: what it loads in advance, in its own language; NULL: nothing */
};

struct runtime {
        uint32_t index;    /* place in the catalog; that of a package's runtime is on its shelf */
        bool gone;         /* its package was uninstalled: no new jobs; read and written atomically */
        char *language;    /* canonical name, as echoed in replies */
        char *version;     /* "3.11.2", always three numbers */
        char *title;       /* "Python", for people */
        uint32_t image;    /* 0: the host's files; n: the n-th image of the catalog */
        char *package;     /* the `runtime` of Piston's list, NULL when the language is its own */
        char **aliases;    /* NULL-terminated, may be empty */
        char **extensions; /* without dot; the first is the one added to nameless sources */
        char **companions; /* extensions placed but not compiled ("h"); NULL-terminated */
        bool rename;       /* the tools insist on the extension: add it where it is missing */
        enum runtime_naming naming;
        bool any_file; /* `file`: the main file is the program; no utf8 file is asked for */
        char **env;    /* "NAME=value", for every stage */
        struct runtime_stage stages[STAGE_COUNT];
        struct limits limits[STAGE_COUNT]; /* in force: override, else manifest, else configuration */
        struct limits doors[STAGE_COUNT];  /* what a door with limits of its own may ask beyond; 0: nothing */
        char **prepare;                    /* argv, NULL: there is nothing to prepare */
        char *prepared;   /* with prepare: below RUNTIME_PREPARED, a name no other toolchain has */
        bool is_prepared; /* and slots show it */
        uint8_t identity[DIGEST_BYTES]; /* runtime/identity.h; all zero: not known */
};

/* Does @name end in a dot and one of @extensions (NULL-terminated, may be NULL)? */
bool runtime_has_extension(char *const *extensions, const char *name);

/* The most that a job may ask for: the limit, or more where a door was given more for runtimes without a limit of their own. */
uint64_t runtime_most(const struct runtime *runtime, enum stage stage, enum limit which);

static inline bool runtime_has_stage(const struct runtime *runtime, enum stage stage)
{
        return runtime->stages[stage].argv != NULL;
}

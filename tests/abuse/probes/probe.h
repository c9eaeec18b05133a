#pragma once

/*
 * What a probe says, one line per check:
 *
 *   ESCAPED what          it was possible
 *   DENIED what why       it was refused: an errno, or the signal that ended the attempt
 *   ABSENT what           there is nothing of that name
 *
 * A probe ends with done(): status 99 when anything escaped.  Each line is flushed, so that a probe that is killed
 * has said what it knew.  The same source is built for the engine's boxes and for the control outside.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int probe_status;

static inline void say(const char *word, const char *what, const char *why)
{
        printf("%s %s%s%s\n", word, what, why[0] ? " " : "", why);
        fflush(stdout);
}

static inline void escaped(const char *what)
{
        probe_status = 99;
        say("ESCAPED", what, "");
}

static inline void absent(const char *what)
{
        say("ABSENT", what, "");
}

static inline void denied(const char *what, const char *why)
{
        say("DENIED", what, why);
}

/* The outcome of one call: -1 and errno, or success. */
static inline void tried(const char *what, long result)
{
        if (result != -1)
                escaped(what);
        else if (errno == ENOENT)
                absent(what);
        else
                denied(what, strerrorname_np(errno) ? strerrorname_np(errno) : "?");
}

#define TRY(what, call) (errno = 0, tried(what, (long)(call)))

/* The same in a child, for calls that may end the process or must not change ours. */
#define TRY_FORKED(what, call)                                                                               \
        do {                                                                                                 \
                int status_ = 0;                                                                             \
                pid_t pid_ = fork();                                                                         \
                if (pid_ == 0)                                                                               \
                        _exit((call) == -1 ? errno : 0);                                                     \
                waitpid(pid_, &status_, 0);                                                                  \
                errno = WEXITSTATUS(status_);                                                                \
                if (WIFSIGNALED(status_))                                                                    \
                        denied(what, sigabbrev_np(WTERMSIG(status_)));                                       \
                else                                                                                         \
                        tried(what, errno ? -1 : 0);                                                         \
        } while (0)

/* A condition that must not hold: @bad is the escape. */
static inline void check(const char *what, bool bad)
{
        if (bad)
                escaped(what);
        else
                denied(what, "");
}

/* The first line of a file that begins with @key, behind it; "" when there is none. */
static inline const char *field(const char *path, const char *key)
{
        static char line[65536];
        FILE *f = fopen(path, "re");

        while (f && fgets(line, sizeof(line), f))
                if (strncmp(line, key, strlen(key)) == 0) {
                        fclose(f);
                        line[strcspn(line, "\n")] = '\0';
                        return line + strlen(key) + strspn(line + strlen(key), ": \t");
                }
        if (f)
                fclose(f);
        return "";
}

static inline int done(void)
{
        return probe_status;
}

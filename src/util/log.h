#pragma once

/*
 * The log: one line per fact on stderr, `time level module: text`, bytes from strangers escaped.
 * After log_never_block(), a line that a pipe, terminal or socket does not take at once is dropped and counted.
 * Leaf code logs at debug level at most; an error is logged once, where it stops travelling.
 */

#include "util/base.h"

enum log_level { LOG_NONE, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Everything up to and including @level is written; @module names the process ("front"). */
void log_open(enum log_level level, const char *module);
enum log_level log_level(void);

/* For a process that serves, once, before it has children: they inherit it. */
void log_never_block(void);

void log_write(enum log_level level, const char *format, ...) PRINTF(2, 3);

/* The newest lines that were written, the oldest of them first. */
struct log_line {
        uint64_t wall_ms;
        enum log_level level;
        char text[200];
};
void log_recent(void (*each)(void *arg, const struct log_line *line), void *arg);
const char *log_level_name(enum log_level level);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

/* "none", "error", ... in any case, as written in configurations; -EINVAL when unknown. */
int log_level_parse(const char *text, enum log_level *ret_level);

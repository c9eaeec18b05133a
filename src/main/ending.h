#pragma once

/* Ending: how a stage ended, told as a local program would: by exit status, by signal, by a sentence where a limit did it. */

#include "util/base.h"

#include <jansson.h>

/* Did @stage (of an answer, or of "exit" and "stage_end" events) end well? */
bool ending_is_good(const json_t *stage);

/*
 * The exit status for @stage of the program in @file; a sentence is said where the status alone does not tell.  A program
 * ended by a signal ends this one by the same signal: then there is no return.
 */
int ending_of(const char *file, const json_t *stage, bool compiling);

/* One line on stderr with code, signal and what was used, for those who ask for it. */
void ending_print(const char *name, const json_t *stage);

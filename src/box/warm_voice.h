#pragma once

/*
 * Voice: what a zygote's interpreter has to be told in its own words, found by name in the process and left out where it is
 * not there: modules to load in advance, and that it was forked.
 */

void voice_open(const char *prelude); /* once, in the zygote, at its door */
void voice_before_fork(void);
void voice_in_parent(void);
void voice_in_child(void); /* has given up everything, has no order yet */

/* warm.c: an interpreter is about to use @path. */
void warm_touch(const char *path);

#pragma once

/*
 * Voice: what a zygote's interpreter has to be told in its own words, found by name in the process and left out where it is
 * not there: modules to load in advance, and that it was forked.
 */

#include <stdbool.h>
#include <stddef.h>

void voice_open(const char *prelude); /* once, in the zygote, at its door */
bool voice_forks(void);               /* the interpreter forked by itself: warm_fork() was called */
void voice_before_fork(void);
void voice_in_parent(void);
void voice_in_child(void); /* has given up everything, has no order yet */

/* warm_pages.c: what a zygote can write, looked up once; a child copies of it while it waits for its order */
void pages_look(int proc);
void pages_copy(int channel);

/* warm.c: an interpreter is about to use @path. */
bool warm_fork(void); /* a fork that is ours: comes back as a child with its order */
void warm_touch(const char *path);
int warm_open(const char *path); /* a descriptor in place of the file, for a row that opens it early; -1 */
bool warm_read(int fd, char *p); /* about to be read: true: one byte is there already */
void warm_look(const void *p, size_t n); /* what was read is looked through */

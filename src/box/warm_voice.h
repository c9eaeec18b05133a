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

/* warm_python.c: the same of Python, and nothing where there is none; in the child true where there is */
void python_open(const char *prelude);
void python_before_fork(void);
void python_in_parent(void);
bool python_in_child(void);
void python_stay(void); /* its end is not to be left early: that did not go well */

/* warm_v8.c: run @prelude in the isolate that is under way, in a program that is parked; nothing where there is none */
void v8_open(const char *prelude);

/* warm_leap.c: once, in the zygote */
void leap_open(void);
/* return 0 from @function, of which a call is under way; comes back where there is no way */
void leap_out_of(const void *function);

/*
 * warm_pages.c: what a zygote can write, looked up once, and what a child does write, learned in a rehearsal; a child
 * copies of it what it can before it is asked.
 */
void pages_look(int proc);
bool pages_rehearse(void);         /* in the zygote, before it forks the child */
bool pages_in_rehearsal(int proc); /* in that child: what it has written by its end shall be noted */
void pages_rehearsed(bool well);   /* that child has ended */
void pages_copy_learned(void);
void pages_copy_until_asked(int channel); /* where nothing was learned */

/* warm.c: an interpreter is about to use @path; what it is to use instead. */
bool warm_fork(void); /* a fork that is ours: comes back as a child with its order */
const char *warm_touch(const char *path);
int warm_open(const char *path); /* a descriptor in place of the file, for a row that opens it early; -1 */
bool warm_read(int fd, char *p); /* about to be read: true: one byte is there already */
void warm_look(const void *p, size_t n); /* what was read is looked through */

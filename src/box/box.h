#pragma once

/*
 * Box: what the runner may ask of a slot.  One slot is one SOCK_SEQPACKET socket to its keeper.
 *
 * The keeper says END_READY when a fresh box is prepared; then it takes exactly one ORDER_RUN, answers it
 * with exactly one report, throws the box away, prepares the next and says END_READY again.
 * When the socket ends the slot is gone (the warden makes a new one and hands its socket over).
 */

#include "box/spec.h"

struct err;

enum {
        BOX_AGAIN = 1, /* nothing to read now */
        BOX_GONE,      /* the keeper hung up */
};

/* Zeroed but for the magic: fill the numbers, then box_run(). */
void box_spec_init(struct box_spec *spec, uint64_t job);

/*
 * Order a run.  @words holds spec->words_bytes bytes.  @fds by enum box_fd; FILES and ARTEFACT are sent when
 * their flag is set.  The descriptors stay the caller's.  Never blocks.
 * Returns 0, BOX_GONE, or -errno.
 */
int box_run(int slot, const struct box_spec *spec, const char *words, const int fds[BOX_FD_COUNT],
            struct err *err) MUST_USE;

/* End the running box of @job; the report says @end.  A job that has ended already is left alone. */
int box_kill(int slot, uint64_t job, enum report_end end);

/* Send @signal to the program of @job. */
int box_signal(int slot, uint64_t job, int signal);

/* Take the next report without blocking.  Returns 0, BOX_AGAIN, BOX_GONE, or -EBADMSG. */
int box_report_recv(int slot, struct box_report *ret_report) MUST_USE;

/* "wall", "exited", ...; the set-up step of END_SETUP in words. */
const char *box_end_name(enum report_end end);
const char *box_step_name(int step);

/* Check every number against spec.def; names the field that is out of bounds.  0 or -EINVAL. */
int box_spec_check(const struct box_spec *spec, const char **ret_field) MUST_USE;

#pragma once

/*
 * Pump: the streams of one running stage.  Feeds stdin, keeps stdout and stderr up to the limit in the
 * order they arrive, and takes the artefact of a compile stage.
 *
 * Of a live stage nothing is kept: its output is handed on as it comes, as far as its reader keeps up, and its
 * stdin is what lies in the feed.
 */

#include "box/spec.h"
#include "job/result.h"

struct event;
struct event_base;
struct limits;

/* The streams of a live task, which outlive its stages. */
struct pump_feed {
        struct bytes queue; /* stdin that no program has taken */
        bool ended;         /* nothing will be added */
        int64_t window;     /* bytes of output that may be handed on; only a stage's last words go below 0 */
};

struct pump_order {
        struct view input; /* stays the caller's until pump_close() */
        const struct limits *limits;
        struct output *output; /* stays the caller's */
        bool artefact;         /* take one */
        bool merged; /* stdout and stderr are one pipe, so that what is kept is in the order of the writes */
        /* The stage has written too much: end it with @end.  Called from the loop, at most once per
         * reason. */
        void (*on_over)(void *arg, enum report_end end);
        /* A live stage: feed is set, output is not used.  Bytes that were written, and stdin that was taken. */
        struct pump_feed *feed;
        bool deaf; /* a live stage without stdin */
        void (*on_output)(void *arg, enum stream stream, struct view bytes);
        void (*on_taken)(void *arg, size_t n);
        void *arg;
};

struct pump {
        struct pump_order order;
        struct event *in, *out[STREAM_COUNT], *artefact_in;
        int in_fd, out_fd[STREAM_COUNT], artefact_fd; /* our ends, -1: done */
        int in_rest;    /* the box's end of stdin too, where somebody will ask how much of it was read */
        size_t in_done; /* bytes of input given */
        uint64_t seen[STREAM_COUNT]; /* bytes read; one more than the limit when it was passed */
        int artefact;                /* memfd */
        uint64_t artefact_bytes;
        uint64_t artefact_cap;
        bool artefact_over;
        int error; /* what we failed at ourselves: the stage's output is not whole */
};

/*
 * Make the pipes, fill stdin as far as it goes, and start listening.  @ret_fds gets the box's ends of
 * STDIN, STDOUT, STDERR and ARTEFACT, owned by the caller, who closes them once they are sent; FILES is
 * left alone. 0 or -errno; after a failure nothing is left open.
 */
int pump_open(struct pump *pump, struct event_base *base, const struct pump_order *order,
              int ret_fds[BOX_FD_COUNT]) MUST_USE;

/* The feed of a live stage has got more stdin, or a wider window. */
void pump_feed_changed(struct pump *pump);

/* The box is dead: take what still lies in the pipes.  Never waits. */
void pump_drain(struct pump *pump);

/* Has the box read any of its stdin?  Of a stage with an artefact, once it is dead. */
bool pump_input_read(const struct pump *pump);

/* The whole artefact, sealed and checked to be a complete pack.  A descriptor for the caller, or -errno. */
int pump_artefact_take(struct pump *pump) MUST_USE;

/* May be called twice and on a zeroed struct that pump_open() never saw succeed. */
void pump_close(struct pump *pump);

#pragma once

/*
 * Client: how a door hands a job to the runner and gets its result.
 *
 * One SOCK_SEQPACKET connection to the runner, one frame per message (job/wire.h); big contents travel as
 * sealed memfds.  Runs on the caller's libevent loop, never blocks.
 */

#include "job/result.h"
#include "util/base.h"

struct event_base;
struct job;
struct err;
struct client;

/* Exactly one call per submitted job, from the loop, never from inside client_submit(). The result is the
 * callee's to read during the call only.  It may submit and cancel, but not free or reconnect the client. */
typedef void (*client_done_fn)(void *arg, const struct result *result);

/*
 * @fd is taken over.  When the runner goes away @on_lost is called, which may reconnect or free the
 * client.  Open jobs wait for client_reconnect_take() and are then sent once more; a job that loses two
 * runners, or gets no new one within five seconds, ends with VERDICT_ENGINE.
 */
int client_new_take(struct event_base *base, int fd, void (*on_lost)(void *arg), void *arg,
                    struct client **ret_client, struct err *err) MUST_USE;
void client_free(struct client *client);

/* Replace the connection after the runner was started anew; @fd is taken over. */
int client_reconnect_take(struct client *client, int fd, struct err *err) MUST_USE;

/* Submit; @job is only read.  Returns the ticket by which to cancel, or -errno.  More than the way to the
 * runner can hold end with VERDICT_OVERLOADED. */
int client_submit(struct client *client, const struct job *job, client_done_fn done, void *arg,
                  uint64_t *ret_ticket, struct err *err) MUST_USE;

/*
 * A job that streams.  Its stages are told as they begin, write and end; @on_done comes last, with a result that holds
 * no output.  Each call comes from the loop, never from inside a function below, and may cancel any job.
 */
struct client_stream_fns {
        void (*on_stage)(void *arg, enum stage stage);
        void (*on_output)(void *arg, enum stream stream, struct view bytes);
        void (*on_stage_end)(void *arg, enum stage stage, const struct stage_result *result);
        void (*on_room)(void *arg); /* client_input() takes more */
        client_done_fn on_done;
};

int client_submit_stream(struct client *client, const struct job *job, const struct client_stream_fns *fns,
                         void *arg, uint64_t *ret_ticket, struct err *err) MUST_USE;

/* Give the run stage stdin, now or when it begins; how much was taken.  @last: nothing follows what is taken whole. */
size_t client_input(struct client *client, uint64_t ticket, struct view bytes, bool last);

/* @n bytes of on_output() are out of the way: as much again may come.  Without it a program that writes is held up. */
void client_output_taken(struct client *client, uint64_t ticket, size_t n);

/* Deliver signal @number to the program the job is running now; a job between programs is left alone. */
void client_signal(struct client *client, uint64_t ticket, int number);

/* The client went away: its callback is never called, the runner is told to stop the job. */
void client_cancel(struct client *client, uint64_t ticket);

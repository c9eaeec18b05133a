#pragma once

/*
 * Client: how a door hands a job to the runner and gets its result.
 *
 * One SOCK_SEQPACKET connection to the runner, one frame per message (job/wire.h); big contents travel as
 * sealed memfds.  Runs on the caller's libevent loop, never blocks.
 */

#include "util/base.h"

struct event_base;
struct job;
struct result;
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

/* Deliver signal @number to the program the job is running now; a job between programs is left alone. */
void client_signal(struct client *client, uint64_t ticket, int number);

/* The client went away: its callback is never called, the runner is told to stop the job. */
void client_cancel(struct client *client, uint64_t ticket);

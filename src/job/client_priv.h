#pragma once

/* Client, its two halves: client.c sends jobs and keeps them, client_arrived.c takes in what the runner says about them. */

#include "job/client.h"
#include "job/link.h"
#include "job/result.h"
#include "job/wire.h"

#include <sys/queue.h>

enum { CLIENT_BUCKETS = 4096 };

struct open_job {
        LIST_ENTRY(open_job) by_ticket;
        TAILQ_ENTRY(open_job) link; /* in `jobs` or `refused` */
        uint64_t ticket;
        client_done_fn done;
        void *arg;
        struct wire_message message;            /* as it was sent, to be sent again */
        const struct client_stream_fns *stream; /* NULL: it does not */
        struct bytes input; /* what the runner has not said to be taken; sent again like the job */
        bool last;          /* nothing will be added */
        bool heard;         /* something of it was told: a second runner would contradict it */
        bool sent;
        bool again;   /* was with a runner that died */
        bool refused; /* never sent: the loop answers */
};

TAILQ_HEAD(open_queue, open_job);
LIST_HEAD(open_list, open_job);

struct client {
        struct event_base *base;
        struct link *link; /* NULL: the runner is gone */
        void (*on_lost)(void *arg);
        void *arg;
        uint64_t last_ticket;
        struct event *refusing;
        struct event *forsaken;          /* no new runner came */
        struct open_queue jobs, refused; /* in the order of their tickets */
        size_t n_jobs;
        struct open_list buckets[CLIENT_BUCKETS];
};

/* NULL: it was cancelled. */
struct open_job *client_find(struct client *client, uint64_t ticket);

/* It leaves the table, then its callback runs. */
void client_finish(struct client *client, struct open_job *job, const struct result *result);
void client_finish_with(struct client *client, struct open_job *job, enum verdict verdict, const char *text);

/* Take in a frame; what is taken of @fds is -1 then.  0, or -EBADMSG for one that no runner of ours would send. */
int client_arrived(struct client *client, const struct wire_frame *frame, int *fds) MUST_USE;

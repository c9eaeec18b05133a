/*
 * The front's end of the link.  A job becomes one frame and one sealed memfd with its files, both kept
 * until its result is here: a runner that dies is started anew within moments, and gets the jobs of the
 * old one again, once.  A job that was with two runners when they died may well be why, and is given up.
 *
 * Every way a job can end passes through client_finish(): it leaves the table first, then its callback runs, so
 * a second answer for the same ticket finds nobody.  What ends a job while client_submit() is still on
 * the stack (a full queue) is put on a list and told from the loop.
 */
#include "job/client_priv.h"
#include "job/job.h"
#include "util/err.h"
#include "util/fdio.h"
#include "util/log.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>

enum { PATIENCE_SECONDS = 5 }; /* for a new runner */

struct open_job *client_find(struct client *client, uint64_t ticket)
{
        struct open_job *job;

        LIST_FOREACH(job, &client->buckets[ticket % CLIENT_BUCKETS], by_ticket)
        if (job->ticket == ticket)
                return job;
        return NULL;
}

static void add(struct client *client, struct open_job *job)
{
        LIST_INSERT_HEAD(&client->buckets[job->ticket % CLIENT_BUCKETS], job, by_ticket);
        TAILQ_INSERT_TAIL(job->refused ? &client->refused : &client->jobs, job, link);
        client->n_jobs++;
}

static void drop(struct client *client, struct open_job *job)
{
        LIST_REMOVE(job, by_ticket);
        TAILQ_REMOVE(job->refused ? &client->refused : &client->jobs, job, link);
        client->n_jobs--;
        wire_message_deinit(&job->message);
        bytes_deinit(&job->input);
        free(job);
}

void client_finish(struct client *client, struct open_job *job, const struct result *result)
{
        client_done_fn done = job->done;
        void *arg = job->arg;

        drop(client, job);
        done(arg, result);
}

void client_finish_with(struct client *client, struct open_job *job, enum verdict verdict, const char *text)
{
        struct result result;

        result_init(&result);
        result.stages[STAGE_RUN].verdict = verdict;
        snprintf(result.stages[STAGE_RUN].text, sizeof(result.stages[STAGE_RUN].text), "%s", text);
        client_finish(client, job, &result);
        result_deinit(&result);
}

/* The next to be told; a callback may cancel any job and submit others, so nothing is kept from one to
 * the next. WHY: only tickets up to @newest: one that submits again and again would otherwise keep us
 * here. */
static struct open_job *next_of(const struct open_queue *queue, uint64_t newest, bool only_again)
{
        struct open_job *job;

        TAILQ_FOREACH(job, queue, link)
        {
                if (job->ticket > newest)
                        return NULL;
                if (job->again || !only_again)
                        return job;
        }
        return NULL;
}

static void on_refusing(evutil_socket_t fd, short what, void *arg)
{
        struct client *client = arg;
        uint64_t newest = client->last_ticket;
        struct open_job *job;

        while ((job = next_of(&client->refused, newest, false)))
                client_finish_with(client, job, VERDICT_OVERLOADED, "too many jobs wait for the runner");
}

static void finish_all(struct client *client, bool only_again)
{
        uint64_t newest = client->last_ticket;
        struct open_job *job;

        while ((job = next_of(&client->jobs, newest, only_again)))
                client_finish_with(client, job, VERDICT_ENGINE, "the runner went away");
}

static void on_forsaken(evutil_socket_t fd, short what, void *arg)
{
        finish_all(arg, false);
}

static void await_runner(struct client *client)
{
        struct timeval patience = { .tv_sec = PATIENCE_SECONDS };

        if (!evtimer_pending(client->forsaken, NULL))
                evtimer_add(client->forsaken, &patience);
}

/* Those that lost their second runner end here; the others wait for the next. */
static void runner_gone(struct client *client)
{
        struct open_job *job;

        link_free(client->link);
        client->link = NULL;
        TAILQ_FOREACH(job, &client->jobs, link)
        job->again = job->again || job->heard;
        finish_all(client, true);
        TAILQ_FOREACH(job, &client->jobs, link)
        {
                job->again = job->sent;
                job->sent = false;
        }
        await_runner(client);
}

static void on_lost(void *arg)
{
        struct client *client = arg;

        runner_gone(client);
        if (client->on_lost)
                client->on_lost(client->arg);
}

static int message_copy(const struct wire_message *from, struct wire_message *to)
{
        int r = bytes_add(&to->bytes, from->bytes.p, from->bytes.n);

        for (size_t i = 0; i < from->n_fds && r == 0; i++) {
                int fd = fcntl(from->fds[i], F_DUPFD_CLOEXEC, 0);

                if (fd < 0)
                        return -errno;
                to->fds[to->n_fds++] = fd;
        }
        return r;
}

static void send_frame(struct client *client, const struct wire_frame *frame)
{
        CLEANUP(wire_message_deinit) struct wire_message message = WIRE_MESSAGE_INIT;
        const char *field = "";

        if (!client->link)
                return;
        if (wire_encode(frame, &message.bytes, &field) < 0 ||
            link_send_take(client->link, &message, true) != 0)
                log_debug("a frame to the runner was dropped %s", field);
}

/* In pieces that fit a frame; an empty one when there is only the end to tell. */
static void send_input(struct client *client, const struct open_job *job, struct view bytes)
{
        struct wire_frame frame = { .kind = WIRE_KIND_INPUT, .input = { .ticket = job->ticket } };

        do {
                size_t n = MIN(bytes.n, (size_t)WIRE_CHUNK_BYTES);

                frame.input.p = bytes.p;
                frame.input.bytes = (uint32_t)n;
                frame.input.last = job->last && n == bytes.n;
                send_frame(client, &frame);
                bytes.p += n;
                bytes.n -= n;
        } while (bytes.n > 0);
}

/* 0, LINK_FULL, or -errno. */
static int send_job(struct client *client, struct open_job *job)
{
        CLEANUP(wire_message_deinit) struct wire_message message = WIRE_MESSAGE_INIT;
        int r = message_copy(&job->message, &message);

        if (r == 0)
                r = link_send_take(client->link, &message, job->again);
        job->sent = r == 0;
        if (r == 0 && (job->input.n > 0 || job->last))
                send_input(client, job, bytes_view(&job->input));
        return r;
}

/* Answered from the loop: whoever asks now is in the middle of something. */
static void refuse(struct client *client, struct open_job *job)
{
        struct timeval now = { 0 };

        TAILQ_REMOVE(&client->jobs, job, link);
        job->refused = true;
        TAILQ_INSERT_TAIL(&client->refused, job, link);
        evtimer_add(client->refusing, &now);
}

static void on_message(void *arg, const char *p, size_t n, int *fds, size_t n_fds)
{
        struct client *client = arg;
        struct wire_frame frame;
        const char *field = "kind";
        int r = wire_decode(p, n, n_fds, &frame, &field);

        if (r == 0)
                r = client_arrived(client, &frame, fds);
        fdio_close_all(fds, n_fds);
        if (r == 0)
                return;
        log_error("the runner sent a frame whose %s is wrong; its connection is given up", field);
        on_lost(client);
}

static const struct link_fns link_fns = { on_message, on_lost };

int client_new_take(struct event_base *base, int fd, void (*lost)(void *arg), void *arg,
                    struct client **ret_client, struct err *err)
{
        struct client *client = calloc(1, sizeof(*client));
        int r;

        if (!client) {
                close_fd(&fd);
                return err_set(err, -ENOMEM, "no memory for the connection to the runner");
        }
        client->base = base;
        client->on_lost = lost;
        client->arg = arg;
        TAILQ_INIT(&client->jobs);
        TAILQ_INIT(&client->refused);
        client->refusing = evtimer_new(base, on_refusing, client);
        client->forsaken = evtimer_new(base, on_forsaken, client);
        r = client->refusing && client->forsaken ? client_reconnect_take(client, TAKE_FD(fd), err) : -ENOMEM;
        close_fd(&fd);
        if (r < 0) {
                client_free(client);
                return r;
        }
        *ret_client = client;
        return 0;
}

void client_free(struct client *client)
{
        struct open_job *job;

        if (!client)
                return;
        link_free(client->link);
        while ((job = TAILQ_FIRST(&client->jobs)) || (job = TAILQ_FIRST(&client->refused)))
                drop(client, job);
        if (client->refusing)
                event_free(client->refusing);
        if (client->forsaken)
                event_free(client->forsaken);
        free(client);
}

int client_reconnect_take(struct client *client, int fd, struct err *err)
{
        struct open_job *job, *next;
        int r;

        if (client->link)
                runner_gone(client);
        r = link_new_take(client->base, fd, &link_fns, client, &client->link);
        if (r < 0)
                return err_errno(err, r, "cannot watch the connection to the runner");
        evtimer_del(client->forsaken);
        for (job = TAILQ_FIRST(&client->jobs); job; job = next) {
                next = TAILQ_NEXT(job, link);
                if (send_job(client, job) != 0)
                        refuse(client, job);
        }
        return 0;
}

static bool is_full(const struct client *client)
{
        return !client->link && client->n_jobs > LINK_QUEUE_MAX;
}

static int submit(struct client *client, const struct job *job, const struct open_job *like,
                  uint64_t *ret_ticket, struct err *err)
{
        CLEANUP(wire_message_deinit) struct wire_message message = WIRE_MESSAGE_INIT;
        struct open_job *open;
        int r;

        r = wire_job_encode(job, client->last_ticket + 1, like->stream != NULL, &message, err);
        if (r < 0)
                return r;
        open = calloc(1, sizeof(*open));
        if (!open)
                return err_set(err, -ENOMEM, "no memory for another job");
        *open = *like;
        open->ticket = ++client->last_ticket;
        open->message = message;
        message = WIRE_MESSAGE_INIT;
        add(client, open);
        if (!client->link)
                await_runner(client);
        if (is_full(client) || (client->link && send_job(client, open) != 0))
                refuse(client, open);
        *ret_ticket = open->ticket;
        return 0;
}

int client_submit(struct client *client, const struct job *job, client_done_fn done, void *arg,
                  uint64_t *ret_ticket, struct err *err)
{
        struct open_job like = { .done = done, .arg = arg };

        return submit(client, job, &like, ret_ticket, err);
}

int client_submit_stream(struct client *client, const struct job *job, const struct client_stream_fns *fns,
                         void *arg, uint64_t *ret_ticket, struct err *err)
{
        struct open_job like = {
                .done = fns->on_done, .stream = fns, .arg = arg, .input = BYTES_INIT(WIRE_WINDOW_BYTES)
        };

        return submit(client, job, &like, ret_ticket, err);
}

size_t client_input(struct client *client, uint64_t ticket, struct view bytes, bool last)
{
        struct open_job *job = client_find(client, ticket);
        size_t n;

        if (!job || !job->stream || job->last)
                return bytes.n;
        n = MIN(bytes.n, job->input.cap - job->input.n);
        last = last && n == bytes.n;
        if ((n == 0 && !last) || bytes_add(&job->input, bytes.p, n) < 0)
                return 0;
        job->last = last;
        if (job->sent)
                send_input(client, job, (struct view){ bytes.p, n });
        return n;
}

void client_output_taken(struct client *client, uint64_t ticket, size_t n)
{
        struct wire_frame frame = { .kind = WIRE_KIND_TAKEN, .taken = { ticket, n } };
        struct open_job *job = client_find(client, ticket);

        if (n > 0 && job && job->sent)
                send_frame(client, &frame);
}

void client_signal(struct client *client, uint64_t ticket, int number)
{
        struct wire_frame frame = { .kind = WIRE_KIND_SIGNAL, .signal = { ticket, number } };

        if (client_find(client, ticket))
                send_frame(client, &frame);
}

void client_cancel(struct client *client, uint64_t ticket)
{
        struct wire_frame frame = { .kind = WIRE_KIND_CANCEL, .cancel = { ticket } };
        struct open_job *job = client_find(client, ticket);

        if (!job)
                return;
        if (job->sent)
                send_frame(client, &frame);
        drop(client, job);
}

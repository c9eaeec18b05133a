/*
 * The front's end of the link.  A job becomes one frame and one sealed memfd with its files; from then on only its
 * ticket is kept, in a small hash, with the callback that waits for it.
 *
 * Every way a job can end passes through finish(): it leaves the table first, then its callback runs, so a second
 * answer for the same ticket finds nobody.  What ends a job while client_submit() is still on the stack (a full
 * queue) is put on a list and told from the loop.
 */
#include "job/client.h"
#include "job/job.h"
#include "job/link.h"
#include "job/result.h"
#include "job/wire.h"
#include "runtime/runtime.h"
#include "util/err.h"
#include "util/fdio.h"
#include "util/log.h"
#include "util/pack.h"

#include <event2/event.h>
#include <stdio.h>
#include <sys/queue.h>

enum { BUCKETS = 4096 };

struct open_job {
        LIST_ENTRY(open_job) link;
        uint64_t ticket;
        client_done_fn done;
        void *arg;
        bool refused; /* never sent: the loop answers */
};

LIST_HEAD(open_list, open_job);

struct client {
        struct event_base *base;
        struct link *link; /* NULL: the runner is gone */
        void (*on_lost)(void *arg);
        void *arg;
        uint64_t last_ticket;
        struct event *refusing;
        struct open_list buckets[BUCKETS];
};

static struct open_job *find(struct client *client, uint64_t ticket)
{
        struct open_job *job;

        LIST_FOREACH(job, &client->buckets[ticket % BUCKETS], link)
        if (job->ticket == ticket)
                return job;
        return NULL;
}

static void finish(struct open_job *job, const struct result *result)
{
        client_done_fn done = job->done;
        void *arg = job->arg;

        LIST_REMOVE(job, link);
        free(job);
        done(arg, result);
}

static void finish_with(struct open_job *job, enum verdict verdict, const char *text)
{
        struct result result;

        result_init(&result);
        result.stages[STAGE_RUN].verdict = verdict;
        snprintf(result.stages[STAGE_RUN].text, sizeof(result.stages[STAGE_RUN].text), "%s", text);
        finish(job, &result);
        result_deinit(&result);
}

/* WHY: only tickets up to @newest: a callback may submit again, and would otherwise keep us here. */
static struct open_job *next_of(struct client *client, size_t bucket, bool only_refused, uint64_t newest)
{
        struct open_job *job;

        LIST_FOREACH(job, &client->buckets[bucket], link)
        if (job->ticket <= newest && (job->refused || !only_refused))
                return job;
        return NULL;
}

static void finish_all(struct client *client, bool only_refused, enum verdict verdict, const char *text)
{
        uint64_t newest = client->last_ticket;
        struct open_job *job;

        for (size_t i = 0; i < BUCKETS; i++)
                while ((job = next_of(client, i, only_refused, newest)))
                        finish_with(job, verdict, text);
}

static void on_refusing(evutil_socket_t fd, short what, void *arg)
{
        finish_all(arg, true, VERDICT_OVERLOADED, "too many jobs wait for the runner");
}

static void on_lost(void *arg)
{
        struct client *client = arg;

        link_free(client->link);
        client->link = NULL;
        finish_all(client, false, VERDICT_ENGINE, "the runner went away");
        if (client->on_lost)
                client->on_lost(client->arg);
}

static int result_read(const struct wire_result *wire, const int *fds, struct result *result)
{
        const char *p = NULL;
        size_t n = 0;
        int r;

        if (wire->inlined)
                return wire_result_decode(wire, (struct view){ wire->tail, wire->tail_bytes }, result);
        r = fdio_map(fds[0], &p, &n);
        if (r < 0)
                return r;
        r = wire_result_decode(wire, (struct view){ p, n }, result);
        fdio_unmap(p, n);
        return r;
}

static void result_arrived(struct client *client, const struct wire_result *wire, const int *fds)
{
        struct open_job *job = find(client, wire->ticket);
        struct result result;
        int r;

        if (!job)
                return; /* cancelled while its answer was on the way */
        result_init(&result);
        r = result_read(wire, fds, &result);
        if (r < 0)
                finish_with(job, VERDICT_ENGINE, "the runner's answer cannot be read");
        else
                finish(job, &result);
        result_deinit(&result);
}

static void on_message(void *arg, const char *p, size_t n, int *fds, size_t n_fds)
{
        struct client *client = arg;
        struct wire_frame frame;
        const char *field = "kind";
        int r = wire_decode(p, n, n_fds, &frame, &field);

        if (r == 0 && frame.kind == WIRE_KIND_RESULT)
                result_arrived(client, &frame.result, fds);
        fdio_close_all(fds, n_fds);
        if (r == 0 && frame.kind == WIRE_KIND_RESULT)
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
        client->refusing = evtimer_new(base, on_refusing, client);
        r = client->refusing ? client_reconnect_take(client, TAKE_FD(fd), err) : -ENOMEM;
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
        if (!client)
                return;
        link_free(client->link);
        for (size_t i = 0; i < BUCKETS; i++)
                while (!LIST_EMPTY(&client->buckets[i])) {
                        struct open_job *job = LIST_FIRST(&client->buckets[i]);

                        LIST_REMOVE(job, link);
                        free(job);
                }
        if (client->refusing)
                event_free(client->refusing);
        free(client);
}

int client_reconnect_take(struct client *client, int fd, struct err *err)
{
        int r;

        link_free(client->link);
        client->link = NULL;
        finish_all(client, false, VERDICT_ENGINE, "the runner was replaced");
        r = link_new_take(client->base, fd, &link_fns, client, &client->link);
        return r < 0 ? err_errno(err, r, "cannot watch the connection to the runner") : 0;
}

static int files_pack(const struct job *job)
{
        CLEANUP(close_fd) int fd = pack_open((uint32_t)job->n_files);
        uint32_t flags = job->runtime->any_file ? PACK_EXECUTABLE : 0;
        int r;

        if (fd < 0)
                return fd;
        for (size_t i = 0; i < job->n_files; i++) {
                const struct job_file *file = &job->files[i];

                r = pack_add(fd, file->name, strlen(file->name), file->content.p, file->content.n, flags);
                if (r < 0)
                        return r;
        }
        r = pack_seal(fd, (uint32_t)job->n_files);
        return r < 0 ? r : TAKE_FD(fd);
}

static int words_build(const struct job *job, struct wire_job *wire, struct bytes *words)
{
        const char *name = job->files[job->main_file].name;
        int r = bytes_add(words, name, strlen(name) + 1);

        for (size_t i = 0; i < job->n_files && r == 0; i++) {
                if (!job->files[i].code)
                        continue;
                r = bytes_add(words, job->files[i].name, strlen(job->files[i].name) + 1);
                wire->n_sources++;
        }
        for (size_t i = 0; i < job->n_args && r == 0; i++)
                r = bytes_add(words, job->args[i], strlen(job->args[i]) + 1);
        wire->n_args = (uint32_t)job->n_args;
        wire->words = words->p;
        wire->words_bytes = (uint32_t)words->n;
        return r;
}

static int fds_build(const struct job *job, struct wire_job *wire, struct wire_message *message,
                     struct err *err)
{
        int fd = files_pack(job);

        if (fd < 0)
                return err_errno(err, fd, "cannot pack the job's files");
        message->fds[message->n_fds++] = fd;
        wire->input = job->input.p;
        wire->input_bytes = job->input.n;
        wire->inlined = job->input.n <= WIRE_INLINE_INPUT;
        if (wire->inlined)
                return 0;
        fd = fdio_memfd_of("stdin", job->input.p, job->input.n);
        if (fd < 0)
                return err_errno(err, fd, "cannot hand over the job's stdin");
        message->fds[message->n_fds++] = fd;
        return 0;
}

static int message_build(const struct job *job, uint64_t ticket, struct wire_message *message,
                         struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes words = BYTES_INIT(WIRE_WORDS_BYTES);
        struct wire_frame frame = { .kind = WIRE_KIND_JOB };
        const char *field = "";
        int r;

        frame.job.ticket = ticket;
        frame.job.runtime = job->runtime->index;
        memcpy(frame.job.limits, job->limits, sizeof(frame.job.limits));
        if (job->main_file >= job->n_files)
                return err_set(err, -EINVAL, "the job has no main file");
        r = words_build(job, &frame.job, &words);
        if (r < 0)
                return err_set(err, r, "the job's arguments and file names are too long");
        r = fds_build(job, &frame.job, message, err);
        if (r < 0)
                return r;
        r = wire_encode(&frame, &message->bytes, &field);
        return r < 0 ? err_set(err, r, "the job's %s is out of bounds", field) : 0;
}

int client_submit(struct client *client, const struct job *job, client_done_fn done, void *arg,
                  uint64_t *ret_ticket, struct err *err)
{
        CLEANUP(wire_message_deinit) struct wire_message message = WIRE_MESSAGE_INIT;
        struct timeval now = { 0 };
        struct open_job *open;
        int r;

        if (!client->link)
                return err_set(err, -ENOTCONN, "the runner is being restarted; try again in a moment");
        r = message_build(job, client->last_ticket + 1, &message, err);
        if (r < 0)
                return r;
        open = calloc(1, sizeof(*open));
        if (!open)
                return err_set(err, -ENOMEM, "no memory for another job");
        *open = (struct open_job){ .ticket = ++client->last_ticket, .done = done, .arg = arg };
        LIST_INSERT_HEAD(&client->buckets[open->ticket % BUCKETS], open, link);
        if (link_send_take(client->link, &message, false) == LINK_FULL) {
                open->refused = true;
                evtimer_add(client->refusing, &now);
        }
        *ret_ticket = open->ticket;
        return 0;
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

void client_signal(struct client *client, uint64_t ticket, int number)
{
        struct wire_frame frame = { .kind = WIRE_KIND_SIGNAL, .signal = { ticket, number } };

        if (find(client, ticket))
                send_frame(client, &frame);
}

void client_cancel(struct client *client, uint64_t ticket)
{
        struct wire_frame frame = { .kind = WIRE_KIND_CANCEL, .cancel = { ticket } };
        struct open_job *job = find(client, ticket);

        if (!job)
                return;
        if (!job->refused)
                send_frame(client, &frame);
        LIST_REMOVE(job, link);
        free(job);
}

/*
 * A job becomes one frame and one sealed memfd with its files; a large stdin is a second one.
 */
#include "job/wire.h"
#include "runtime/runtime.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/fdio.h"
#include "util/pack.h"

#include <fcntl.h>

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

static int pack_again(const struct job *job)
{
        int fd = fcntl(job->pack, F_DUPFD_CLOEXEC, 0);

        return fd < 0 ? -errno : fd;
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
        int fd = job->part == JOB_RUN ? pack_again(job) : files_pack(job);

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

int wire_job_encode(const struct job *job, uint64_t ticket, bool interactive, struct wire_message *message,
                    struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes words = BYTES_INIT(WIRE_WORDS_BYTES);
        struct wire_frame frame = { .kind = WIRE_KIND_JOB };
        const char *field = "";
        int r;

        frame.job.ticket = ticket;
        frame.job.runtime = job->runtime->index;
        frame.job.part = (uint32_t)job->part;
        frame.job.merged = job->merged;
        frame.job.fresh = job->fresh;
        frame.job.cold = job->cold;
        frame.job.owner = job->owner;
        frame.job.share = job->share;
        frame.job.sent_ns = clock_now_ns();
        frame.job.interactive = interactive;
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

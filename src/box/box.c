/*
 * The runner's side of a slot's socket.  An order is one message: the fixed struct, and for a run the
 * words and the descriptors.  Nothing here waits: a keeper that does not read its orders is broken, and
 * saying so (-EAGAIN) is better than hanging with it.
 */
#include "box/box.h"
#include "util/err.h"
#include "util/fdio.h"

#include <stdio.h>

static const char *const end_names[END_COUNT] = {
        [END_READY] = "ready",     [END_EXITED] = "exited",       [END_WALL] = "wall",
        [END_CPU] = "cpu",         [END_KILLED] = "killed",       [END_STDOUT] = "stdout",
        [END_STDERR] = "stderr",   [END_CANCELLED] = "cancelled", [END_EXEC] = "exec",
        [END_FILES] = "files",     [END_SETUP] = "setup",         [END_LOST] = "lost",
        [END_REFUSED] = "refused",
};

static const char *const step_texts[] = {
#define STEP(NAME, text) text,
#include "box/steps.def"
#undef STEP
};

const char *box_end_name(enum report_end end)
{
        return (size_t)end < END_COUNT ? end_names[end] : "unknown";
}

const char *box_step_name(int step)
{
        return step >= 0 && (size_t)step < ARRAY_LEN(step_texts) ? step_texts[step] : "take an unknown step";
}

void box_spec_init(struct box_spec *spec, uint64_t job)
{
        *spec = (struct box_spec){ .magic = SPEC_MAGIC, .order = ORDER_RUN, .job = job };
}

int box_spec_check(const struct box_spec *spec, const char **ret_field)
{
#define CHECK(field, least, most)                                                                            \
        if ((uint64_t)spec->field - (uint64_t)(least) > (uint64_t)(most) - (uint64_t)(least)) {              \
                *ret_field = #field;                                                                         \
                return -EINVAL;                                                                              \
        }
#define SPEC_U32 CHECK
#define SPEC_U64 CHECK
#include "box/spec.def"
#undef SPEC_U32
#undef SPEC_U64
#undef CHECK
        return 0;
}

static int sent(int r)
{
        if (r == FDIO_CLOSED)
                return BOX_GONE;
        return r == FDIO_AGAIN ? -EAGAIN : r;
}

/* The descriptors to send, in order; those of absent flags in the middle are stood in for by none. */
static size_t fds_pick(const struct box_spec *spec, const int fds[BOX_FD_COUNT], int out[BOX_FD_COUNT])
{
        size_t n = 0;

        for (int i = 0; i < BOX_FD_FILES; i++)
                out[n++] = fds[i];
        if (spec->flags & SPEC_HAS_FILES)
                out[n++] = fds[BOX_FD_FILES];
        if (spec->flags & SPEC_HAS_ARTEFACT)
                out[n++] = fds[BOX_FD_ARTEFACT];
        return n;
}

int box_run(int slot, const struct box_spec *spec, const char *words, const int fds[BOX_FD_COUNT],
            struct err *err)
{
        struct iovec iov[2] = {
                { (void *)(uintptr_t)spec, sizeof(*spec) },
                { (void *)(uintptr_t)words, spec->words_bytes },
        };
        int picked[BOX_FD_COUNT];
        const char *field;
        int r;

        if (box_spec_check(spec, &field) < 0)
                return err_set(err, -EINVAL, "the order's %s is out of bounds", field);
        r = sent(fdio_send(slot, iov, 2, picked, fds_pick(spec, fds, picked)));
        if (r < 0)
                return err_errno(err, r, "cannot send an order to the slot's keeper");
        return r;
}

static int send_short(int slot, enum order order, uint64_t job, uint32_t number)
{
        struct box_spec spec = {
                .magic = SPEC_MAGIC, .order = (uint32_t)order, .job = job, .number = number
        };
        struct iovec iov = { &spec, sizeof(spec) };

        return sent(fdio_send(slot, &iov, 1, NULL, 0));
}

int box_kill(int slot, uint64_t job, enum report_end end)
{
        return send_short(slot, ORDER_KILL, job, (uint32_t)end);
}

int box_signal(int slot, uint64_t job, int signal)
{
        return send_short(slot, ORDER_SIGNAL, job, (uint32_t)signal);
}

int box_report_recv(int slot, struct box_report *ret_report)
{
        struct box_report report;
        int fds[FDIO_FDS_MAX], r;
        size_t n, n_fds;

        r = fdio_recv(slot, &report, sizeof(report), &n, fds, &n_fds);
        if (r == FDIO_AGAIN)
                return BOX_AGAIN;
        if (r != 0)
                return r == FDIO_CLOSED ? BOX_GONE : r;
        fdio_close_all(fds, n_fds);
        if (n != sizeof(report) || n_fds > 0 || report.magic != REPORT_MAGIC || report.end >= END_COUNT)
                return -EBADMSG;
        *ret_report = report;
        return 0;
}

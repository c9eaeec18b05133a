/* Theory of operation: a record of fixed form in one message; what is large comes beside it as sealed memory. */
#include "job/parcel.h"
#include "job/link.h"
#include "runtime/catalog.h"
#include "runtime/shelf.h"
#include "util/fdio.h"
#include "util/log.h"
#include "util/record.h"

int parcel_send_take(struct link *link, const struct parcel *parcel, int fd)
{
        struct wire_message message = WIRE_MESSAGE_INIT;
        struct record_out out;
        int r;

        record_out_init(&out, &message.bytes);
        record_put(&out, PARCEL_MAGIC);
        record_put(&out, parcel->kind);
        record_put(&out, parcel->number);
        record_put(&out, parcel->word);
        record_put_text(&out, parcel->name);
        record_put_text(&out, parcel->range);
        if (fd >= 0)
                message.fds[message.n_fds++] = fd;
        r = out.error;
        if (r == 0)
                r = link_send_take(link, &message, true);
        wire_message_deinit(&message);
        return r;
}

int parcel_decode(const char *p, size_t n, size_t n_fds, struct parcel *ret_parcel)
{
        struct record_in in;
        bool heavy;

        record_in_init(&in, (struct view){ p, n });
        record_take(&in, PARCEL_MAGIC, PARCEL_MAGIC);
        ret_parcel->kind = (enum parcel_kind)record_take(&in, PARCEL_SHELF, PARCEL_KIND_END - 1);
        ret_parcel->number = record_take(&in, 0, UINT64_MAX);
        ret_parcel->word = (uint32_t)record_take(&in, 0, 599);
        record_take_text(&in, ret_parcel->name, sizeof(ret_parcel->name));
        record_take_text(&in, ret_parcel->range, sizeof(ret_parcel->range));
        heavy = ret_parcel->kind == PARCEL_SHELF || ret_parcel->kind == PARCEL_ANSWER;
        if (n_fds != (heavy ? 1 : 0))
                return -EBADMSG;
        return record_in_end(&in);
}

int parcel_shelf_take(const struct catalog *catalog, int fd)
{
        struct view bytes;
        int r = fdio_map(fd, &bytes.p, &bytes.n);

        if (r < 0)
                return r;
        r = shelf_take(catalog->shelf, bytes);
        fdio_unmap(bytes.p, bytes.n);
        return r;
}

struct shelf_end {
        struct link *link; /* NULL: the packer is gone */
        const struct catalog *catalog;
        void (*on_shelf)(void *arg, uint64_t number, bool changed);
        void *arg;
};

static void say(struct shelf_end *end, enum parcel_kind kind, uint64_t number)
{
        struct parcel parcel = { .kind = kind, .number = number };

        if (end->link && parcel_send_take(end->link, &parcel, -1) != 0)
                link_break(end->link);
}

static void end_lost(void *arg)
{
        struct shelf_end *end = arg;

        link_free(end->link);
        end->link = NULL;
}

static void end_message(void *arg, const char *p, size_t n, int *fds, size_t n_fds)
{
        struct shelf_end *end = arg;
        struct parcel parcel;
        int r = parcel_decode(p, n, n_fds, &parcel);

        if (r == 0)
                r = parcel.kind == PARCEL_SHELF ? parcel_shelf_take(end->catalog, fds[0]) : -EBADMSG;
        fdio_close_all(fds, n_fds);
        if (r < 0) {
                log_error("the packer sent what cannot be taken apart: %s", strerror(-r));
                end_lost(end);
                return;
        }
        say(end, PARCEL_SEEN, parcel.number);
        if (end->on_shelf)
                end->on_shelf(end->arg, parcel.number, r == SHELF_CHANGED);
}

static const struct link_fns end_fns = { end_message, end_lost };

int shelf_end_new_take(struct event_base *base, int fd, const struct catalog *catalog,
                       void (*on_shelf)(void *arg, uint64_t number, bool changed), void *arg,
                       struct shelf_end **ret_end)
{
        struct shelf_end *end = calloc(1, sizeof(*end));
        int r;

        if (!end) {
                close(fd);
                return -ENOMEM;
        }
        *end = (struct shelf_end){ NULL, catalog, on_shelf, arg };
        r = link_new_take(base, fd, &end_fns, end, &end->link);
        if (r < 0)
                free(end);
        else
                *ret_end = end;
        return r;
}

void shelf_end_free(struct shelf_end *end)
{
        if (!end)
                return;
        link_free(end->link);
        free(end);
}

void shelf_end_free_up(struct shelf_end *end, uint64_t number)
{
        say(end, PARCEL_FREE, number);
}

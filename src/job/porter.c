/* Theory of operation: a list of questions, of which there are few; the packer bounds how many it takes. */
#include "job/porter.h"
#include "job/link.h"
#include "runtime/catalog.h"
#include "util/fdio.h"
#include "util/log.h"

#include <stdio.h>
#include <sys/queue.h>

enum { QUESTIONS_MAX = 1024 };

struct question {
        TAILQ_ENTRY(question) entry;
        uint64_t ticket;
        porter_fn fn;
        void *arg;
};

struct porter {
        struct event_base *base;
        const struct catalog *catalog;
        void (*on_shelf)(void *arg);
        void *arg;
        struct link *link; /* NULL: the packer is gone */
        uint64_t last_ticket;
        TAILQ_HEAD(, question) questions;
        size_t n_questions;
};

struct porter *porter_new(struct event_base *base, const struct catalog *catalog, void (*on_shelf)(void *arg),
                          void *arg)
{
        struct porter *porter = calloc(1, sizeof(*porter));

        if (!porter)
                return NULL;
        porter->base = base;
        porter->catalog = catalog;
        porter->on_shelf = on_shelf;
        porter->arg = arg;
        TAILQ_INIT(&porter->questions);
        return porter;
}

static struct question *find(struct porter *porter, uint64_t ticket)
{
        struct question *question;

        TAILQ_FOREACH(question, &porter->questions, entry)
        if (question->ticket == ticket)
                return question;
        return NULL;
}

static void question_free(struct porter *porter, struct question *question)
{
        TAILQ_REMOVE(&porter->questions, question, entry);
        porter->n_questions--;
        free(question);
}

static void answer(struct porter *porter, struct question *question, int status, struct view body)
{
        struct question copy = *question;

        question_free(porter, question);
        copy.fn(copy.arg, status, body);
}

static void lost(void *arg)
{
        struct porter *porter = arg;
        struct question *question;

        link_free(porter->link);
        porter->link = NULL;
        while ((question = TAILQ_FIRST(&porter->questions)))
                answer(porter, question, 503,
                       VIEW("{\"message\":\"the package manager was started anew, try again\"}"));
}

static int answered(struct porter *porter, const struct parcel *parcel, int fd)
{
        struct question *question = find(porter, parcel->number);
        struct view body;
        int r = fdio_map(fd, &body.p, &body.n);

        if (r < 0)
                return r;
        if (question)
                answer(porter, question, (int)parcel->word, body);
        fdio_unmap(body.p, body.n);
        return 0;
}

static int shelved(struct porter *porter, const struct parcel *parcel, int fd)
{
        struct parcel seen = { .kind = PARCEL_SEEN, .number = parcel->number };
        int r = parcel_shelf_take(porter->catalog, fd);

        if (r >= 0 && parcel_send_take(porter->link, &seen, -1) != 0)
                link_break(porter->link);
        if (r >= 0)
                porter->on_shelf(porter->arg);
        return MIN(r, 0);
}

static void on_message(void *arg, const char *p, size_t n, int *fds, size_t n_fds)
{
        struct porter *porter = arg;
        struct parcel parcel;
        int r = parcel_decode(p, n, n_fds, &parcel);

        if (r == 0 && parcel.kind == PARCEL_ANSWER)
                r = answered(porter, &parcel, fds[0]);
        else if (r == 0)
                r = parcel.kind == PARCEL_SHELF ? shelved(porter, &parcel, fds[0]) : -EBADMSG;
        fdio_close_all(fds, n_fds);
        if (r == 0)
                return;
        log_error("the packer sent what cannot be taken apart; its connection is given up");
        lost(porter);
}

static const struct link_fns porter_fns = { on_message, lost };

int porter_connect_take(struct porter *porter, int fd)
{
        if (porter->link)
                lost(porter);
        return link_new_take(porter->base, fd, &porter_fns, porter, &porter->link);
}

void porter_free(struct porter *porter)
{
        struct question *question;

        if (!porter)
                return;
        while ((question = TAILQ_FIRST(&porter->questions)))
                question_free(porter, question);
        link_free(porter->link);
        free(porter);
}

int porter_ask(struct porter *porter, enum parcel_ask what, const char *name, const char *range, porter_fn fn,
               void *arg, uint64_t *ret_ticket)
{
        struct parcel parcel = { .kind = PARCEL_ASK, .number = ++porter->last_ticket, .word = what };
        struct question *question;
        int r;

        if (!porter->link || porter->n_questions >= QUESTIONS_MAX)
                return -EAGAIN;
        snprintf(parcel.name, sizeof(parcel.name), "%s", name);
        snprintf(parcel.range, sizeof(parcel.range), "%s", range);
        question = calloc(1, sizeof(*question));
        if (!question)
                return -ENOMEM;
        r = parcel_send_take(porter->link, &parcel, -1);
        if (r != 0) {
                free(question);
                return r < 0 ? r : -EAGAIN;
        }
        question->ticket = *ret_ticket = parcel.number;
        question->fn = fn;
        question->arg = arg;
        TAILQ_INSERT_TAIL(&porter->questions, question, entry);
        porter->n_questions++;
        return 0;
}

void porter_forget(struct porter *porter, uint64_t ticket)
{
        struct question *question = find(porter, ticket);

        if (question)
                question_free(porter, question);
}

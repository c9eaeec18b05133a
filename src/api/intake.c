/* Theory of operation: everything a thread may need is copied or moved out of the exchange before it begins. */
#include "api/intake.h"
#include "api/exchange.h"
#include "api/front.h"

#include <stdio.h>

enum { READ_ON_THREAD = 64 * 1024 };

static void intake_free(struct intake *intake)
{
        if (intake->has_job)
                job_deinit(&intake->job);
        if (intake->more)
                intake->more_free(intake->more);
        bytes_deinit(&intake->body);
        bytes_deinit(&intake->query);
        free(intake);
}

static void run(struct work *work)
{
        struct intake *intake = (struct intake *)work;

        intake->r = 0;
        intake->read(intake);
        bytes_deinit(&intake->body);
}

static void done(struct work *work)
{
        struct intake *intake = (struct intake *)work;
        struct exchange *exchange = work->owner;

        if (exchange) {
                exchange->work = NULL;
                exchange_drop_body(exchange);
                intake->ready(exchange, intake);
        }
        intake_free(intake);
}

void intake_begin(struct exchange *exchange, void (*read)(struct intake *intake),
                  void (*ready)(struct exchange *exchange, struct intake *intake))
{
        const struct http1_request *request = &exchange->http.request;
        struct view type = http1_field(request, "Content-Type");
        struct intake *intake = calloc(1, sizeof(*intake));

        if (!intake) {
                exchange_fail(exchange, 500, "out of memory");
                return;
        }
        *intake = (struct intake){ .work = { .run = run, .done = done },
                                   .front = exchange->front,
                                   .r = -ECANCELED, /* until it has been run */
                                   .query = BYTES_INIT(HTTP1_LINE_MAX),
                                   .read = read,
                                   .ready = ready };
        snprintf(intake->type, sizeof(intake->type), "%.*s", (int)type.n, type.p ? type.p : "");
        if (bytes_add(&intake->query, request->query.p, request->query.n) < 0) {
                intake_free(intake);
                exchange_fail(exchange, 500, "out of memory");
                return;
        }
        intake->body = exchange_take_body(exchange);
        if (intake->body.n >= READ_ON_THREAD) {
                exchange_work(exchange, &intake->work);
                return;
        }
        intake->work.owner = exchange;
        run(&intake->work);
        done(&intake->work);
}

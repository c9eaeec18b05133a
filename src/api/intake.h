#pragma once

/*
 * Intake: the body of a request on its way to becoming a job.  Small bodies are read at once, large ones on a thread
 * (api/pool.h), so that nobody else waits for them.
 */

#include "api/fields.h"
#include "api/pool.h"
#include "job/job.h"
#include "util/err.h"

struct exchange;
struct front;

enum { INTAKE_TYPE_MAX = 256 };

struct intake {
        struct work work;
        const struct front *front;
        struct bytes body;
        struct bytes query;
        char type[INTAKE_TYPE_MAX]; /* Content-Type, "" without */
        /* The outcome of read(): */
        int r; /* 0, an HTTP status with err.text, or -errno */
        struct err err;
        struct job job;
        bool has_job;
        void *more; /* the door's own, NULL: nothing */
        void (*more_free)(void *more);
        /* @read must not touch the exchange; @ready is called on the loop while the client is still there. */
        void (*read)(struct intake *intake);
        void (*ready)(struct exchange *exchange, struct intake *intake);
};

/* The body of @exchange; ends in a call of @ready, or in nothing when the client has gone. */
void intake_begin(struct exchange *exchange, void (*read)(struct intake *intake),
                  void (*ready)(struct exchange *exchange, struct intake *intake));

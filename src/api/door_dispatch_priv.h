#pragma once

/* Dispatcher: its words, in and out. */

#include "api/intake.h"
#include "job/desk.h"

struct json_out;

#define DISPATCH_DOOR "dispatch"

/* `more` of an intake that read a request.  The views of the cases lie in `root`. */
struct dispatch_request {
        struct entry_head head;
        struct bytes memo;
        json_t *root;
        struct order_case *cases;
        size_t n_cases;
};

struct dispatch_results {
        struct outcome *outcomes;
        size_t n;
};

/* For intake_begin(): `more` becomes one of the above, and the job what our own runner could run of it. */
void dispatch_read_request(struct intake *intake);
void dispatch_read_results(struct intake *intake);

/* The results of a job that has ended, from what became of it and its memo.  0 or -errno. */
int dispatch_render(struct json_out *json, const struct desk_entry *entry) MUST_USE;

/*
 * Bodies of requests, for each door that takes JSON of its own: what is believed becomes a job or an order that can be
 * framed; what is not is refused with a status and a sentence.  The first byte says which door.
 */
#include "api/door_dispatch_priv.h"
#include "api/door_exec_priv.h"
#include "api/door_jobs.h"
#include "api/door_piston.h"
#include "api/exchange.h"
#include "api/front.h"
#include "config/config.h"
#include "fuzz.h"
#include "job/wire.h"
#include "runtime/catalog.h"

static char *words[] = { (char *)"py", NULL };

static struct runtime runtime = { .language = (char *)"python",
                                  .version = (char *)"3.11.2",
                                  .title = (char *)"Python",
                                  .aliases = words,
                                  .extensions = words,
                                  .companions = words + 1,
                                  .stages[STAGE_RUN] = { .argv = words, .n_argv = 1 } };
static struct config config = { .stdin_newline = true,
                                .dispatch_timeout = NSEC_PER_SEC,
                                .exec_timeout = NSEC_PER_SEC,
                                .exec_memory = 64 * MIB };
static const struct catalog catalog = { .runtimes = &runtime, .n_runtimes = 1 };
static const struct front front = { .config = &config, .catalog = &catalog };

static void must_tell(int r, const struct err *err)
{
        must(r == 0 || r == -ENOMEM || (r >= 400 && r < 500 && err->text[0]));
}

static void must_frame(const struct order *order)
{
        struct bytes bytes = BYTES_INIT(64 * MIB);
        struct order_read read;
        struct err err = { "" };

        must(order_encode(order, &bytes) == 0);
        must(order_decode(bytes_view(&bytes), &catalog, &read, &err) == 0);
        must(read.has_job == (order->job != NULL));
        order_read_deinit(&read);
        bytes_deinit(&bytes);
}

static void piston(struct view body)
{
        struct err err = { "" };
        struct wire_message message = WIRE_MESSAGE_INIT;
        struct job job;
        int r = door_piston_parse(body, &config, &catalog, &job, &err);

        must_tell(r, &err);
        if (r != 0)
                return;
        must(wire_job_encode(&job, 1, false, &message, &err) == 0);
        wire_message_deinit(&message);
        job_deinit(&job);
}

static void jobs(struct view body, bool is_batch)
{
        struct jobs_request *request = NULL;
        struct err err = { "" };
        int r = jobs_parse(body, is_batch, &front, &request, &err);

        must_tell(r, &err);
        for (size_t i = 0; r == 0 && i < request->n; i++)
                must_frame(&request->orders[i]);
        if (r == 0)
                jobs_request_free(request);
}

static void set(struct view body)
{
        struct jobs_item item = { 0 };
        struct bytes bytes = BYTES_INIT(64 * MIB);
        struct err err = { "" };
        uint32_t count;
        size_t n = 0;
        int r = jobs_parse_set(body, &item, &n, &err);

        must_tell(r, &err);
        if (r == 0) {
                must(order_cases_encode(item.cases, n, &bytes) == 0);
                must(order_cases_count(bytes_view(&bytes), &count) == 0 && count == n);
        }
        bytes_deinit(&bytes);
        jobs_item_deinit(&item);
}

static void draft(const struct intake *intake, const json_t *question)
{
        struct exec_request request = { .kind = EXEC_JUDGE,
                                        .language = BYTES_INIT(64),
                                        .code = BYTES_INIT(64) };
        struct exchange exchange = { .front = &front };
        struct exec_draft made;
        struct err err = { "" };

        must(bytes_add_text(&request.language, "python") == 0 && bytes_add_text(&request.code, "x") == 0);
        if (question || intake->r == 0) {
                const struct exec_request *asked = question ? &request : intake->more;
                bool missing = !question && asked->kind == EXEC_JUDGE;
                int r = exec_draft_make(&made, &exchange, asked, question, missing, &err);

                must_tell(r, &err);
                if (r == 0)
                        must_frame(&made.order);
                exec_draft_deinit(&made);
        }
        exec_request_deinit(&request);
}

/* What is read on a thread: its reader, then what the loop makes of it. */
static void intake(struct view body, void (*read)(struct intake *intake))
{
        struct intake one = { .front = &front, .body = BYTES_INIT(body.n), .type = "application/json" };

        must(bytes_add(&one.body, body.p, body.n) == 0);
        read(&one);
        must_tell(one.r, &one.err);
        if (read == exec_read_run || read == exec_read_generate || read == exec_read_inputs)
                draft(&one, NULL);
        if (read == exec_read_question && one.r == 0)
                draft(&one, one.more);
        if (one.more)
                one.more_free(one.more);
        if (one.has_job)
                job_deinit(&one.job);
        bytes_deinit(&one.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static void (*const readers[])(struct intake * intake) = {
                dispatch_read_request, dispatch_read_results, exec_read_run,
                exec_read_generate,    exec_read_inputs,      exec_read_question,
        };
        struct view body = { (const char *)data + 1, size - 1 };
        size_t which = size > 0 ? data[0] - (size_t)'0' : 0;

        for (int stage = 0; stage < STAGE_COUNT; stage++) {
                fuzz_limits(&config.limits[stage]);
                fuzz_limits(&runtime.limits[stage]);
        }
        if (size == 0 || which >= 4 + ARRAY_LEN(readers))
                return 0;
        if (which == 0)
                piston(body);
        else if (which <= 2)
                jobs(body, which == 2);
        else if (which == 3)
                set(body);
        else
                intake(body, readers[which - 4]);
        return 0;
}

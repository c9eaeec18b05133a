#pragma once

/* Exec v1: its words, in and out. */

#include "api/intake.h"
#include "job/desk.h"
#include "util/json_out.h"

struct exchange;
struct front;
struct reply;

#define EXEC_DOOR       "exec"
#define EXEC_ADMIN_DOOR "exec-admin" /* runs of the admin routes: in no list */
#define EXEC_DRAWER     "questions"

enum {
        EXEC_BODY_MAX = 4 * 1024 * 1024,
        EXEC_ID_TEXT = 21, /* 20 characters, as the original's, and a NUL */
};

enum exec_kind {
        EXEC_RUN,      /* a program for itself */
        EXEC_JUDGE,    /* against the cases of a question */
        EXEC_GENERATE, /* what it prints for each input becomes what is expected */
        EXEC_INPUTS,   /* it prints inputs */
        EXEC_KIND_COUNT,
};

/* ---- requests ---- */

/* `more` of an intake. */
struct exec_request {
        enum exec_kind kind;
        struct bytes language, code, question_id;
        json_t *args;   /* array of strings, or NULL */
        json_t *inputs; /* likewise */
};

void exec_request_deinit(struct exec_request *request);

/* For intake_begin(). */
void exec_read_run(struct intake *intake);
void exec_read_generate(struct intake *intake);
void exec_read_inputs(struct intake *intake);

/* `more` is a question (json_t), normalized. */
void exec_read_question(struct intake *intake);

/* ---- drafts: a request on its way to an order ---- */

struct exec_draft {
        struct order order; /* points into the rest */
        struct job job;
        bool has_job;
        struct bytes memo;
        json_t *cases; /* array; the views of `list` lie in it */
        struct order_case *list;
};

/*
 * Make the order.  @question: the question's JSON, NULL where none is asked for; @missing: it is asked for and not
 * there.  What can be no job becomes one that ends with the reason.  0, an HTTP status with text, or -errno.
 */
int exec_draft_make(struct exec_draft *draft, const struct exchange *exchange,
                    const struct exec_request *request, const json_t *question, bool missing,
                    struct err *err) MUST_USE;
void exec_draft_deinit(struct exec_draft *draft);

/* A new id, in the order of time: seconds, then 64 random bits. */
void exec_id_make(char ret_id[EXEC_ID_TEXT]);

/* May this be the name of a question? */
bool exec_question_id_ok(struct view id);

/* ---- answers ---- */

/* The submission as an object.  0 or -errno. */
int exec_render(struct json_out *json, const struct desk_entry *entry) MUST_USE;

/* The question as everybody may see it, or @whole. */
void exec_render_question(struct json_out *json, const json_t *question, bool whole);

void exec_fail(struct exchange *exchange, int status, const char *message);
void exec_reply(struct exchange *exchange, struct bytes *body, struct json_out *json);

/* What the ledger may say to any request; true when it was that, and the exchange is answered. */
bool exec_refused(struct exchange *exchange, const struct desk_answer *answer);

/* Does the request carry the admin key?  @demand: if not, it has been answered. */
bool exec_is_admin(struct exchange *exchange, bool demand);

/* Hand in what was read and answer; @brief: with the id alone. */
void exec_submit(struct exchange *exchange, struct intake *intake, bool brief);

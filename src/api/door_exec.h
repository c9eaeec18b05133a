#pragma once

/*
 * Exec v1: programs handed in, asked for later, judged by the test cases of questions that are kept here.
 * docs/decisions/0012 tells where it differs from the original.
 */

struct exchange;

void door_exec_spec(struct exchange *exchange);        /* GET /v1/spec */
void door_exec_exec(struct exchange *exchange);        /* POST /v1/exec?wait= */
void door_exec_submissions(struct exchange *exchange); /* GET /v1/submissions */
void door_exec_submission(struct exchange *exchange);  /* GET /v1/submissions/{id}?wait= */
void door_exec_questions(struct exchange *exchange);   /* GET /v1/questions */
void door_exec_question(struct exchange *exchange);    /* GET /v1/questions/{id} */

/* Behind the admin key: */
void door_exec_question_add(struct exchange *exchange);    /* POST /v1/admin/questions */
void door_exec_question_put(struct exchange *exchange);    /* PUT /v1/admin/questions/{id} */
void door_exec_question_drop(struct exchange *exchange);   /* DELETE /v1/admin/questions/{id} */
void door_exec_generate(struct exchange *exchange);        /* POST /v1/admin/generate */
void door_exec_generate_inputs(struct exchange *exchange); /* POST /v1/admin/generate-inputs */
void door_exec_logs(struct exchange *exchange);            /* GET /v1/admin/logs */

#pragma once

/*
 * Dispatcher: jobs with tests are handed in, outside runners take them by language, post what came out, and clients poll for
 * it.  Our own runner takes what it has a runtime for.  docs/decisions/0008 tells where it differs from the original.
 */

struct exchange;

void door_dispatch_run(struct exchange *exchange);    /* POST /run?local= */
void door_dispatch_status(struct exchange *exchange); /* GET /status/{id}?wait= */
void door_dispatch_next(struct exchange *exchange);   /* GET /queue/next?lang=&wait=&lease= */
void door_dispatch_renew(struct exchange *exchange);  /* POST /renew/{id}?lease=&seconds= */
void door_dispatch_result(struct exchange *exchange); /* POST /result/{id}?lease= */
void door_dispatch_method(struct exchange *exchange); /* every other method of these */

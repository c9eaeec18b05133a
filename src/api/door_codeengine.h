#pragma once

/*
 * CodeEngine: POST /execute, one program in, what it printed out, stdout and stderr as one stream in the order in which they
 * were written.  docs/decisions/0007 tells where it differs from the original.
 */

struct exchange;

void door_codeengine_execute(struct exchange *exchange);

/* Every other method of its path. */
void door_codeengine_method(struct exchange *exchange);

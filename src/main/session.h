#pragma once

/* Session: a launch over WebSocket: output as it comes; our stdin and the signals we get are the program's. */

#include <jansson.h>

struct launch;

/* Run @body, the object of request_object(); it becomes an "init".  The exit status. */
int session(const struct launch *launch, json_t *body);

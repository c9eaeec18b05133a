#pragma once

/* The upgrade from HTTP to WebSocket (RFC 6455, version 13), read as strictly as the rest of a request head. */

#include "util/base.h"
#include "util/bytes.h"

struct http1_request;

enum { WEBSOCKET_ACCEPT_MAX = 32 };

/*
 * May this request become a WebSocket?  0 and the value of Sec-WebSocket-Accept, or the status that refuses it with
 * *ret_reason.  @origins: whose pages may connect, commas between, "*" for any; who sends no Origin is no browser and
 * may.  No extension is ever accepted.
 */
int websocket_handshake(const struct http1_request *request, const char *origins,
                        char ret_accept[WEBSOCKET_ACCEPT_MAX], const char **ret_reason) MUST_USE;

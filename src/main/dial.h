#pragma once

/*
 * Dial: the client's end of a WebSocket: whole text messages out and in, over the socket (with TLS where the URL says https)
 * that libcurl connects.  Never blocks after dial_open().
 */

#include "util/bytes.h"

struct dial;
struct err;

enum {
        DIAL_CLOSED = 1, /* the other end has said goodbye, or is gone */
};

/* Connect to @path of @url with the API key @key (NULL: without one) and upgrade; NULL with a sentence. */
struct dial *dial_open(const char *url, const char *key, const char *path, struct err *err) MUST_USE;
void dial_free(struct dial *dial);

/* Queue one message. */
int dial_say(struct dial *dial, struct view text, struct err *err) MUST_USE;

/* What to wait for: the descriptor, and its POLLIN and POLLOUT. */
int dial_fd(const struct dial *dial);
short dial_events(const struct dial *dial);

/* How many bytes have been said and are still to be sent. */
size_t dial_backlog(const struct dial *dial);

/* Send and read what can be without waiting; @on_text gets each message.  0, DIAL_CLOSED, or -errno with a sentence. */
int dial_step(struct dial *dial, void (*on_text)(void *arg, struct view text), void *arg,
              struct err *err) MUST_USE;

/* The code of the goodbye (0: there was none) and its reason. */
unsigned dial_goodbye(const struct dial *dial, const char **ret_reason);

#pragma once

/* Listen: open the sockets of bind_address, while we may still take low ports. */

#include "util/base.h"

struct err;

enum { LISTEN_MAX = 16 };

/*
 * Open every address of @list ("127.0.0.1:2000,[::1]:2000,:8080"; a name stands for all it resolves to; no host: every
 * address of the machine).  An error names the address and what to do.
 */
int listen_open(const char *list, int ret_fds[LISTEN_MAX], size_t *ret_n, struct err *err) MUST_USE;

/* Can only programs of this machine connect to it? */
bool listen_is_local(int fd);

/* "http://127.0.0.1:2000" of a listening socket, for people. */
void listen_url(int fd, char *url, size_t room);

#pragma once

/*
 * WebSocket: one connection after its upgrade: whole messages in, whole messages out.
 *
 * Everything a client can make grow has an end: a message (websocket_message_limit), the answers it does not take (it is
 * closed with 1008 when it takes nothing for write_timeout, or lets too much pile up), its pings, and its silence (it is
 * pinged, and closed when nothing at all comes for idle_timeout).
 */

#include "util/base.h"
#include "util/bytes.h"

struct exchange;
struct server;
struct websocket;

struct websocket_fns {
        /* A whole message; it may be taken over.  May close. */
        void (*on_message)(void *arg, struct bytes *message);
        /* Asked for with websocket_want_room(): little is left that the client has not taken. */
        void (*on_room)(void *arg);
        /* Keys were taken away: close when its own is. */
        void (*on_keys)(void *arg);
        /* The server stops: close, now or when what is under way is done. */
        void (*on_drain)(void *arg);
        /* The client has gone.  The last call; none comes after websocket_close(). */
        void (*on_gone)(void *arg);
};

/*
 * Answer the exchange with the upgrade, or refuse it; either ends it.  NULL when it was refused.  Nothing is
 * called before the loop runs again, so there is time for websocket_attach().
 */
struct websocket *websocket_accept(struct exchange *exchange);
void websocket_attach(struct websocket *ws, const struct websocket_fns *fns, void *arg);

/* Send one text message. */
void websocket_send(struct websocket *ws, struct view text);

/* Send what was said so far, then @code and @reason; the websocket is no longer the caller's. */
void websocket_close(struct websocket *ws, unsigned code, const char *reason);

/* Stop reading, or go on; messages that were read already still come: at most a few, besides 64 KiB. */
void websocket_pause(struct websocket *ws, bool paused);

/* Is little enough waiting for the client that more may be said? */
bool websocket_has_room(const struct websocket *ws);
void websocket_want_room(struct websocket *ws);

/* Keys were taken away; the server drains; the server ends. */
void websocket_cut_gone(struct server *server);
void websocket_drain_all(struct server *server);
void websocket_abort_all(struct server *server);

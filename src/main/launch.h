#pragma once

/* Launch: a program through an engine, with the manners of a local one: its streams, exit status and signal are ours. */

#include "main/request.h"

struct launch {
        struct request request; /* .language may be NULL: the extension of the file says */
        const char *url;
        bool json;        /* print the engine's whole answer instead */
        bool status;      /* say on stderr how each stage ended and what it used */
        bool interactive; /* over WebSocket: output as it comes, our stdin and signals are the program's */
};

/* The exit status. */
int launch(struct launch *launch);

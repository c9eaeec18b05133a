#pragma once

/* The door of /api/v2/connect: a job that is watched and spoken to while it runs. */

struct exchange;

/* In the dialect of ?dialect=, else of the option; in Piston's. */
void door_ws_connect(struct exchange *exchange);
void door_ws_connect_piston(struct exchange *exchange);

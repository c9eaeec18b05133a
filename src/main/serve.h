#pragma once

/*
 * Serve: start front, runner, warden and keepers of one machine and supervise them until SIGINT or SIGTERM.
 * Returns the exit status of the process: 0 after a clean end, 1 after a failed start, whose sentence has been
 * written to stderr.
 */

struct config;

int serve(const struct config *config);

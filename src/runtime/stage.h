#pragma once

/* The stages a plan can have, in the order they run. */
enum stage { STAGE_COMPILE, STAGE_RUN, STAGE_COUNT };

/* "compile", "run" */
const char *stage_name(enum stage stage);

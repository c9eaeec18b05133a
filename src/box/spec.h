#pragma once

/*
 * Spec: everything a box needs to know to run one stage, as plain data; report: what became of it.
 * Down once, up once: the runner sends one order to a slot's keeper and gets one report.
 *
 * The spec is a fixed struct followed by `words_bytes` bytes of NUL-terminated words: first the
 * arguments, then the environment.  The keeper checks every number of the struct against spec.def and
 * never looks at the words; the box itself, without any privilege left, takes them apart.
 * All times are nanoseconds, all sizes bytes.
 */

#include "box/slot.h"

enum {
        SPEC_MAGIC = 0x63727371, /* "crsq": also the version; changes with the layout */
        REPORT_MAGIC = 0x63727271,
        SPEC_WORDS_BYTES = 61440, /* one SOCK_SEQPACKET message stays below 64 KiB */
};

enum order {
        ORDER_RUN = 1, /* spec, words, descriptors */
        ORDER_KILL,    /* end the running box; `number` is an enum report_end given back in the report */
        ORDER_SIGNAL,  /* deliver signal `number` to the program */
};

/* Descriptors that travel with ORDER_RUN, in this order; absent ones at the end are left out. */
enum box_fd {
        BOX_FD_STDIN,
        BOX_FD_STDOUT,
        BOX_FD_STDERR,
        BOX_FD_FILES,    /* sealed memfd with a pack (util/pack.h) to place in /box/submission */
        BOX_FD_ARTEFACT, /* pipe that takes a pack of /box/submission after the program exited with 0 */
        BOX_FD_COUNT,
};

enum {
        SPEC_HAS_FILES = 1 << 0,
        SPEC_HAS_ARTEFACT = 1 << 1,
        SPEC_FLAGS_ALL = (1 << 2) - 1,
};

struct box_spec {
        uint32_t magic;
        uint32_t order;
        uint64_t job; /* given back in the report */
        uint32_t number;
#define SPEC_U32(field, least, most) uint32_t field;
#define SPEC_U64(field, least, most) uint64_t field;
#include "box/spec.def"
#undef SPEC_U32
#undef SPEC_U64
};

/* How a box ended.  Only EXITED speaks of the program's own doing. */
enum report_end {
        END_READY,     /* not an end: the slot's next box is prepared; sent once per box, before its order */
        END_EXITED,    /* the program ended by itself: see wait_status */
        END_WALL,      /* killed: wall-clock time */
        END_CPU,       /* killed: CPU time */
        END_KILLED,    /* killed by ORDER_KILL without a reason of its own */
        END_STDOUT,    /* killed by ORDER_KILL: stdout over its limit */
        END_STDERR,    /* killed by ORDER_KILL: stderr over its limit */
        END_CANCELLED, /* killed by ORDER_KILL: nobody waits for the answer */
        END_EXEC,      /* execve failed: errno in `error` */
        END_FILES,     /* a file of the pack could not be placed: errno in `error` */
        END_SETUP,     /* the engine failed to build the box: step and errno */
        END_LOST,      /* the box vanished without a word: killed from outside */
        END_REFUSED,   /* the spec was out of bounds or came at the wrong time */
        END_COUNT,
};

enum {
        REPORT_DISK_FULL = 1 << 0, /* a tmpfs of the box had no free block left at the end */
        REPORT_INODES_FULL = 1 << 1,
        REPORT_FORBIDDEN = 1 << 2, /* ended by SIGSYS: a forbidden system call */
        REPORT_WARM = 1 << 3,      /* the program had been started before its order came */
};

struct box_report {
        uint32_t magic;
        uint32_t end; /* enum report_end */
        uint64_t job;
        int32_t wait_status; /* as waitpid(2) gives it; of the program */
        int32_t step;        /* END_SETUP: row of the step table */
        int32_t error;
        uint32_t flags;
        uint64_t start_ns; /* CLOCK_MONOTONIC when the order reached the keeper */
        uint64_t wall_ns;
        uint64_t prepare_ns;    /* making the box, mostly before the order came */
        uint64_t spawn_ns;      /* from the order to the program; told from inside the box */
        uint64_t cpu_ns;        /* from the cgroup */
        uint64_t memory_bytes;  /* peak, from the cgroup, the empty box taken off */
        uint64_t oom_kills;     /* from the cgroup */
        uint32_t warm;          /* END_READY: the program of the slot's table that waits in the box, or 0 */
        uint64_t fork_failures; /* times the process limit was hit, from the cgroup */
};

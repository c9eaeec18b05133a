#pragma once

/*
 * Slot: what the warden hands to a new keeper, as plain data.
 *
 * The keeper is a separate static program; it finds the boot data in a sealed memfd at SLOT_FD_BOOT, its socket at
 * SLOT_FD_SOCKET and its cgroup files from SLOT_FD_ACCOUNT on, in the order of enum account_fd.
 */

#include "util/base.h"

#include <linux/filter.h>

enum {
        SLOT_MAGIC = 0x63727362, /* "crsb" */
        SLOT_FD_BOOT = 3,
        SLOT_FD_SOCKET = 4,
        SLOT_FD_ACCOUNT = 5,
        SLOT_FILTER_MAX = 2048, /* instructions of one filter */
        SLOT_FILTERS = 3,       /* filter.h: allow-list, refusals by argument, by several of them */
        SLOT_DIRECTORIES_MAX = 2048,
        SLOT_IMAGES_MAX = 16, /* roots a slot can have besides its own */
        SLOT_IMAGE_PATH_MAX = 384,
        SLOT_WARM_MAX = 40, /* programs a slot may keep warm (warm.h) */
        SLOT_WARM_WORDS = 768,
        SLOT_WARM_PRELUDE = 1024,
        SLOT_WARM_DOOR = 64,
};

/* Where installed packages are, seen from a box. */
#define SLOT_PACKAGES "/piston/packages"

/* And what was prepared for toolchains of the host. */
#define SLOT_PREPARED "/coderunr/prepared"

/* Step whose failure the warden reports; see steps.def. */
enum step {
#define STEP(NAME, text) STEP_##NAME,
#include "box/steps.def"
#undef STEP
        STEP_COUNT
};

/* The cgroup files a keeper works with.  On v1 they belong to the slot's groups, which the keeper lives in; where
 * a controller is on v2 its files are opened anew in each box's own group below ACCOUNT_V2. */
enum account_fd {
        ACCOUNT_V2,            /* the slot's directory in the v2 tree */
        ACCOUNT_MEMORY_LIMIT,  /* v1 memory.limit_in_bytes */
        ACCOUNT_MEMORY_SWAP,   /* v1 memory.memsw.limit_in_bytes; absent without swap accounting */
        ACCOUNT_MEMORY_USAGE,  /* v1 memory.usage_in_bytes */
        ACCOUNT_MEMORY_KERNEL, /* v1 memory.kmem.usage_in_bytes; absent where the kernel does not tell */
        ACCOUNT_MEMORY_PEAK,   /* v1 memory.max_usage_in_bytes */
        ACCOUNT_MEMORY_OOM,    /* v1 memory.oom_control */
        ACCOUNT_MEMORY_EVENT,  /* v1 an eventfd that counts times the group ran out of memory */
        ACCOUNT_PIDS_MAX,      /* v1 pids.max */
        ACCOUNT_PIDS_EVENTS,   /* v1 pids.events */
        ACCOUNT_CPU_USAGE,     /* v1 cpuacct.usage */
        ACCOUNT_CPU_QUOTA,     /* v1 cpu.cfs_quota_us, its period set; absent where the kernel has none */
        ACCOUNT_FD_COUNT,
};

/* Over which a share of the processors is kept: 5 % are a millisecond of it. */
enum { SLOT_CPU_PERIOD_US = 20000 };

enum { CONTROLLER_MEMORY, CONTROLLER_PIDS, CONTROLLER_CPU, CONTROLLER_COUNT };

/* For keepers built with CODERUNR_FAULTS only: make a step fail. */
struct slot_fault {
        uint32_t step;     /* STEP_NONE: no fault */
        uint32_t error;    /* errno; 0: SIGKILL to the process that comes by */
        uint32_t delay_ms; /* not 0: the step is only late */
        uint32_t times;
};

enum slot_warm_by {
        SLOT_WARM_FORK = 1, /* a zygote with the keeper's powers forks it into a prepared box */
        SLOT_WARM_PARK,     /* started in its prepared box, where it waits */
};

/* A program that may be started before its order is known (warm.h): its words are a manifest's, none a stranger's. */
struct slot_warm {
        uint32_t by;      /* enum slot_warm_by */
        uint32_t image;   /* whose program it is: 0 the host's, n the n-th image's, which is parked only */
        uint32_t at_read; /* it opens its door early: it is stopped where it reads on */
        uint64_t memory_bytes; /* bounds of one that is parked, until its order names others */
        uint64_t processes;
        uint32_t collects; /* parked, and what it leaves is wanted: a process beside it waits to pack that */
        uint32_t n_args;
        uint32_t n_env;
        uint32_t words_bytes;
        char words[SLOT_WARM_WORDS]; /* as in an order: arguments, then environment, NUL behind each */
        char door[SLOT_WARM_DOOR];   /* the file whose first use means: ready for the order */
        char prelude
                [SLOT_WARM_PRELUDE]; /* run by a zygote or a parked Node once, in its own language; "": none */
};

struct slot_boot {
        uint32_t magic;
        uint32_t index;
        uint32_t slot_uid;                        /* user and group of the programs, outside */
        uint32_t init_uid;                        /* user and group of the box's first process, outside */
        uint32_t cpus;                            /* online: bounds how fast CPU time can be used up */
        uint32_t account_mask;                    /* bit n: descriptor SLOT_FD_ACCOUNT+n is there */
        uint32_t controller_v2[CONTROLLER_COUNT]; /* 1: this controller is on v2 */
        uint64_t disk_bytes; /* size of the tmpfs of a box prepared before its order is known */
        uint64_t inodes;
        struct slot_fault fault;
        uint32_t n_filter[SLOT_FILTERS];
        struct sock_filter filter[SLOT_FILTERS][SLOT_FILTER_MAX];
        char root[256]; /* empty directory to build the slot's root on */
        uint32_t n_images;
        char images[SLOT_IMAGES_MAX][SLOT_IMAGE_PATH_MAX]; /* folders with the files of an image each */
        char library[256];     /* the file that keeps interpreters warm; "": none are */
        uint64_t warm_idle_ms; /* how long a program waits for an order before it is let go */
        uint32_t n_warm;
        struct slot_warm warm[SLOT_WARM_MAX];
        char prepared[256]; /* as packages, shown as SLOT_PREPARED */
        char packages[256]; /* folder shown as SLOT_PACKAGES unless it is empty; "": none */
        char directories
                [SLOT_DIRECTORIES_MAX]; /* further toolchain folders, NUL between, empty word at the end */
};

#pragma once

/*
 * Checks: every protection, controller and kernel feature, asked one by one by using it (checks.def).
 *
 * A probe uses the feature in a forked child or on a detached object, so that nothing is left behind whatever the
 * answer.  Call from a process with one thread.
 */

#include "util/base.h"

struct err;

enum check_weight { CHECK_REQUIRED, CHECK_ADVISED };

enum check {
#define CHECK(NAME, id, WEIGHT, title, lost, mend) CHECK_##NAME,
#include "box/checks.def"
#undef CHECK
        CHECK_COUNT
};

struct check_row {
        const char *id;
        enum check_weight weight;
        const char *title;
        const char *lost;
        const char *mend;
};

extern const struct check_row check_rows[CHECK_COUNT];

/* What only the asker knows. */
struct checks_ask {
        const char *data_directory; /* need not exist yet */
        uint64_t uid_base;
        uint64_t n_uids;
        size_t n_runtimes;
        const char *cgroup_parent; /* as in hierarchy.h */
};

struct check_answer {
        bool ok;
        char found[200]; /* what is there, or what is wrong; one line */
};

/* Ask everything. */
void checks_run(const struct checks_ask *ask, struct check_answer ret_answers[CHECK_COUNT]);

/*
 * Ask the required rows up to the first that is missing.  Returns 0, or -ENOTSUP with a sentence that names it, what is
 * lost without it, and what mends it.
 */
int checks_required_failed(const struct checks_ask *ask, struct err *err) MUST_USE;

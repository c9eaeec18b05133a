/*
 * The table of probes and the two ways to ask it.  The probes themselves: checks_kernel.c uses features, checks_host.c
 * reads what the host says of itself, checks_cgroup.c looks for controllers.
 */
#include "box/checks.h"
#include "box/checks_priv.h"
#include "util/err.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

const struct check_row check_rows[CHECK_COUNT] = {
#define CHECK(NAME, id, WEIGHT, title, lost, mend)                                                           \
        [CHECK_##NAME] = { #id, CHECK_##WEIGHT, title, lost, mend },
#include "box/checks.def"
#undef CHECK
};

static const check_probe_fn probes[CHECK_COUNT] = {
#define CHECK(NAME, id, WEIGHT, title, lost, mend) [CHECK_##NAME] = check_probe_##id,
#include "box/checks.def"
#undef CHECK
};

static void ask_one(const struct checks_ask *ask, enum check which, struct check_answer *ret_answer)
{
        ret_answer->found[0] = '\0';
        ret_answer->ok = probes[which](ask, ret_answer->found);
}

void checks_run(const struct checks_ask *ask, struct check_answer ret_answers[CHECK_COUNT])
{
        for (enum check i = 0; i < CHECK_COUNT; i++)
                ask_one(ask, i, &ret_answers[i]);
}

int checks_required_failed(const struct checks_ask *ask, struct err *err)
{
        for (enum check i = 0; i < CHECK_COUNT; i++) {
                const struct check_row *row = &check_rows[i];
                struct check_answer answer;

                if (row->weight != CHECK_REQUIRED)
                        continue;
                ask_one(ask, i, &answer);
                if (!answer.ok)
                        return err_set(err, -ENOTSUP, "missing: %s (%s); without it %s; to mend it: %s",
                                       row->title, answer.found, row->lost, row->mend);
        }
        return 0;
}

bool check_found(bool ok, char found[200], const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        vsnprintf(found, 200, format, ap);
        va_end(ap);
        return ok;
}

bool check_read_line(const char *path, char *text, size_t room)
{
        CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, room - 1);

        if (n < 0)
                return false;
        text[n] = '\0';
        text[strcspn(text, "\n")] = '\0';
        return true;
}

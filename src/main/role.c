/*
 * The order matters: the bounding set needs CAP_SETPCAP, the ids need CAP_SETUID and CAP_SETGID, the filter needs
 * no_new_privs once root is gone; each step takes away what the next does not need.
 */
#include "main/role.h"
#include "main/bounds.h"
#include "util/err.h"
#include "util/log.h"

#include <grp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static int by_number(const void *a, const void *b)
{
        return *(const int *)a - *(const int *)b;
}

/* Close every descriptor between the ones to keep. */
static void close_others(const int *keep, size_t n_keep)
{
        int sorted[64];
        unsigned from = STDERR_FILENO + 1;

        must(n_keep <= ARRAY_LEN(sorted));
        memcpy(sorted, keep, n_keep * sizeof(*keep));
        qsort(sorted, n_keep, sizeof(*sorted), by_number);
        for (size_t i = 0; i < n_keep; i++) {
                if (sorted[i] < (int)from)
                        continue;
                if ((unsigned)sorted[i] > from)
                        (void)close_range(from, (unsigned)sorted[i] - 1, 0);
                from = (unsigned)sorted[i] + 1;
        }
        (void)close_range(from, ~0u, 0);
}

static int clear_capabilities(void)
{
        cap_t none = cap_init();
        int r = !none || cap_set_proc(none) < 0 ? -errno : 0;

        cap_free(none);
        return r;
}

static int drop_root(uint32_t uid)
{
        int r = bounds_cut(NULL, 0);

        if (r < 0)
                return r;
        if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
                return -errno;
        return clear_capabilities();
}

/* Threads, never processes: clone() with CLONE_THREAD; clone3() hides its flags behind a pointer, so it is unknown here. */
static int allow_threads(scmp_filter_ctx ctx)
{
        struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
        int r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, &thread);

        return r ? r : seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, NULL);
}

static int load_filter(enum role_kind kind)
{
        scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
        int r = ctx ? 0 : -ENOMEM;

        if (r == 0)
                r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
#define ROLE_ALLOW(call, why)                                                                                \
        if (r == 0 && seccomp_syscall_resolve_name(#call) >= 0)                                              \
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(#call), 0);
#define ROLE_ALLOW_FILES(call, why)                                                                          \
        if (kind != ROLE_PLAIN)                                                                              \
        ROLE_ALLOW(call, why)
#define ROLE_ALLOW_NETWORK(call, why)                                                                        \
        if (kind >= ROLE_NETWORK)                                                                            \
        ROLE_ALLOW(call, why)
#define ROLE_ALLOW_PACKAGES(call, why)                                                                       \
        if (kind == ROLE_PACKAGES)                                                                           \
        ROLE_ALLOW(call, why)
#include "main/role.def"
#undef ROLE_ALLOW_PACKAGES
#undef ROLE_ALLOW_NETWORK
#undef ROLE_ALLOW_FILES
#undef ROLE_ALLOW
        if (r == 0)
                r = allow_threads(ctx);
        if (r == 0)
                r = seccomp_load(ctx);
        seccomp_release(ctx);
        return r;
}

/* As many connections as the hard limit allows; no core with somebody's source in it. */
static void set_limits(void)
{
        struct rlimit files, none = { 0, 0 };

        if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
                files.rlim_cur = files.rlim_max;
                (void)setrlimit(RLIMIT_NOFILE, &files);
        }
        (void)setrlimit(RLIMIT_CORE, &none);
}

static void reset_signals(void)
{
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_IGN);
        signal(SIGINT, SIG_IGN); /* the terminal's reaches the warden, which ends us in order */
}

int role_enter(const char *name, enum role_kind kind, uint32_t uid, const int *keep, size_t n_keep,
               struct err *err)
{
        int r;

        log_open(log_level(), name);
        (void)prctl(PR_SET_NAME, name, 0, 0, 0);
        reset_signals();
        close_others(keep, n_keep);
        set_limits();
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return err_errno(err, -errno, "%s: no_new_privs", name);
        if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
                return err_errno(err, -errno, "%s: keep-capabilities flag", name);
        r = drop_root(uid);
        if (r < 0)
                return err_errno(err, r, "%s: giving up root", name);
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return err_errno(err, -errno, "%s: not dumpable", name);
        r = load_filter(kind);
        return r < 0 ? err_errno(err, r, "%s: system call filter", name) : 0;
}

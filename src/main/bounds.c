/*
 * The warden cannot be as small as a keeper: it makes keepers, and whatever they need at their start must pass through its
 * bounding set.  It parses nothing of a stranger; this is the second lock.
 */
#include "main/bounds.h"
#include "util/err.h"

#include <seccomp.h>
#include <sys/capability.h>
#include <sys/prctl.h>

static const cap_value_t kept[] = {
#define BOUNDS_KEEP(capability, why) capability,
#define BOUNDS_REFUSE(call, why)
#include "main/bounds.def"
#undef BOUNDS_KEEP
#undef BOUNDS_REFUSE
};

int bounds_cut(const cap_value_t *keep, size_t n_keep)
{
        uint64_t mask = 0;

        for (size_t i = 0; i < n_keep; i++)
                mask |= UINT64_C(1) << keep[i];
        for (cap_value_t cap = 0; cap < (cap_value_t)cap_max_bits(); cap++)
                if (!(mask >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
                        return -errno;
        (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        return 0;
}

/* Of the kept ones those we have: a container's root often lacks some, and doctor has said so. */
static int cut_capabilities(void)
{
        cap_t now = cap_get_proc(), next = cap_init();
        int r = now && next ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < ARRAY_LEN(kept); i++) {
                cap_flag_value_t have = CAP_CLEAR;

                if (cap_get_flag(now, kept[i], CAP_PERMITTED, &have) < 0 || have == CAP_CLEAR)
                        continue;
                if (cap_set_flag(next, CAP_PERMITTED, 1, &kept[i], CAP_SET) < 0 ||
                    cap_set_flag(next, CAP_EFFECTIVE, 1, &kept[i], CAP_SET) < 0)
                        r = -errno;
        }
        if (r == 0 && cap_set_proc(next) < 0)
                r = -errno;
        cap_free(now);
        cap_free(next);
        return r;
}

static int load_refusals(void)
{
        scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
        int r = ctx ? 0 : -ENOMEM;

        if (r == 0)
                r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
#define BOUNDS_KEEP(capability, why)
#define BOUNDS_REFUSE(call, why)                                                                             \
        if (r == 0 && seccomp_syscall_resolve_name(#call) >= 0)                                              \
                r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), seccomp_syscall_resolve_name(#call), 0);
#include "main/bounds.def"
        if (r == 0)
                r = seccomp_load(ctx);
        seccomp_release(ctx);
        return r;
}

int bounds_enter(struct err *err)
{
        int r = bounds_cut(kept, ARRAY_LEN(kept));

        r = r ? r : cut_capabilities();
        if (r < 0)
                return err_errno(err, r, "warden: giving up capabilities");
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return err_errno(err, -errno, "warden: no_new_privs");
        r = load_refusals();
        return r < 0 ? err_errno(err, r, "warden: system call filter") : 0;
}

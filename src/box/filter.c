/*
 * Two filters, because one cannot say "allowed except with these arguments" with libseccomp 2.5: the first is the
 * allow-list with ENOSYS for everything unnamed, the second allows everything but the refusals by argument.  The
 * kernel takes the stricter answer, and remembers per call number where both always allow (5.11), so the price per
 * call is nothing for nearly all of them.
 */
#include "box/filter.h"
#include "box/last_filter.h"
#include "util/err.h"

#include <seccomp.h>
#include <sys/mman.h>

/* A call that a newer kernel table names but this architecture lacks (open, fork on arm64) is no error. */
static int rule(scmp_filter_ctx ctx, uint32_t action, const char *name, unsigned n,
                const struct scmp_arg_cmp *args, struct err *err)
{
        int call = seccomp_syscall_resolve_name(name);
        int r;

        if (call == __NR_SCMP_ERROR)
                return err_set(err, -ENOSYS,
                               "seccomp.def names %s, which the installed libseccomp does not know", name);
        if (call < 0)
                return 0;
        r = seccomp_rule_add_array(ctx, action, call, n, args);
        return r < 0 ? err_errno(err, r, "seccomp rule for %s", name) : 0;
}

#define ARGS(...) ((const struct scmp_arg_cmp[]){ __VA_ARGS__ })

static int add_list(scmp_filter_ctx ctx, struct err *err)
{
        int r = 0;

#define ALLOW(call, set) r = r ? r : rule(ctx, SCMP_ACT_ALLOW, #call, 0, NULL, err);
#define SETUP(call)      ALLOW(call, setup)
#define ALLOW_EQ(call, set, arg, value)                                                                      \
        r = r ? r                                                                                            \
              : rule(ctx, SCMP_ACT_ALLOW, #call, 1,                                                          \
                     ARGS(SCMP_CMP32(arg, SCMP_CMP_MASKED_EQ, 0xffffffff, value)), err);
#define REFUSE(call, error, why) r = r ? r : rule(ctx, SCMP_ACT_ERRNO(error), #call, 0, NULL, err);
#define KILL(call, why)          r = r ? r : rule(ctx, SCMP_ACT_KILL_PROCESS, #call, 0, NULL, err);
#define REFUSE_BITS(call, error, arg, mask, value, why)
#define REFUSE_ABOVE(call, error, arg, value, why)
#define REFUSE_WRITE(call, error, arg, value, pointer, why)
#include "box/seccomp.def"
#undef ALLOW
#undef SETUP
#undef ALLOW_EQ
#undef REFUSE
#undef KILL
#undef REFUSE_BITS
#undef REFUSE_ABOVE
#undef REFUSE_WRITE
        return r;
}

static int add_refusals(scmp_filter_ctx ctx, struct err *err)
{
        int r = 0;

#define ALLOW(call, set)
#define SETUP(call)
#define ALLOW_EQ(call, set, arg, value)
#define REFUSE(call, error, why)
#define KILL(call, why)
#define REFUSE_BITS(call, error, arg, mask, value, why)                                                      \
        r = r ? r                                                                                            \
              : rule(ctx, SCMP_ACT_ERRNO(error), #call, 1,                                                   \
                     ARGS(SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, mask, value)), err);
#define REFUSE_ABOVE(call, error, arg, value, why)                                                           \
        r = r ? r                                                                                            \
              : rule(ctx, SCMP_ACT_ERRNO(error), #call, 1, ARGS(SCMP_CMP64(arg, SCMP_CMP_GT, value)), err);
#define REFUSE_WRITE(call, error, arg, value, pointer, why)                                                  \
        r = r ? r                                                                                            \
              : rule(ctx, SCMP_ACT_ERRNO(error), #call, 2,                                                   \
                     ARGS(SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, 0xffffffff, value),                            \
                          SCMP_CMP64(pointer, SCMP_CMP_NE, 0)),                                              \
                     err);
#include "box/seccomp.def"
        return r;
}

static int export(scmp_filter_ctx ctx, struct slot_boot *boot, int which, struct err *err)
{
        CLEANUP(close_fd) int fd = memfd_create("filter", MFD_CLOEXEC);
        off_t size;
        int r;

        if (fd < 0)
                return err_errno(err, -errno, "memfd for the filter");
        r = seccomp_export_bpf(ctx, fd);
        if (r < 0)
                return err_errno(err, r, "seccomp export");
        size = lseek(fd, 0, SEEK_END);
        if (size <= 0 || (size_t)size > sizeof(boot->filter[which]))
                return err_set(err, -E2BIG, "the compiled filter takes %lld bytes, more than a slot can hold",
                               (long long)size);
        if (pread(fd, boot->filter[which], (size_t)size, 0) != size)
                return err_errno(err, -EIO, "reading the compiled filter");
        boot->n_filter[which] = (uint32_t)((size_t)size / sizeof(struct sock_filter));
        return 0;
}

static int build(struct slot_boot *boot, int which, struct err *err)
{
        scmp_filter_ctx ctx = seccomp_init(which == 0 ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_ALLOW);
        int r;

        if (!ctx)
                return err_set(err, -ENOMEM, "libseccomp gave no filter");
        (void)seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
        (void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree instead of a list */
        r = which == 0 ? add_list(ctx, err) : add_refusals(ctx, err);
        r = r ? r : export(ctx, boot, which, err);
        seccomp_release(ctx);
        return r;
}

int filter_build(struct slot_boot *boot, struct err *err)
{
        int r = build(boot, 0, err);

        memcpy(boot->filter[2], socket_filter, socket_filter_n * sizeof(*socket_filter));
        boot->n_filter[2] = socket_filter_n;
        return r ? r : build(boot, 1, err);
}

/*
 * The slot, made once by its keeper: namespaces, loopback, root, privileges, filter.  After the last row the keeper holds
 * the few capabilities that making boxes takes, sees nothing of the host, and can open no path of it.
 */
#include "box/slot.h"
#include "box/keeper.h"
#include "box/mounts.h"
#include "box/network.h"
#include "box/steps.h"

#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { PRIORITY = -20 };

/* What making boxes takes: namespaces and mounts, the slot's ids, bounding sets, ending init. */
static const uint64_t keeper_capabilities = UINT64_C(1) << CAP_SYS_ADMIN | UINT64_C(1) << CAP_SETUID |
                                            UINT64_C(1) << CAP_SETGID | UINT64_C(1) << CAP_SETPCAP |
                                            UINT64_C(1) << CAP_KILL;

int slot_boot_map(const struct slot_boot **ret_boot)
{
        const struct slot_boot *boot = mmap(NULL, sizeof(*boot), PROT_READ, MAP_PRIVATE, SLOT_FD_BOOT, 0);

        if (boot == MAP_FAILED)
                return -errno;
        if (boot->magic != SLOT_MAGIC)
                return -EBADMSG;
        *ret_boot = boot;
        return 0;
}

static int enter_namespaces(const void *context)
{
        (void)context;
        if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC) < 0)
                return -errno;
        return sethostname("box", 3) < 0 || setdomainname("", 0) < 0 ? -errno : 0;
}

static int raise_loopback(const void *context)
{
        (void)context;
        return network_raise_loopback();
}

static int forget_network(const void *context)
{
        const struct keeper *of = context;

        return network_forget(of->proc);
}

static int drop_privileges(const void *context)
{
        const struct keeper *of = context;
        uint64_t keep = keeper_capabilities;
        int r = setgroups(0, NULL) < 0 ? -errno : 0;

        /* KERNEL: entering a mount namespace counts as chroot(2) */
        if (of->boot->n_images > 0 || of->boot->n_warm > 0)
                keep |= UINT64_C(1) << CAP_SYS_CHROOT;
        /* KERNEL: a piped core_pattern is run, as root and outside every limit, at a limit of 0 too, but not at 1 */
        if (r == 0 && setrlimit(RLIMIT_CORE, &(struct rlimit){ 1, 1 }) < 0)
                r = -errno;
        /* we share the slot's cgroup with up to thousands of busy threads and must wake in time to end them */
        (void)setpriority(PRIO_PROCESS, 0, PRIORITY);
        /* ambient ones are raised once, here, and locked: what the keeper executes are its zygotes */
        r = r ? r : of->boot->n_warm > 0 ? privileges_keep_for_exec(keep) : privileges_keep(keep);
        r = r ? r : privileges_lock_securebits();
        if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                r = -errno;
        if (r == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                r = -errno;
        return r;
}

static int load_filters(const void *context)
{
        const struct keeper *of = context;
        int r = 0;

        for (int i = 0; r == 0 && i < SLOT_FILTERS; i++)
                r = filter_load(of->boot->filter[i], of->boot->n_filter[i]);
        return r;
}

int slot_build(struct keeper *of, enum step *ret_step)
{
        static const struct step_row before[] = {
                { STEP_SLOT_NAMESPACES, enter_namespaces },
                { STEP_SLOT_LOOPBACK, raise_loopback },
        };
        static const struct step_row after[] = {
                { STEP_SLOT_NETWORK, forget_network },
                { STEP_SLOT_PRIVILEGES, drop_privileges },
                { STEP_SLOT_FILTER, load_filters },
        };
        int r = steps_run(before, ARRAY_LEN(before), of, ret_step);

        if (r < 0)
                return r;
        *ret_step = STEP_SLOT_PROC;
        r = steps_fault(STEP_SLOT_PROC);
        of->proc = r ? r : mount_detached_proc();
        r = MIN(of->proc, 0);
        r = r ? r : roots_build(of, ret_step);
        return r ? r : steps_run(after, ARRAY_LEN(after), of, ret_step);
}

/*
 * Capabilities by the raw calls: libcap allocates, and these few lines are all that is needed.
 * SECBIT_NO_SETUID_FIXUP keeps the kernel from changing capability sets when ids change, so every set here is what
 * was written and nothing else.
 */
#include "box/keeper.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* Highest capability number to drop from the bounding set; the kernel answers EINVAL beyond its own last. */
enum { CAPABILITIES_MAX = 63 };

static int set_all(uint64_t capabilities, uint64_t inheritable)
{
        struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
        uint32_t low = (uint32_t)capabilities, high = (uint32_t)(capabilities >> 32);
        struct __user_cap_data_struct data[2] = {
                { .effective = low, .permitted = low, .inheritable = (uint32_t)inheritable },
                { .effective = high, .permitted = high, .inheritable = (uint32_t)(inheritable >> 32) },
        };

        return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

/*
 * What may still be in the bounding set of this process and its forks.  Dropping makes new credentials each time and asking
 * is a call for each, so what an earlier cut has left is remembered.
 */
static uint64_t bounding = UINT64_MAX;

static int cut_bounding_set(uint64_t keep)
{
        for (int i = 0; i <= CAPABILITIES_MAX; i++) {
                if (!(bounding & ~keep & (UINT64_C(1) << i)) || prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0)
                        continue;
                if (errno == EINVAL && i > 0)
                        break; /* beyond the kernel's last */
                return -errno;
        }
        bounding &= keep;
        return 0;
}

int privileges_keep(uint64_t capabilities)
{
        int r = cut_bounding_set(capabilities);

        /* KERNEL: what is not inheritable cannot stay ambient */
        return r < 0 ? r : set_all(capabilities, 0);
}

int privileges_keep_for_exec(uint64_t capabilities)
{
        int r = cut_bounding_set(capabilities);

        r = r ? r : set_all(capabilities, capabilities);
        for (int i = 0; r == 0 && i <= CAPABILITIES_MAX; i++)
                if (capabilities & (UINT64_C(1) << i) &&
                    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
                        r = -errno;
        return r;
}

int privileges_drop_all(void)
{
        bounding = UINT64_MAX; /* KERNEL: a new user namespace begins with all of them */
        return privileges_keep(0);
}

int privileges_lock_securebits(void)
{
        unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                             SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                             SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

        return prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0 ? -errno : 0;
}

int privileges_take_id(uint32_t id)
{
        if (syscall(SYS_setresgid, id, id, id) < 0 || syscall(SYS_setresuid, id, id, id) < 0)
                return -errno;
        return 0;
}

int filter_load(const struct sock_filter *filter, uint32_t n)
{
        struct sock_fprog program = { (unsigned short)n, (struct sock_filter *)(uintptr_t)filter };

        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

/* Gets back what was given up. */
#include "probe.h"
#include <linux/capability.h>
#include <sys/prctl.h>

int main(void)
{
        struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
        struct __user_cap_data_struct data[2] = { { 0 } };

        syscall(SYS_capget, &head, data);
        data[0].effective = data[0].permitted = data[0].inheritable = 1 << 21;
        data[1] = (struct __user_cap_data_struct){ 0 };
        TRY("capset", syscall(SYS_capset, &head, data));
        TRY("ambient", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0));
        TRY("securebits", prctl(PR_SET_SECUREBITS, 0, 0, 0, 0));
        TRY("no-new-privs-off", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
        TRY("mm", prctl(PR_SET_MM, PR_SET_MM_START_BRK, 0, 0, 0));
        TRY("mm-high-bits", syscall(SYS_prctl, PR_SET_MM + (1UL << 32), PR_SET_MM_START_BRK, 0, 0, 0));
        return done();
}

/* clone3 answers as an old kernel would, so that every libc falls back to clone(); the mount calls are refused. */
#include "box/last_filter.h"
#include "util/base.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>

const struct sock_filter last_filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), /* seccomp_data.nr */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_move_mount, 0, 1),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SYS_fsmount, 0, 2),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
};

const unsigned last_filter_n = ARRAY_LEN(last_filter);

/*
 * What depends on several arguments at once, for the slot; and what building a box takes but a program must not have, for each
 * program.
 *
 * clone3 answers as an old kernel would, so that every libc falls back to clone(); setns and the mount calls are refused.
 *
 * KERNEL: a socket of an Internet family whose type and protocol nobody serves makes the kernel run modprobe as root, outside
 * every limit of the box, and load sctp, dccp or l2tp where the host has them.  So TCP and UDP are all there is.
 *
 * KERNEL: a flow label of IPv6 lingers for seconds after its program is gone, for the next one of the network namespace
 * to find.
 */
#include "box/last_filter.h"
#include "util/base.h"

#include <linux/in6.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>

enum { TYPE_MASK = 0xf }; /* the kernel's own: above it are SOCK_CLOEXEC and SOCK_NONBLOCK */

/* KERNEL: all three are ints, so the low halves are what counts. */
#define LOAD(field)    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(value)  BPF_STMT(BPF_RET | BPF_K, value)
#define IF(k, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, yes, no)

const struct sock_filter last_filter[] = {
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SYS_fsmount, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_move_mount, 5, 0),
        IF(SYS_setns, 4, 0),
        IF(SYS_unshare, 3, 1),
        IF(SYS_clone3, 1, 0),
        ANSWER(SECCOMP_RET_ALLOW),
        ANSWER(SECCOMP_RET_ERRNO | ENOSYS),
        ANSWER(SECCOMP_RET_ERRNO | EPERM),
};

const unsigned last_filter_n = ARRAY_LEN(last_filter);

const struct sock_filter socket_filter[] = {
        LOAD(nr),
        IF(SYS_socket, 2, 0),
        IF(SYS_setsockopt, 16, 0),
        ANSWER(SECCOMP_RET_ALLOW),

        LOAD(args[0]),
        IF(AF_INET, 1, 0),
        IF(AF_INET6, 0, 10),
        LOAD(args[1]),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, TYPE_MASK),
        IF(SOCK_STREAM, 2, 0),
        IF(SOCK_DGRAM, 3, 0),
        ANSWER(SECCOMP_RET_ERRNO | ESOCKTNOSUPPORT),
        LOAD(args[2]),
        IF(IPPROTO_TCP, 3, 2),
        LOAD(args[2]),
        IF(IPPROTO_UDP, 1, 0),
        IF(0, 0, 1),
        ANSWER(SECCOMP_RET_ALLOW),
        ANSWER(SECCOMP_RET_ERRNO | EPROTONOSUPPORT),

        LOAD(args[1]),
        IF(IPPROTO_IPV6, 0, 3),
        LOAD(args[2]),
        IF(IPV6_FLOWLABEL_MGR, 0, 1),
        ANSWER(SECCOMP_RET_ERRNO | EPERM),
        ANSWER(SECCOMP_RET_ALLOW),
};

const unsigned socket_filter_n = ARRAY_LEN(socket_filter);

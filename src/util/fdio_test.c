/* One message, its descriptors, and the ways in which they can be cut short. */
#include "util/fdio.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <cmocka.h>

static void pair(int sv[2])
{
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
}

static size_t count_fds(void)
{
        size_t n = 0;

        for (int fd = 0; fd < 256; fd++)
                if (fcntl(fd, F_GETFD) >= 0)
                        n++;
        return n;
}

static void test_message_and_fds(void **state)
{
        struct iovec iov[2] = { { (char[]){ "ab" }, 2 }, { (char[]){ "cd" }, 2 } };
        int sv[2], got[FDIO_FDS_MAX], pipes[2];
        size_t n, n_fds;
        char buf[16];

        pair(sv);
        assert_int_equal(pipe2(pipes, 0), 0);
        assert_int_equal(fdio_send(sv[0], iov, 2, pipes, 2), 0);
        assert_int_equal(fdio_recv(sv[1], buf, sizeof(buf), &n, got, &n_fds), 0);
        assert_int_equal(n, 4);
        assert_memory_equal(buf, "abcd", 4);
        assert_int_equal(n_fds, 2);
        assert_int_equal(fcntl(got[0], F_GETFD), FD_CLOEXEC);
        assert_int_equal(write(got[1], "x", 1), 1);
        assert_int_equal(read(pipes[0], buf, 1), 1);
        fdio_close_all(got, 2);
        assert_int_equal(got[0], -1);
        assert_int_equal(fdio_recv(sv[1], buf, sizeof(buf), &n, got, &n_fds), FDIO_AGAIN);
        close(sv[0]);
        assert_int_equal(fdio_recv(sv[1], buf, sizeof(buf), &n, got, &n_fds), FDIO_CLOSED);
        assert_int_equal(fdio_send(sv[1], iov, 1, NULL, 0), FDIO_CLOSED);
        close(sv[1]);
        fdio_close_all(pipes, 2);
}

static void test_cut_message_is_refused_and_leaks_nothing(void **state)
{
        struct iovec iov = { (char[]){ "too long" }, 8 };
        int sv[2], got[FDIO_FDS_MAX], zero = 0;
        size_t n, n_fds, before;
        char buf[4];

        pair(sv);
        before = count_fds();
        assert_int_equal(fdio_send(sv[0], &iov, 1, &zero, 1), 0);
        assert_int_equal(fdio_recv(sv[1], buf, sizeof(buf), &n, got, &n_fds), -EBADMSG);
        assert_int_equal(n_fds, 0);
        assert_int_equal(count_fds(), before);
        fdio_close_all(sv, 2);
}

static void test_too_many_fds_are_refused_and_leak_nothing(void **state)
{
        union {
                struct cmsghdr align;
                char p[CMSG_SPACE(sizeof(int) * (FDIO_FDS_MAX + 4))];
        } control = { 0 };
        struct iovec iov = { (char[]){ "x" }, 1 };
        struct msghdr msg = { .msg_iov = &iov,
                              .msg_iovlen = 1,
                              .msg_control = control.p,
                              .msg_controllen = sizeof(control.p) };
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
        int sv[2], got[FDIO_FDS_MAX];
        size_t n, n_fds, before;
        char buf[4];

        pair(sv);
        before = count_fds();
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int) * (FDIO_FDS_MAX + 4)); /* twelve times descriptor 0 */
        assert_int_equal(sendmsg(sv[0], &msg, 0), 1);
        assert_int_equal(fdio_recv(sv[1], buf, sizeof(buf), &n, got, &n_fds), -EBADMSG);
        assert_int_equal(count_fds(), before);
        fdio_close_all(sv, 2);
}

static void test_full_socket_says_again(void **state)
{
        char block[4096] = { 0 };
        struct iovec iov = { block, sizeof(block) };
        int sv[2], r = 0;

        pair(sv);
        for (int i = 0; i < 10000 && r == 0; i++)
                r = fdio_send(sv[0], &iov, 1, NULL, 0);
        assert_int_equal(r, FDIO_AGAIN);
        fdio_close_all(sv, 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_message_and_fds),
                cmocka_unit_test(test_cut_message_is_refused_and_leaks_nothing),
                cmocka_unit_test(test_too_many_fds_are_refused_and_leak_nothing),
                cmocka_unit_test(test_full_socket_says_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Signals to the first process and to the keeper by every way but kill(2). */
#include "probe.h"
#include <mqueue.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

static void by_descriptor(int pid, int number)
{
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
                return;
        fcntl(pair[0], F_SETOWN, pid);
        fcntl(pair[0], F_SETSIG, number);
        fcntl(pair[0], F_SETFL, O_ASYNC);
        (void)!write(pair[1], "x", 1);
        close(pair[0]);
        close(pair[1]);
}

static void by_timer(int pid, int number)
{
        struct sigevent event = { .sigev_notify = 4 /* SIGEV_THREAD_ID */, .sigev_signo = number };
        struct itimerspec at_once = { .it_value = { 0, 1 } };
        timer_t timer;

        event._sigev_un._tid = pid;
        if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0)
                timer_settime(timer, 0, &at_once, NULL);
}

int main(void)
{
        static const int pids[] = { 1, 0, -1 }, numbers[] = { SIGKILL, SIGTERM, SIGSTOP, SIGCHLD, SIGSEGV };
        char info[128] = { 0 };

        signal(SIGTERM, SIG_IGN);
        signal(SIGSEGV, SIG_IGN);
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        for (size_t i = 0; i < sizeof(pids) / sizeof(*pids); i++)
                for (size_t k = 0; k < sizeof(numbers) / sizeof(*numbers); k++) {
                        int who = pids[i] == 1 ? 1 : getppid();

                        by_descriptor(who, numbers[k]);
                        by_timer(who, numbers[k]);
                        syscall(SYS_tgkill, who, who, numbers[k]);
                        syscall(SYS_tkill, who, numbers[k]);
                        *(int *)info = numbers[k];
                        syscall(SYS_rt_sigqueueinfo, who, numbers[k], info);
                        syscall(SYS_rt_tgsigqueueinfo, who, who, numbers[k], info);
                        syscall(SYS_pidfd_send_signal, syscall(SYS_pidfd_open, who, 0), numbers[k], NULL, 0);
                }
        puts("alive");
        return 0;
}

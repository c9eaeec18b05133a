/* Descriptors of a kind until there is no further one; more than 2048 is an escape. */
#include "probe.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static int make(int kind)
{
        sigset_t none;

        sigemptyset(&none);
        switch (kind % 6) {
        case 0:
                return epoll_create1(0);
        case 1:
                return eventfd(0, 0);
        case 2:
                return timerfd_create(CLOCK_MONOTONIC, 0);
        case 3:
                return signalfd(-1, &none, 0);
        case 4:
                return open("/dev/null", O_RDONLY);
        default:
                return dup(0);
        }
}

int main(void)
{
        struct rlimit limit;
        int n = 0;

        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        while (n < 3000 && make(n) >= 0)
                n++;
        printf("%d descriptors, %s\n", n, strerrorname_np(errno) ? strerrorname_np(errno) : "no error");
        check("descriptors", n > 2048);
        return done();
}

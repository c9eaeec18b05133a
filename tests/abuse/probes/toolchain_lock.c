/* Two jobs and one file of the toolchain: "hold" locks it, "look" sees whether somebody does; "watch" for opens. */
#include "probe.h"
#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>

static const char path[] = "/usr/bin/env";

int main(int argc, char **argv)
{
        struct flock posix = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
        int fd = open(path, O_RDONLY);

        if (strcmp(argv[1], "hold") == 0) {
                flock(fd, LOCK_EX);
                fcntl(fd, F_SETLK, &posix);
                sleep(2);
        } else if (strcmp(argv[1], "look") == 0) {
                check("flock", flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK);
        } else if (strcmp(argv[1], "watch") == 0) {
                struct pollfd events = { inotify_init1(0), POLLIN, 0 };

                inotify_add_watch(events.fd, path, IN_OPEN | IN_ACCESS | IN_CLOSE_NOWRITE);
                check("watch", poll(&events, 1, 2000) == 1);
        } else {
                for (int i = 0; i < 100; i++) {
                        close(open(path, O_RDONLY));
                        usleep(10000);
                }
        }
        return done();
}

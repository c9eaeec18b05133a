/* POSIX locks without end: each takes kernel memory. */
#include "probe.h"

int main(void)
{
        int fd = open("f", O_RDWR | O_CREAT, 0600);

        for (long i = 0;; i++) {
                struct flock lock = { .l_type = i % 2 ? F_RDLCK : F_WRLCK, .l_start = i, .l_len = 1 };

                if (fcntl(fd, F_SETLK, &lock) < 0) {
                        puts(strerrorname_np(errno));
                        return 1;
                }
        }
}

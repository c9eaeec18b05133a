/* Descriptors it was born with beyond its three streams, and writes to every number there could be. */
#include "probe.h"
#include <dirent.h>

int main(void)
{
        DIR *dir = opendir("/proc/self/fd");
        struct dirent *entry;
        char what[64], target[256] = "";
        struct stat st;

        for (int fd = 3; fd < 1024; fd++)
                if (fd != dirfd(dir) && write(fd, "status:OK\n", 10) > 0)
                        escaped("write-beyond");
        errno = EBADF;
        tried("fd-3-to-1023", -1);
        while (dir && (entry = readdir(dir))) {
                int fd = atoi(entry->d_name);

                if (entry->d_name[0] == '.' || fd == dirfd(dir))
                        continue;
                snprintf(what, sizeof(what), "fd-%d", fd);
                (void)readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
                check(what, fd > 2 || (fstat(fd, &st) == 0 && (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode))));
        }
        return done();
}

/* Opens its streams again with more rights than it was given. */
#include "probe.h"
#include <sys/mman.h>

int main(void)
{
        int fd = open("/proc/self/fd/0", O_RDWR | O_NONBLOCK);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                tried("stdin", -1);
        else
                check("stdin", S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
        TRY("truncate", ftruncate(0, 0));
        TRY("truncate-again", ftruncate(fd, 0));
        TRY("map", mmap(NULL, 1, PROT_READ, MAP_SHARED, 0, 0) == MAP_FAILED ? -1 : 0);
        return done();
}

/* Special objects by the back door: a whiteout is a device, a rename can exchange, space can be taken in advance. */
#include "probe.h"
#include <sys/ioctl.h>

int main(void)
{
        int fd = open("f", O_RDWR | O_CREAT, 0600), flags = 0x10 | 0x20; /* immutable, append only */

        TRY("whiteout", syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "g", 4));
        TRY("immutable", ioctl(fd, _IOW('f', 2, long), &flags));
        TRY("allocate", fallocate(fd, 0, 0, 1L << 40));
        TRY("handle", open("/proc/self/map_files/..", O_RDONLY));
        return done();
}

/* Flags that outlive a clean-up, and space taken in advance. */
#include "probe.h"
#include <sys/ioctl.h>

int main(void)
{
        int fd = open("f", O_RDWR | O_CREAT, 0600), flags = 0x10 | 0x20,
            none = 0; /* immutable, append only */

        TRY("immutable", ioctl(fd, _IOW('f', 2, long), &flags));
        (void)ioctl(fd, _IOW('f', 2, long), &none);
        TRY("allocate", fallocate(fd, 0, 0, 1L << 40));
        return done();
}

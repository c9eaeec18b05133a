/* Attributes of files, which are kernel memory. */
#include "probe.h"
#include <sys/xattr.h>

enum { ENOUGH_MIB = 256 };

int main(void)
{
        static char value[60000];
        char name[32];
        size_t bytes = 0;

        memset(value, 'v', sizeof(value));
        for (int i = 0;; i++) {
                int fd;

                snprintf(name, sizeof(name), "file%d", i / 16);
                fd = open(name, O_WRONLY | O_CREAT, 0600);
                snprintf(name, sizeof(name), "user.%d", i % 16);
                if (fd < 0 || fsetxattr(fd, name, value, sizeof(value), 0) < 0) {
                        denied("attributes", strerrorname_np(errno));
                        return 0;
                }
                close(fd);
                bytes += sizeof(value);
                if (bytes > (size_t)ENOUGH_MIB << 20) {
                        escaped("attributes");
                        return done();
                }
        }
}

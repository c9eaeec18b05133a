/* Its own program file and its parent's. */
#include "probe.h"

int main(void)
{
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/exe", getppid());
        TRY("self-write", open("/proc/self/exe", O_WRONLY));
        TRY("parent-read", open(path, O_RDONLY));
        TRY("parent-write", open(path, O_WRONLY));
        TRY("parent-truncate", truncate(path, 0));
        TRY("pid1-read", open("/proc/1/exe", O_RDONLY));
        return done();
}

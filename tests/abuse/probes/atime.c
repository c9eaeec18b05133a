/* Whether the use of a tool of the toolchain leaves a trace on it. */
#include "probe.h"

int main(void)
{
        struct stat before, after;
        char byte;

        stat("/usr/bin/env", &before);
        (void)!read(open("/usr/bin/env", O_RDONLY), &byte, 1);
        stat("/usr/bin/env", &after);
        check("atime", before.st_atim.tv_sec != after.st_atim.tv_sec ||
                               before.st_atim.tv_nsec != after.st_atim.tv_nsec);
        return done();
}

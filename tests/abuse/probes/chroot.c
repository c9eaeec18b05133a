/* The ladder out: chroot below, then up by a descriptor kept from above. */
#include "probe.h"

int main(void)
{
        int here = open(".", O_RDONLY | O_DIRECTORY);
        struct stat root, top;

        mkdir("jail", 0700);
        stat("/", &root);
        TRY("chroot", chroot("jail"));
        if (fchdir(here) == 0)
                for (int i = 0; i < 64; i++)
                        (void)chdir("..");
        stat(".", &top);
        if (probe_status == 0)
                check("up", top.st_ino != root.st_ino || top.st_dev != root.st_dev);
        return done();
}

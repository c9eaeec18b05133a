/* Takes every mount away to see what lies below. */
#include "probe.h"
#include <sys/mount.h>

int main(void)
{
        static char lines[200][256];
        FILE *f = fopen("/proc/self/mountinfo", "r");
        char line[4096];
        int n = 0;

        while (f && n < 200 && fgets(line, sizeof(line), f))
                if (sscanf(line, "%*s %*s %*s %*s %255s", lines[n]) == 1)
                        n++;
        while (n-- > 0) {
                TRY(lines[n], umount2(lines[n], MNT_DETACH));
                if (probe_status == 0)
                        TRY(lines[n], umount2(lines[n], MNT_FORCE | UMOUNT_NOFOLLOW));
        }
        return done();
}

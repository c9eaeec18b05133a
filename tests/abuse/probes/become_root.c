/* Takes every other identity. */
#include "probe.h"
#include <grp.h>
#include <sys/fsuid.h>

int main(void)
{
        gid_t none[1] = { 0 };
        char what[32];

        for (int i = 1; i < 65536; i += i < 2000 ? 1 : 997)
                if (i != (int)getuid() && setresuid(i, i, i) == 0) {
                        snprintf(what, sizeof(what), "uid-%d", i);
                        escaped(what);
                }
        TRY("setgroups", setgroups(1, none));
        TRY("setgid", setgid(0));
        setfsuid(0);
        check("setfsuid", setfsuid(-1) == 0);
        TRY("setresuid", setresuid(0, 0, 0));
        TRY("setuid", setuid(0));
        return done();
}

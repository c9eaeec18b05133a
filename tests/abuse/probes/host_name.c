/* Renames the host. */
#include "probe.h"

int main(void)
{
        TRY("sethostname", sethostname("probe", 5));
        TRY("setdomainname", setdomainname("probe", 5));
        return done();
}

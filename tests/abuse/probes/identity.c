/* Strings that tell one host from another. */
#include "probe.h"
#include <sys/utsname.h>

int main(void)
{
        struct utsname name;

        uname(&name);
        check("nodename", strcmp(name.nodename, "box") != 0);
        check("domainname", name.domainname[0] && strcmp(name.domainname, "(none)") != 0);
        check("machine-id", strcmp(field("/etc/machine-id", ""), "00000000000040008000000000000000") != 0);
        check("boot_id", strcmp(field("/proc/sys/kernel/random/boot_id", ""),
                                "00000000-0000-4000-8000-000000000000") != 0);
        check("hostname-file", strcmp(field("/etc/hostname", ""), "box") != 0);
        check("cpu-model", strcmp(field("/proc/cpuinfo", "model name"), "cpu") != 0);
        check("kernel-version", strstr(field("/proc/version", ""), "gcc") != NULL);
        check("passwd", strstr(field("/etc/passwd", "daemon"), "x") != NULL);
        return done();
}

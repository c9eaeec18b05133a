/* Figures that tell what others do. */
#include "probe.h"

int main(void)
{
        check("loadavg", strcmp(field("/proc/loadavg", ""), "0.00 0.00 0.00 1/1 1") != 0);
        check("stat", strcmp(field("/proc/stat", "cpu "), "0 0 0 0 0 0 0 0 0 0") != 0);
        check("intr", strcmp(field("/proc/stat", "intr"), "0") != 0);
        check("uptime", strcmp(field("/proc/uptime", ""), "1000.00 1000.00") != 0);
        check("meminfo", field("/proc/meminfo", "Dirty")[0] != '\0');
        TRY("vmstat", open("/proc/vmstat", O_RDONLY));
        TRY("interrupts", open("/proc/interrupts", O_RDONLY));
        TRY("pressure", open("/proc/pressure/cpu", O_RDONLY));
        TRY("schedstat", open("/proc/schedstat", O_RDONLY));
        return done();
}

/* Kernel interfaces in /proc and /sys that tell or change something of the host. */
#include "probe.h"

static char names[] =
        "sysrq-trigger kcore kmsg kallsyms keys key-users timer_list sched_debug slabinfo modules config.gz "
        "acpi scsi bus "
        "fs irq latency_stats interrupts vmstat vmallocinfo pagetypeinfo buddyinfo diskstats partitions "
        "locks sysvipc "
        "pressure/cpu schedstat zoneinfo softirqs devices misc cmdline iomem ioports crypto dma kpagecount "
        "kpageflags "
        "mtrr driver tty 1/maps dynamic_debug ../sys/class ../sys/block ../sys/bus ../sys/firmware "
        "../sys/module "
        "../sys/fs/cgroup ../sys/power ../sys/kernel/debug ../sys/kernel/tracing ../sys/kernel/security "
        "../sys/kernel/slab ../sys/kernel/uevent_helper ../sys/devices/virtual ../sys/hypervisor "
        "../sys/devices/system/cpu/vulnerabilities ../sys/devices/system/node";

int main(void)
{
        char path[128], *rest = names, *name;
        unsigned long entry = 0;

        while ((name = strsep(&rest, " "))) {
                snprintf(path, sizeof(path), "/proc/%s", name);
                TRY(name, open(path, O_RDONLY | O_NONBLOCK));
        }
        /* KERNEL: frame numbers read as 0 without CAP_SYS_ADMIN */
        (void)!pread(open("/proc/self/pagemap", O_RDONLY), &entry, sizeof(entry), (long)&entry / 4096 * 8);
        check("pagemap-frames", (entry & ((1UL << 55) - 1)) != 0);
        return done();
}

/*
 * Controllers, one by one: wherever one lives, our own group there must take a child of ours, which is made and
 * removed again.
 */
#include "box/checks_priv.h"
#include "box/hierarchy.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

static bool takes_children(const struct hierarchy *place, char found[200])
{
        char path[PATH_MAX + 32];

        snprintf(path, sizeof(path), "%s/coderunr-check-%d", place->path, getpid());
        if (mkdir(path, 0755) < 0)
                return check_found(false, found, "v%d at %.100s takes no group: %s", place->version,
                                   place->path, strerror(errno));
        if (rmdir(path) < 0)
                return check_found(false, found, "%.120s could not be removed: %s", path, strerror(errno));
        return check_found(true, found, "v%d at %.150s", place->version, place->path);
}

static bool controller_answer(const char *v1, const char *v2, char found[200])
{
        struct hierarchy place;

        if (!hierarchy_find(v1, v2, &place))
                return check_found(false, found, "no mounted hierarchy holds it");
        return takes_children(&place, found);
}

bool check_probe_cgroup_memory(const struct checks_ask *ask, char found[200])
{
        return controller_answer("memory", "memory", found);
}

bool check_probe_cgroup_pids(const struct checks_ask *ask, char found[200])
{
        return controller_answer("pids", "pids", found);
}

/* KERNEL(4.15): every v2 group has cpu.stat, the controller enabled or not. */
bool check_probe_cgroup_cpu(const struct checks_ask *ask, char found[200])
{
        return controller_answer("cpuacct", NULL, found);
}

bool check_probe_cgroup_v2(const struct checks_ask *ask, char found[200])
{
        struct hierarchy place;

        if (!hierarchy_find(NULL, NULL, &place))
                return check_found(false, found, "no cgroup2 file system is mounted");
        return takes_children(&place, found);
}

/* v2 counts swap wherever it has the memory controller; v1 has its own file, or has not. */
static bool swap_is_limited(void)
{
        struct hierarchy place;
        char file[PATH_MAX + 64];

        if (!hierarchy_find("memory", "memory", &place))
                return false;
        snprintf(file, sizeof(file), "%s/memory.memsw.limit_in_bytes", place.path);
        return place.version == 2 || access(file, F_OK) == 0;
}

bool check_probe_swap(const struct checks_ask *ask, char found[200])
{
        FILE *file = fopen("/proc/swaps", "re");
        char line[512];
        int lines = 0;

        while (file && fgets(line, sizeof(line), file))
                lines++;
        if (file)
                fclose(file);
        if (lines <= 1)
                return check_found(true, found, "no swap in use");
        return swap_is_limited()
                       ? check_found(true, found, "swap in use, limited by the memory controller")
                       : check_found(false, found, "swap in use, not counted by the memory controller");
}

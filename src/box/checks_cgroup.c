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

static bool controller_answer(const char *v1, const char *v2, const struct checks_ask *ask, char found[200])
{
        struct hierarchy place;

        if (hierarchy_find(v1, v2, ask->cgroup_parent, &place))
                return takes_children(&place, found);
        if (v2 && hierarchy_find(NULL, NULL, ask->cgroup_parent, &place))
                return check_found(false, found, "no v1 hierarchy holds it, and it is not given to v2 %.120s",
                                   place.path);
        return check_found(false, found, "no mounted hierarchy holds it");
}

bool check_probe_cgroup_memory(const struct checks_ask *ask, char found[200])
{
        return controller_answer("memory", "memory", ask, found);
}

bool check_probe_cgroup_pids(const struct checks_ask *ask, char found[200])
{
        return controller_answer("pids", "pids", ask, found);
}

/* KERNEL(4.15): every v2 group has cpu.stat, the controller enabled or not. */
bool check_probe_cgroup_cpu(const struct checks_ask *ask, char found[200])
{
        return controller_answer("cpuacct", NULL, ask, found);
}

/* A process in @place other than the asker, 0: none. */
static int foreign_process(const struct hierarchy *place)
{
        char path[PATH_MAX + 32];
        FILE *file;
        int pid, found = 0;

        snprintf(path, sizeof(path), "%s/cgroup.procs", place->path);
        file = fopen(path, "re");
        while (file && found == 0 && fscanf(file, "%d", &pid) == 1)
                found = pid != getpid() ? pid : 0;
        if (file)
                fclose(file);
        return found;
}

/* KERNEL: a v2 group that holds processes gives no controller to its children, the root excepted. */
bool check_probe_cgroup_own(const struct checks_ask *ask, char found[200])
{
        static const char *const names[] = { "memory", "pids" };
        struct hierarchy place;

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                int pid;

                if (!hierarchy_find(names[i], names[i], ask->cgroup_parent, &place) || place.version == 1)
                        continue;
                if (hierarchy_is_root(&place))
                        return check_found(true, found, "the root of the v2 tree");
                pid = foreign_process(&place);
                return pid == 0 ? check_found(true, found, "%.150s", place.path)
                                : check_found(false, found, "process %d is in %.150s too", pid, place.path);
        }
        return check_found(true, found, "needed on v2 only");
}

bool check_probe_cgroup_v2(const struct checks_ask *ask, char found[200])
{
        struct hierarchy place;

        if (!hierarchy_find(NULL, NULL, ask->cgroup_parent, &place))
                return check_found(false, found, "no cgroup2 file system is mounted");
        return takes_children(&place, found);
}

/* v2 counts swap wherever it has the memory controller; v1 has its own file, or has not. */
static bool swap_is_limited(const struct checks_ask *ask)
{
        struct hierarchy place;
        char file[PATH_MAX + 64];

        if (!hierarchy_find("memory", "memory", ask->cgroup_parent, &place))
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
        return swap_is_limited(ask)
                       ? check_found(true, found, "swap in use, limited by the memory controller")
                       : check_found(false, found, "swap in use, not counted by the memory controller");
}

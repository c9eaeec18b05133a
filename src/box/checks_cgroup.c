/*
 * Controllers, one by one: v1, v2 and mixed hosts are all real.  /proc/self/cgroup says in which group of which
 * hierarchy we are, /proc/self/mountinfo where that hierarchy is mounted; the group must take a child of ours, which is
 * made and removed again.
 */
#include "box/checks_priv.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

struct place {
        int version;
        char path[PATH_MAX];
};

static bool has_word(const char *list, const char *word, const char *separators)
{
        size_t n = strlen(word);

        for (const char *p = list; *p; p += strcspn(p, separators), p += strspn(p, separators))
                if (strncmp(p, word, n) == 0 && (!p[n] || strchr(separators, p[n])))
                        return true;
        return false;
}

/* Our own group in the hierarchy that holds @controller; NULL: in the v2 tree. */
static bool own_group(const char *controller, char *group, size_t room)
{
        FILE *file = fopen("/proc/self/cgroup", "re");
        char line[PATH_MAX + 256];
        bool done = false;

        while (file && !done && fgets(line, sizeof(line), file)) {
                char *controllers = strchr(line, ':');
                char *path = controllers ? strchr(controllers + 1, ':') : NULL;

                if (!path)
                        continue;
                *controllers++ = *path++ = '\0';
                path[strcspn(path, "\n")] = '\0';
                done = controller ? has_word(controllers, controller, ",") : streq(line, "0");
                if (done)
                        snprintf(group, room, "%s", path);
        }
        if (file)
                fclose(file);
        return done;
}

/* Where in mountinfo: "id parent dev root mount-point options… - type source super-options". */
static bool hierarchy_mount(const char *controller, char *where, size_t room, char *root, size_t root_room)
{
        FILE *file = fopen("/proc/self/mountinfo", "re");
        char line[2 * PATH_MAX];
        bool done = false;

        while (file && !done && fgets(line, sizeof(line), file)) {
                char at[PATH_MAX], of[PATH_MAX], type[32] = "", super[512] = "";
                const char *tail = strstr(line, " - ");

                if (!tail || sscanf(line, "%*s %*s %*s %4095s %4095s", of, at) != 2 ||
                    sscanf(tail, " - %31s %*s %511s", type, super) < 1)
                        continue;
                done = controller ? streq(type, "cgroup") && has_word(super, controller, ",")
                                  : streq(type, "cgroup2");
                if (done) {
                        snprintf(where, room, "%s", at);
                        snprintf(root, root_room, "%s", of);
                }
        }
        if (file)
                fclose(file);
        return done;
}

/* Our own group as a path; in a cgroup namespace the mount may show only a part of the tree. */
static bool find_place(const char *controller, struct place *place)
{
        char where[PATH_MAX], root[PATH_MAX], group[PATH_MAX];
        const char *below = group;
        int n;

        if (!own_group(controller, group, sizeof(group)) ||
            !hierarchy_mount(controller, where, sizeof(where), root, sizeof(root)))
                return false;
        if (!streq(root, "/") && strncmp(group, root, strlen(root)) == 0)
                below = group + strlen(root);
        n = snprintf(place->path, sizeof(place->path), "%s%s", where, streq(below, "/") ? "" : below);
        place->version = controller ? 1 : 2;
        return n > 0 && (size_t)n < sizeof(place->path);
}

static bool v2_has(const char *controller, struct place *place)
{
        char file[PATH_MAX + 32], list[512];

        if (!find_place(NULL, place))
                return false;
        snprintf(file, sizeof(file), "%s/cgroup.controllers", place->path);
        return check_read_line(file, list, sizeof(list)) && has_word(list, controller, " ");
}

static bool takes_children(const struct place *place, char found[200])
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
        struct place place;

        if (!find_place(v1, &place) && !(v2 ? v2_has(v2, &place) : find_place(NULL, &place)))
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
        struct place place;

        if (!find_place(NULL, &place))
                return check_found(false, found, "no cgroup2 file system is mounted");
        return takes_children(&place, found);
}

static bool swap_is_limited(void)
{
        struct place place;
        char file[PATH_MAX + 64];

        if (find_place("memory", &place)) {
                snprintf(file, sizeof(file), "%s/memory.memsw.limit_in_bytes", place.path);
                return access(file, F_OK) == 0;
        }
        /* The root group has no memory.swap.max, but /proc/swaps was not empty, so the kernel has swap. */
        return v2_has("memory", &place);
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

/*
 * Controllers are looked up one by one: v1, v2 and mixed hosts are all real.  /proc/self/cgroup says in which group of
 * which hierarchy we are, /proc/self/mountinfo where that hierarchy is mounted.
 */
#include "box/hierarchy.h"

#include <limits.h>
#include <stdio.h>

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

static bool named_group(const char *parent, struct hierarchy *place)
{
        char where[PATH_MAX], root[PATH_MAX];
        int n;

        if (!hierarchy_mount(NULL, where, sizeof(where), root, sizeof(root)))
                return false;
        n = snprintf(place->path, sizeof(place->path), "%s%s%s", where, *parent == '/' ? "" : "/", parent);
        if (n <= 0 || (size_t)n >= sizeof(place->path))
                return false;
        while (n > 1 && place->path[n - 1] == '/')
                place->path[--n] = '\0';
        place->version = 2;
        return true;
}

/* Our own group as a path; in a cgroup namespace the mount may show only a part of the tree. */
static bool find(const char *controller, struct hierarchy *place)
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

static bool read_line(const char *path, char *line, size_t room)
{
        FILE *file = fopen(path, "re");
        bool ok = file && fgets(line, (int)room, file);

        if (file)
                fclose(file);
        return ok;
}

bool hierarchy_lists(const char *folder, const char *file, const char *word)
{
        char path[PATH_MAX + 32], list[512];

        snprintf(path, sizeof(path), "%s/%s", folder, file);
        if (!read_line(path, list, sizeof(list)))
                return false;
        list[strcspn(list, "\n")] = '\0';
        return has_word(list, word, " ");
}

bool hierarchy_is_root(const struct hierarchy *place)
{
        char path[PATH_MAX + 32];

        snprintf(path, sizeof(path), "%s/cgroup.type", place->path);
        return access(path, F_OK) != 0; /* KERNEL: every v2 group but the root has it */
}

bool hierarchy_find(const char *v1, const char *v2, const char *parent, struct hierarchy *ret_place)
{
        if (v1 && find(v1, ret_place))
                return true;
        if (!(parent && *parent ? named_group(parent, ret_place) : find(NULL, ret_place)))
                return false;
        return !v2 || hierarchy_lists(ret_place->path, "cgroup.controllers", v2);
}

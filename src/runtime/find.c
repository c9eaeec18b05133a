/*
 * Looking for programs: names in the directories of a box's PATH, patterns anywhere a box can see.
 */
#include "config/config.h"
#include "config/document.h"
#include "runtime/discover.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

const char *const discover_directories[] = { "/usr/local/bin", "/usr/bin", "/bin", NULL };

enum { LINKS_MAX = 16, PATHS_MAX = 64 };

struct paths {
        char **list;
        size_t n;
};

static bool is_below(const char *path, const char *directory, size_t n)
{
        return n > 0 && strncmp(path, directory, n) == 0 && path[n] == '/';
}

/* Is @path in what a box shows? */
static bool is_shown(const struct config *config, const char *path)
{
        const char *p = config->extra_directories;

        if (is_below(path, "/usr", 4) || is_below(path, "/bin", 4))
                return true;
        while (p && *p) {
                size_t n = strcspn(p, ",");

                if (is_below(path, p, n))
                        return true;
                p += n + (p[n] == ',');
        }
        return false;
}

static bool is_program(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

/* Where the link @path points, as an absolute path; false when it is no link. */
static bool follow_link(const char *path, char target[PATH_MAX])
{
        char link[PATH_MAX];
        ssize_t n = readlink(path, link, sizeof(link) - 1);
        const char *slash = strrchr(path, '/');
        int len;

        if (n < 0)
                return false;
        link[n] = '\0';
        if (link[0] == '/')
                len = snprintf(target, PATH_MAX, "%s", link);
        else
                len = snprintf(target, PATH_MAX, "%.*s/%s", (int)(slash - path), path, link);
        return len > 0 && len < PATH_MAX;
}

/*
 * The first path on the chain of links from which on all stay inside: a program is named as itself where that
 * works (many look at argv[0]), and past /etc/alternatives, which no box has, where it does not.
 */
static bool resolve(const struct config *config, const char *path, char resolved[PATH_MAX])
{
        char here[PATH_MAX], next[PATH_MAX];
        bool inside = false;

        if (snprintf(here, sizeof(here), "%s", path) >= PATH_MAX)
                return false;
        for (int i = 0; i < LINKS_MAX; i++) {
                if (!is_shown(config, here)) {
                        inside = false;
                } else if (!inside) {
                        memcpy(resolved, here, PATH_MAX);
                        inside = true;
                }
                if (!follow_link(here, next))
                        return inside && is_program(resolved);
                memcpy(here, next, PATH_MAX);
        }
        return false;
}

static bool is_same_program(const char *a, const char *b)
{
        struct stat sa, sb;

        return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

static int add_program(const struct config *config, struct paths *paths, const char *path)
{
        char resolved[PATH_MAX] = "";
        char *copy;

        if (!is_program(path) || !resolve(config, path, resolved) || paths->n >= PATHS_MAX)
                return 0;
        for (size_t i = 0; i < paths->n; i++)
                if (is_same_program(paths->list[i], resolved))
                        return 0;
        copy = strdup(resolved);
        if (!copy)
                return -ENOMEM;
        paths->list[paths->n++] = copy;
        return 0;
}

static int add_pattern(const struct config *config, struct paths *paths, const char *pattern)
{
        glob_t found = { 0 };
        int r = glob(pattern, 0, NULL, &found) == GLOB_NOSPACE ? -ENOMEM : 0;

        for (size_t i = 0; i < found.gl_pathc && r == 0; i++)
                r = add_program(config, paths, found.gl_pathv[i]);
        globfree(&found);
        return r;
}

static int add_in(const struct config *config, struct paths *paths, const char *directory, size_t n,
                  const char *name)
{
        char path[PATH_MAX];

        if (snprintf(path, sizeof(path), "%.*s/%s", (int)n, directory, name) >= PATH_MAX)
                return 0;
        return add_program(config, paths, path);
}

static int add_name(const struct config *config, struct paths *paths, const char *name)
{
        const char *p = config->extra_directories;
        int r = 0;

        for (size_t i = 0; discover_directories[i] && r == 0; i++)
                r = add_in(config, paths, discover_directories[i], strlen(discover_directories[i]), name);
        while (p && *p && r == 0) {
                size_t n = strcspn(p, ",");
                char bin[PATH_MAX];

                if (snprintf(bin, sizeof(bin), "%.*s/bin", (int)n, p) < PATH_MAX)
                        r = add_in(config, paths, bin, strlen(bin), name);
                p += n + (p[n] == ',');
        }
        return r;
}

int discover_find(const struct config *config, const char *name, char ***ret_paths)
{
        struct paths paths = { calloc(PATHS_MAX + 1, sizeof(char *)), 0 };
        int r;

        if (!paths.list)
                return -ENOMEM;
        r = name[0] == '/' ? add_pattern(config, &paths, name) : add_name(config, &paths, name);
        if (r < 0)
                document_list_free(paths.list);
        else
                *ret_paths = paths.list;
        return r;
}

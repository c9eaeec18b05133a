/*
 * What the host says of itself in /proc/sys, /sys and its user database; and what the asker counted.
 */
#include "box/checks_priv.h"

#include <dirent.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/statvfs.h>

bool check_probe_core_pattern(const struct checks_ask *ask, char found[200])
{
        char text[160];

        if (!check_read_line("/proc/sys/kernel/core_pattern", text, sizeof(text)))
                return check_found(false, found, "kernel.core_pattern cannot be read");
        return check_found(text[0] != '|', found, "kernel.core_pattern = %s", text);
}

bool check_probe_yama(const struct checks_ask *ask, char found[200])
{
        char text[32];

        if (!check_read_line("/proc/sys/kernel/yama/ptrace_scope", text, sizeof(text)))
                return check_found(false, found, "this kernel has no Yama");
        return check_found(!streq(text, "0"), found, "kernel.yama.ptrace_scope = %s", text);
}

bool check_probe_cpu_flaws(const struct checks_ask *ask, char found[200])
{
        static const char folder[] = "/sys/devices/system/cpu/vulnerabilities";
        DIR *dir = opendir(folder);
        const struct dirent *entry;
        char names[160] = "";
        size_t n = 0, files = 0;

        while (dir && (entry = readdir(dir)) != NULL) {
                char path[512], text[160];

                snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
                if (entry->d_name[0] == '.' || !check_read_line(path, text, sizeof(text)))
                        continue;
                files++;
                if (strstr(text, "Vulnerable") && n < sizeof(names))
                        n += (size_t)snprintf(names + n, sizeof(names) - n, " %s", entry->d_name);
        }
        if (dir)
                closedir(dir);
        if (n > 0)
                return check_found(false, found, "vulnerable:%s", names);
        return files > 0 ? check_found(true, found, "no flaw of %zu is open", files)
                         : check_found(false, found, "the kernel does not say");
}

bool check_probe_smt(const struct checks_ask *ask, char found[200])
{
        char text[32];

        if (!check_read_line("/sys/devices/system/cpu/smt/active", text, sizeof(text)))
                return check_found(true, found, "the kernel knows of none");
        return check_found(streq(text, "0"), found, streq(text, "0") ? "off" : "on");
}

bool check_probe_thp(const struct checks_ask *ask, char found[200])
{
        char text[64];

        if (!check_read_line("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof(text)))
                return check_found(true, found, "this kernel has none");
        return check_found(!strstr(text, "[always]"), found, "%s", text);
}

bool check_probe_ksm(const struct checks_ask *ask, char found[200])
{
        char text[32];

        if (!check_read_line("/sys/kernel/mm/ksm/run", text, sizeof(text)))
                return check_found(true, found, "this kernel has none");
        return check_found(!streq(text, "1"), found, streq(text, "1") ? "running" : "stopped");
}

/* The directory may not exist yet: then its nearest parent says. */
bool check_probe_disk(const struct checks_ask *ask, char found[200])
{
        char path[1024];
        struct statvfs fs;
        uint64_t free_bytes;

        snprintf(path, sizeof(path), "%s", ask->data_directory);
        while (statvfs(path, &fs) < 0) {
                char *slash = strrchr(path, '/');

                if (errno != ENOENT || !slash || slash == path)
                        return check_found(false, found, "%.100s: %s", path, strerror(errno));
                *slash = '\0';
        }
        free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
        return check_found(free_bytes >= GIB, found, "%" PRIu64 " MiB free at %.150s", free_bytes / MIB,
                           path);
}

bool check_probe_runtimes(const struct checks_ask *ask, char found[200])
{
        return check_found(ask->n_runtimes > 0, found, "%zu found", ask->n_runtimes);
}

static bool in_range(const struct checks_ask *ask, uint64_t id)
{
        return id >= ask->uid_base && id - ask->uid_base < ask->n_uids;
}

/* Ranges handed to containers: "name:first:count". */
static bool subordinate_taken(const struct checks_ask *ask, const char *path, char *name, size_t room)
{
        FILE *file = fopen(path, "re");
        char line[256], owner[128];
        uint64_t first, count;
        bool taken = false;

        while (file && !taken && fgets(line, sizeof(line), file))
                if (sscanf(line, "%127[^:]:%" SCNu64 ":%" SCNu64, owner, &first, &count) == 3)
                        taken = first < ask->uid_base + ask->n_uids && ask->uid_base < first + count;
        if (file)
                fclose(file);
        if (taken)
                snprintf(name, room, "the range of %s in %s", owner, path);
        return taken;
}

static bool account_taken(const struct checks_ask *ask, char *name, size_t room)
{
        const struct passwd *user;
        const struct group *group;

        for (setpwent(); (user = getpwent()) != NULL;)
                if (in_range(ask, user->pw_uid)) {
                        snprintf(name, room, "user %s", user->pw_name);
                        break;
                }
        endpwent();
        if (user)
                return true;
        for (setgrent(); (group = getgrent()) != NULL;)
                if (in_range(ask, group->gr_gid)) {
                        snprintf(name, room, "group %s", group->gr_name);
                        break;
                }
        endgrent();
        return group != NULL;
}

bool check_probe_uid_range(const struct checks_ask *ask, char found[200])
{
        uint64_t last = ask->uid_base + ask->n_uids - 1;
        char name[160];

        if (account_taken(ask, name, sizeof(name)) ||
            subordinate_taken(ask, "/etc/subuid", name, sizeof(name)) ||
            subordinate_taken(ask, "/etc/subgid", name, sizeof(name)))
                return check_found(false, found, "%" PRIu64 " to %" PRIu64 " is taken by %.100s",
                                   ask->uid_base, last, name);
        return check_found(true, found, "%" PRIu64 " to %" PRIu64, ask->uid_base, last);
}

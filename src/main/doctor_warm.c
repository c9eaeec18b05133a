/*
 * A zygote is a keeper's child in the keeper's own pid namespace; a box's first process is one in another, and its child is
 * the program.  One that waits holds the library's channel (box/warm.h).
 */
#include "main/doctor_warm.h"
#include "box/warm.h"
#include "util/bytes.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

enum { PROC_FILE_MOST = 65536 };

static bool read_proc(long pid, const char *name, struct bytes *ret)
{
        char path[64];

        snprintf(path, sizeof(path), "/proc/%ld/%s", pid, name);
        bytes_clear(ret);
        return bytes_read_file(ret, path) == 0 && bytes_add(ret, "", 1) == 0;
}

static bool same_pids(long a, long b)
{
        char path[64], one[64] = "", other[64] = "";

        snprintf(path, sizeof(path), "/proc/%ld/ns/pid", a);
        if (readlink(path, one, sizeof(one) - 1) < 0)
                return false;
        snprintf(path, sizeof(path), "/proc/%ld/ns/pid", b);
        return readlink(path, other, sizeof(other) - 1) > 0 && streq(one, other);
}

static uint64_t memory_of(long pid)
{
        CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(PROC_FILE_MOST);
        const char *line = read_proc(pid, "smaps_rollup", &text) ? strstr(text.p, "\nPss:") : NULL;

        return line ? strtoull(line + 5, NULL, 10) * KIB : 0;
}

static bool waits(long pid)
{
        char path[64];

        snprintf(path, sizeof(path), "/proc/%ld/fd/%d", pid, WARM_FD_CHANNEL);
        return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* "/usr/bin/python3\0main.py\0" as words with a blank between. */
static json_t *row_of(json_t *rows, long pid)
{
        CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(PROC_FILE_MOST);
        json_t *row;
        size_t i;

        if (!read_proc(pid, "cmdline", &text))
                return NULL;
        for (size_t at = 0; at + 2 < text.n; at++)
                if (text.p[at] == '\0')
                        text.p[at] = ' ';
        json_array_foreach(rows, i, row)
        {
                if (streq(json_string_value(json_object_get(row, "command")), text.p))
                        return row;
        }
        row = json_pack("{s:s, s:i, s:i, s:i, s:i}", "command", text.p, "zygotes", 0, "zygote_bytes", 0,
                        "waiting", 0, "waiting_bytes", 0);
        return row && json_array_append_new(rows, row) == 0 ? row : NULL;
}

static void count(json_t *rows, long pid, const char *number, const char *bytes)
{
        json_t *row = row_of(rows, pid);

        if (!row)
                return;
        json_object_set_new(row, number, json_integer(json_integer_value(json_object_get(row, number)) + 1));
        json_object_set_new(
                row, bytes,
                json_integer(json_integer_value(json_object_get(row, bytes)) + (json_int_t)memory_of(pid)));
}

static size_t children_of(long pid, long *ret, size_t most)
{
        CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(PROC_FILE_MOST);
        char name[48];
        size_t n = 0;
        char *p;

        snprintf(name, sizeof(name), "task/%ld/children", pid);
        if (!read_proc(pid, name, &text))
                return 0;
        for (p = text.p; n < most && isdigit((unsigned char)*p); p += *p == ' ')
                ret[n++] = strtol(p, &p, 10);
        return n;
}

static void look_at_keeper(json_t *rows, long keeper)
{
        long children[8], programs[2];
        size_t n = children_of(keeper, children, ARRAY_LEN(children));

        for (size_t i = 0; i < n; i++) {
                if (same_pids(keeper, children[i]))
                        count(rows, children[i], "zygotes", "zygote_bytes");
                else if (children_of(children[i], programs, ARRAY_LEN(programs)) > 0 && waits(programs[0]))
                        count(rows, programs[0], "waiting", "waiting_bytes");
        }
}

json_t *doctor_warm_look(void)
{
        CLEANUP(bytes_deinit) struct bytes name = BYTES_INIT(64);
        json_t *rows = json_array();
        DIR *dir = opendir("/proc");
        struct dirent *entry;

        while (dir && (entry = readdir(dir))) {
                long pid = strtol(entry->d_name, NULL, 10);

                /* KERNEL: 15 bytes of a process's name */
                if (pid > 0 && read_proc(pid, "comm", &name) && strncmp(name.p, "coderunr-keeper", 15) == 0)
                        look_at_keeper(rows, pid);
        }
        if (dir)
                closedir(dir);
        return rows;
}

static double mebibytes(const json_t *row, const char *key)
{
        return (double)json_integer_value(json_object_get(row, key)) / (double)MIB;
}

void doctor_warm_print(const json_t *rows, uint64_t idle_ns)
{
        const json_t *row;
        size_t i;

        json_array_foreach(rows, i, row)
        {
                printf("warm      %s: %d zygotes %.1f MiB, %d waiting %.1f MiB; let go after %llu s without "
                       "a job\n",
                       json_string_value(json_object_get(row, "command")),
                       (int)json_integer_value(json_object_get(row, "zygotes")),
                       mebibytes(row, "zygote_bytes"),
                       (int)json_integer_value(json_object_get(row, "waiting")),
                       mebibytes(row, "waiting_bytes"), (unsigned long long)(idle_ns / NSEC_PER_SEC));
        }
}

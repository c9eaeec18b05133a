/*
 * Theory of operation: a compiler is more files than anyone lists (cc1, headers, libc, crt1.o), but on a host they come and go
 * with its package manager, whose list of what is installed changes each time.  What is put beside it by hand is
 * known by its program alone, and by the folder it lies in.
 */
#include "runtime/identity.h"
#include "config/config.h"
#include "runtime/catalog.h"
#include "runtime/runtime.h"

#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>

/* What package managers write each time they change something. */
static const char *const lists[] = { "/var/lib/dpkg/status",
                                     "/lib/apk/db/installed",
                                     "/usr/lib/apk/db/installed",
                                     "/var/lib/rpm/rpmdb.sqlite",
                                     "/usr/lib/sysimage/rpm/rpmdb.sqlite",
                                     "/var/lib/pacman/local" };

static void put_time(struct digest *digest, const struct timespec *time)
{
        digest_number(digest, (uint64_t)time->tv_sec);
        digest_number(digest, (uint64_t)time->tv_nsec);
}

static void put_stat(struct digest *digest, const struct stat *st)
{
        digest_number(digest, st->st_dev);
        digest_number(digest, st->st_ino);
        digest_number(digest, (uint64_t)st->st_size);
        put_time(digest, &st->st_mtim);
        put_time(digest, &st->st_ctim);
}

/* A file or folder, or that there is none. */
static void put_file(struct digest *digest, const char *path)
{
        struct stat st;
        bool there = path && stat(path, &st) == 0;

        digest_text(digest, path);
        digest_number(digest, there);
        if (there)
                put_stat(digest, &st);
}

/* The program and the folder where it really lies. */
static void put_program(struct digest *digest, const char *path)
{
        char real[PATH_MAX], *slash;

        if (!path || path[0] != '/' || !realpath(path, real)) {
                digest_text(digest, path);
                return;
        }
        put_file(digest, real);
        slash = strrchr(real, '/');
        if (slash && slash != real)
                *slash = '\0';
        put_file(digest, real);
}

static void put_list(struct digest *digest, char *const *list)
{
        for (; list && *list; list++)
                digest_text(digest, *list);
        digest_text(digest, NULL);
}

static void put_lists(struct digest *digest)
{
        for (size_t i = 0; i < ARRAY_LEN(lists); i++)
                put_file(digest, lists[i]);
}

static void put_runtime(struct digest *digest, const struct runtime *runtime)
{
        digest_text(digest, runtime->language);
        digest_text(digest, runtime->version);
        put_list(digest, runtime->env);
        for (int i = 0; i < STAGE_COUNT; i++) {
                put_list(digest, runtime->stages[i].argv);
                put_list(digest, runtime->stages[i].env);
                if (runtime->stages[i].argv)
                        put_program(digest, runtime->stages[i].argv[0]);
        }
}

void identity_of_engine(const struct config *config, uint8_t ret[DIGEST_BYTES])
{
        struct digest digest;

        digest_begin(&digest);
        digest_text(&digest, CODERUNR_VERSION);
        put_file(&digest, "/proc/self/exe");
        put_file(&digest, config->keeper);
        digest_end(&digest, ret);
}

void identity_of_host(const struct runtime *runtime, const char *manifest, const char *tool,
                      uint8_t ret[DIGEST_BYTES])
{
        struct digest digest;

        digest_begin(&digest);
        put_runtime(&digest, runtime);
        put_file(&digest, manifest);
        put_program(&digest, tool);
        put_lists(&digest);
        digest_end(&digest, ret);
}

void identity_of_prepared(const struct runtime *runtime, const char *tool, uint8_t ret[DIGEST_BYTES])
{
        struct digest digest;

        digest_begin(&digest);
        digest_text(&digest, runtime->language);
        digest_text(&digest, runtime->version);
        put_list(&digest, runtime->prepare);
        put_program(&digest, tool);
        put_lists(&digest);
        digest_end(&digest, ret);
}

/* Each installation makes the folder anew, so its inode and ctime tell one from the next. */
void identity_of_package(const struct runtime *runtime, int folder, uint8_t ret[DIGEST_BYTES])
{
        struct digest digest;
        struct stat st;

        memset(ret, 0, DIGEST_BYTES);
        if (fstat(folder, &st) < 0)
                return;
        digest_begin(&digest);
        put_runtime(&digest, runtime);
        put_stat(&digest, &st);
        put_lists(&digest);
        digest_end(&digest, ret);
}

void identity_now(const struct catalog *catalog, uint8_t ret[DIGEST_BYTES])
{
        struct digest digest;

        digest_begin(&digest);
        digest_raw(&digest, catalog->engine, DIGEST_BYTES);
        for (size_t i = 0; i < catalog->n_runtimes; i++)
                put_runtime(&digest, &catalog->runtimes[i]);
        put_lists(&digest);
        digest_end(&digest, ret);
}

static void watch_program(int fd, const char *path)
{
        char real[PATH_MAX], *slash;

        if (!path || path[0] != '/' || !realpath(path, real) || !(slash = strrchr(real, '/')) ||
            slash == real)
                return;
        *slash = '\0';
        (void)inotify_add_watch(fd, real,
                                IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE);
}

/* Most are replaced by rename(2), some are written in place; locks beside them come and go without a change. */
static void watch_list(int fd, const char *path)
{
        char folder[PATH_MAX];

        snprintf(folder, sizeof(folder), "%s", path);
        *strrchr(folder, '/') = '\0';
        (void)inotify_add_watch(fd, folder, IN_MOVED_TO | IN_ONLYDIR);
        (void)inotify_add_watch(fd, path, IN_MODIFY);
}

int identity_watch(const struct catalog *catalog)
{
        int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

        if (fd < 0)
                return -errno;
        for (size_t i = 0; i < catalog->n_runtimes; i++)
                for (int stage = 0; stage < STAGE_COUNT; stage++)
                        if (catalog->runtimes[i].stages[stage].argv)
                                watch_program(fd, catalog->runtimes[i].stages[stage].argv[0]);
        for (size_t i = 0; i < ARRAY_LEN(lists); i++)
                watch_list(fd, lists[i]);
        return fd;
}

bool identity_known(const uint8_t identity[DIGEST_BYTES])
{
        for (size_t i = 0; i < DIGEST_BYTES; i++)
                if (identity[i] != 0)
                        return true;
        return false;
}

/*
 * Theory of operation: the warden opens the file and hands it over; those who live by it read it.  It is looked at every second
 * and at SIGHUP, by its inode, size and times, whichever way it is written.
 */
#include "main/keyfile.h"
#include "config/config.h"
#include "config/keys.h"
#include "main/listen.h"
#include "util/err.h"
#include "util/log.h"

#include <fcntl.h>

static int open_it(const char *path, struct err *err)
{
        CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return err_errno(err, -errno, "keys_file: cannot open %s", path);
        if (!S_ISREG(st.st_mode))
                return err_set(err, -EINVAL, "keys_file: %s is no file", path);
        return TAKE_FD(fd);
}

static int check_file(const char *path, struct err *err)
{
        CLEANUP(close_fd) int fd = open_it(path, err);
        struct keys keys;
        struct stat st;
        int r;

        if (fd < 0)
                return fd == -ENOENT
                               ? err_set(err, fd, "keys_file: there is no %s; coderunr key new NAME makes it",
                                         path)
                               : fd;
        r = keys_read(&keys, fd, path, err);
        if (r < 0)
                return r;
        if (keys.n == 0)
                log_warn("%s holds no key: nobody can use the engine", path);
        if (fstat(fd, &st) == 0 && (st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH)))
                log_warn("%s can be changed by others than root, who can so give themselves a key", path);
        keys_deinit(&keys);
        return 0;
}

int keyfile_check(const struct config *config, const int *listeners, size_t n_listeners, struct err *err)
{
        char url[128];

        if (config->keys_file[0])
                return check_file(config->keys_file, err);
        for (size_t i = 0; i < n_listeners; i++) {
                if (listen_is_local(listeners[i]))
                        continue;
                listen_url(listeners[i], url, sizeof(url));
                if (!config->anonymous)
                        return err_set(
                                err, -EPERM,
                                "without API keys the engine listens on this machine only, not on %s: make a "
                                "key "
                                "(coderunr key new NAME --keys-file=FILE) and set keys_file, or say that "
                                "everybody who can connect may use it: --anonymous",
                                url);
                log_warn("whoever can connect to %s may run programs, read all jobs and install packages: "
                         "there are "
                         "no API keys (keys_file)",
                         url);
        }
        return 0;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
        return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool keyfile_has_changed(struct keyfile *keyfile)
{
        struct stat st, *seen = &keyfile->seen;
        bool same;

        if (!keyfile->path[0] || stat(keyfile->path, &st) < 0)
                return false; /* while it is being replaced there may be none */
        same = st.st_dev == seen->st_dev && st.st_ino == seen->st_ino && st.st_size == seen->st_size &&
               same_time(&st.st_mtim, &seen->st_mtim) && same_time(&st.st_ctim, &seen->st_ctim);
        *seen = st;
        return !same;
}

int keyfile_open(const struct keyfile *keyfile)
{
        struct err err = { "" };
        int fd = open_it(keyfile->path, &err);

        if (fd >= 0)
                return fd;
        log_error("%s", err.text);
        return -1;
}

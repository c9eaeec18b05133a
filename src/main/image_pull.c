/*
 *   skopeo, in the jail with the network     staging/oci       every blob's digest is checked by it
 *   umoci, in the jail without               staging/files     as an ordinary user: no device, no owner, no way out
 *   image_describe(), the same               staging/digest, staging/env
 *   settle, as root                          fresh/            files become root's, lose setuid, what a box brings itself goes
 *   rename, rename                           roots/<digest>, names/<name>
 */
#include "main/image_pull.h"
#include "box/warden.h"
#include "config/config.h"
#include "main/image_describe.h"
#include "main/image_jail.h"
#include "main/image_store.h"
#include "util/bytes.h"
#include "util/err.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

enum { FILES_MAX = 1000000, OPEN_FOLDERS = 32, AUTH_BYTES = 65536, STEP_TEXT = 300 };

#define PATIENCE_NS (60 * NSEC_PER_SEC)

/* ---- in the jail ---- */

static uint32_t jail_uid(const struct config *config)
{
        return (uint32_t)config->uid_base + WARDEN_UID_IMAGES;
}

static int make_staging(const struct config *config, const struct image_store *store, struct err *err)
{
        uint32_t uid = jail_uid(config);

        if (mkdir(store->staging, 0700) < 0 || lchown(store->staging, uid, uid) < 0)
                return err_errno(err, -errno, "cannot make the folder %s", store->staging);
        return 0;
}

static int run(const struct config *config, const struct image_store *store, bool network, const char *does,
               const char *const *argv, struct err *err)
{
        struct image_jail jail = { .folder = store->staging,
                                   .uid = jail_uid(config),
                                   .network = network,
                                   .patience_ns = network ? MIN(PATIENCE_NS, config->package_timeout) : 0,
                                   .bytes = config->image_size_limit,
                                   .files = FILES_MAX,
                                   .argv = argv,
                                   .call = argv ? NULL : image_describe,
                                   .does = does };

        return image_jail_run(&jail, err);
}

/* The caller's file of passwords, where the jail's user can read it for as long as it takes. */
static int lend_passwords(const struct config *config, const struct image_store *store, const char *from,
                          char path[IMAGE_PATH_MAX], struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(AUTH_BYTES);
        int r = bytes_read_file(&text, from);

        if (r < 0)
                return err_errno(err, r, "cannot read %s", from);
        if ((size_t)snprintf(path, IMAGE_PATH_MAX, "%s/auth.json", store->staging) >= IMAGE_PATH_MAX)
                return err_set(err, -ENAMETOOLONG, "data_directory is too long");
        r = image_store_write(store->staging, "auth.json", text.p ? text.p : "", err);
        if (r == 0 && (chmod(path, 0600) < 0 || lchown(path, jail_uid(config), jail_uid(config)) < 0))
                r = err_errno(err, -errno, "cannot write %s", path);
        return r;
}

static int fetch(const struct config *config, const struct image_store *store, const struct image_pull *order,
                 struct err *err)
{
        char source[IMAGE_NAME_MAX + 16], does[STEP_TEXT], passwords[IMAGE_PATH_MAX] = "";
        const char *argv[12] = { "skopeo", "--insecure-policy", "copy", "--quiet" };
        size_t n = 4;
        int r = 0;

        snprintf(source, sizeof(source), "docker://%s", order->name);
        snprintf(does, sizeof(does), "fetch %s", order->name);
        if (order->plain_http)
                argv[n++] = "--src-tls-verify=false";
        if (order->authfile) {
                r = lend_passwords(config, store, order->authfile, passwords, err);
                argv[n++] = "--src-authfile=/tmp/auth.json";
        }
        argv[n++] = source;
        argv[n] = "oci:/tmp/oci:image";
        r = r ? r : run(config, store, true, does, argv, err);
        if (passwords[0])
                (void)unlink(passwords);
        return r;
}

static int unpack(const struct config *config, const struct image_store *store, const char *name,
                  struct err *err)
{
        static const char *const argv[] = { "umoci",          "raw",        "unpack", "--rootless", "--image",
                                            "/tmp/oci:image", "/tmp/files", NULL };
        char does[STEP_TEXT];
        int r;

        snprintf(does, sizeof(does), "unpack %s", name);
        r = run(config, store, false, does, argv, err);
        snprintf(does, sizeof(does), "use %s", name);
        return r ? r : run(config, store, false, does, NULL, err);
}

/* ---- as root, when nobody of the jail is left ---- */

static uint64_t settled_bytes;

/* Owner, mode; what is neither file, folder nor link goes. */
static int settle_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
        (void)kind;
        if (where->level > 0 && !S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode) && !S_ISLNK(st->st_mode))
                return unlink(path);
        settled_bytes += (uint64_t)st->st_blocks * 512;
        if (lchown(path, 0, 0) < 0)
                return -1;
        return S_ISLNK(st->st_mode) ? 0 : chmod(path, where->level > 0 ? st->st_mode & 0777 : 0755);
}

static int settle(const char *files, struct err *err)
{
        static const char *const ours[] = { "box", "dev", "proc", "run", "sys", "tmp" };
        char path[IMAGE_PATH_MAX + 8];

        settled_bytes = 0;
        for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
                snprintf(path, sizeof(path), "%s/%s", files, ours[i]);
                image_store_clear(path);
        }
        if (nftw(files, settle_one, OPEN_FOLDERS, FTW_PHYS | FTW_MOUNT) < 0)
                return err_errno(err, -errno, "cannot take over what was unpacked");
        return 0;
}

/* A small file the jail wrote, which may be anything. */
static int read_told(const struct image_store *store, const char *name, struct bytes *text, struct err *err)
{
        CLEANUP(close_fd) int fd = -1;
        char path[IMAGE_PATH_MAX + 8];
        int r;

        snprintf(path, sizeof(path), "%s/%s", store->staging, name);
        fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        r = fd < 0 ? -errno : bytes_read_fd(text, fd);
        return r < 0 ? err_errno(err, r, "the image's %s cannot be read", name) : 0;
}

static int read_digest(const struct image_store *store, char digest[IMAGE_DIGEST_MAX], struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(IMAGE_DIGEST_MAX);
        int r = read_told(store, "digest", &text, err);
        const char *p = text.p ? text.p : "";

        if (r < 0)
                return r;
        if (text.n != strlen("sha256-") + 64 + 1 || strncmp(p, "sha256-", 7) != 0 ||
            strspn(p + 7, "0123456789abcdef") != 64)
                return err_set(err, -EBADMSG, "the image's digest is none");
        snprintf(digest, IMAGE_DIGEST_MAX, "%.*s", (int)text.n - 1, p);
        return 0;
}

static int make_fresh(const struct image_store *store, struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes env = BYTES_INIT(IMAGE_ENV_BYTES);
        char from[IMAGE_PATH_MAX + 8], to[IMAGE_PATH_MAX + 8], bytes[32];
        int r = read_told(store, "env", &env, err);

        snprintf(from, sizeof(from), "%s/files", store->staging);
        snprintf(to, sizeof(to), "%s/files", store->fresh);
        r = r ? r : settle(from, err);
        if (r == 0 && (mkdir(store->fresh, 0755) < 0 || rename(from, to) < 0))
                r = err_errno(err, -errno, "cannot keep the image");
        snprintf(bytes, sizeof(bytes), "%llu\n", (unsigned long long)settled_bytes);
        r = r ? r : image_store_write(store->fresh, "env", env.p ? env.p : "", err);
        return r ? r : image_store_write(store->fresh, "bytes", bytes, err);
}

static int sync_all(const char *path)
{
        CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 || syncfs(fd) < 0 ? -errno : 0;
}

static int keep(const struct config *config, const struct image_store *store, const char *name,
                const char *digest, struct err *err)
{
        char root[IMAGE_PATH_MAX + IMAGE_DIGEST_MAX + 8], path[IMAGE_PATH_MAX], fresh[IMAGE_PATH_MAX + 8];
        char line[IMAGE_DIGEST_MAX + 1];
        int r = image_name_path(config, name, path, err);

        snprintf(root, sizeof(root), "%s/roots/%s", store->folder, digest);
        snprintf(fresh, sizeof(fresh), "%s/name", store->staging);
        snprintf(line, sizeof(line), "%s\n", digest);
        if (r == 0 && (r = sync_all(store->fresh)) < 0)
                err_errno(err, r, "cannot write the image to the disk");
        /* the same digest is the same image: the one that is there stays */
        if (r == 0 && rename(store->fresh, root) < 0 && errno != EEXIST && errno != ENOTEMPTY)
                r = err_errno(err, -errno, "cannot keep the image");
        r = r ? r : image_store_write(store->staging, "name", line, err);
        if (r == 0 && rename(fresh, path) < 0)
                r = err_errno(err, -errno, "cannot write %s", path);
        return r ? r : sync_all(store->folder);
}

int image_pull(const struct config *config, const struct image_pull *order, char ret_digest[IMAGE_DIGEST_MAX],
               struct err *err)
{
        struct image_store store;
        int r;

        if (geteuid() != 0)
                return err_set(err, -EPERM, "images belong to root: run it with sudo");
        umask(022);
        r = image_store_open(config, &store, err);
        r = r ? r : make_staging(config, &store, err);
        r = r ? r : fetch(config, &store, order, err);
        r = r ? r : unpack(config, &store, order->name, err);
        r = r ? r : read_digest(&store, ret_digest, err);
        r = r ? r : make_fresh(&store, err);
        r = r ? r : keep(config, &store, order->name, ret_digest, err);
        if (store.lock >= 0)
                image_store_sweep(&store);
        image_store_close(&store);
        return r;
}

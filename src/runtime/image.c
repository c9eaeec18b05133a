/*
 * Names follow the rules of container registries: the first part is a host where it looks like one, docker.io else, and a
 * name of one part is below library.  What is inside an image is looked at with RESOLVE_IN_ROOT, so its links lead nowhere
 * but into it.
 */
#include "runtime/image.h"
#include "config/config.h"
#include "config/document.h"
#include "util/bytes.h"
#include "util/err.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static bool is_plain(const char *text)
{
        static const char others[] = "._/:@-";

        if (!isalnum((unsigned char)text[0]) || strstr(text, "..") || strstr(text, "//"))
                return false;
        for (; *text; text++)
                if (!isalnum((unsigned char)*text) && !strchr(others, *text))
                        return false;
        return text[-1] != '/' && text[-1] != ':' && text[-1] != '@';
}

/* Does the first part of @text name a registry? */
static bool names_host(const char *text)
{
        size_t n = strcspn(text, "/");

        return text[n] == '/' && (memchr(text, '.', n) || memchr(text, ':', n) ||
                                  (n == strlen("localhost") && strncmp(text, "localhost", n) == 0));
}

int image_name(const char *text, char ret_name[IMAGE_NAME_MAX], struct err *err)
{
        const char *host = names_host(text) ? "" : "docker.io/";
        const char *above = *host && !strchr(text, '/') ? "library/" : "";
        const char *slash = strrchr(text, '/'), *last = slash ? slash + 1 : text;
        const char *tag = strchr(last, ':') || strchr(last, '@') ? "" : ":latest";

        if (!is_plain(text))
                return err_set(err, -EINVAL, "'%.100s' is no name of an image, as python:alpine is one",
                               text);
        if (snprintf(ret_name, IMAGE_NAME_MAX, "%s%s%s%s", host, above, text, tag) >= IMAGE_NAME_MAX)
                return err_set(err, -EINVAL, "the image's name '%.100s…' is too long", text);
        return 0;
}

int image_path(const struct config *config, const char *suffix, char ret_path[IMAGE_PATH_MAX],
               struct err *err)
{
        if (snprintf(ret_path, IMAGE_PATH_MAX, "%s/images%s", config->data_directory, suffix) >=
            IMAGE_PATH_MAX)
                return err_set(err, -ENAMETOOLONG, "data_directory is too long");
        return 0;
}

int image_name_path(const struct config *config, const char *name, char ret_path[IMAGE_PATH_MAX],
                    struct err *err)
{
        char suffix[sizeof("/names/") + IMAGE_NAME_MAX];

        snprintf(suffix, sizeof(suffix), "/names/%s", name);
        for (char *p = suffix + strlen("/names/"); *p; p++)
                if (*p == '/')
                        *p = '+';
        return image_path(config, suffix, ret_path, err);
}

static bool is_digest(const char *text)
{
        size_t n = strlen("sha256-");

        return strncmp(text, "sha256-", n) == 0 && strlen(text + n) == 64 &&
               strspn(text + n, "0123456789abcdef") == 64;
}

int image_digest(const struct config *config, const char *name, char ret_digest[IMAGE_DIGEST_MAX],
                 struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(IMAGE_DIGEST_MAX);
        char path[IMAGE_PATH_MAX];
        int r = image_name_path(config, name, path, err);

        if (r < 0)
                return r;
        r = bytes_read_file(&text, path);
        if (r == -ENOENT || r == -EACCES)
                return IMAGE_ABSENT;
        if (r < 0)
                return err_errno(err, r, "cannot read %s", path);
        snprintf(ret_digest, IMAGE_DIGEST_MAX, "%.*s", (int)strcspn(text.p ? text.p : "", "\n"), text.p);
        if (!is_digest(ret_digest))
                return err_set(err, -EBADMSG, "%s is broken: coderunr image pull %s", path, name);
        return 0;
}

/* Lock the folder, and see that it was not removed meanwhile. */
static int lock_shared(struct image *image, const char *folder)
{
        struct stat here, there;

        image->lock = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (image->lock < 0)
                return errno == ENOENT ? IMAGE_ABSENT : -errno;
        if (flock(image->lock, LOCK_SH) < 0 || fstat(image->lock, &here) < 0)
                return -errno;
        return stat(folder, &there) < 0 || here.st_ino != there.st_ino ? IMAGE_ABSENT : 0;
}

static int read_env(struct image *image)
{
        CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(IMAGE_ENV_BYTES);
        CLEANUP(close_fd) int fd = openat(image->lock, "env", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        int r = fd < 0 ? -errno : bytes_read_fd(&text, fd);
        size_t n = 0, lines = 1;

        if (r < 0)
                return r;
        for (size_t i = 0; i < text.n; i++)
                lines += text.p[i] == '\n';
        image->env = calloc(lines + 1, sizeof(*image->env));
        if (!image->env)
                return -ENOMEM;
        for (char *p = text.p, *end; p && *p; p = end + (*end == '\n')) {
                end = p + strcspn(p, "\n");
                if (end == p || *p == '=' || !memchr(p, '=', (size_t)(end - p)))
                        continue;
                image->env[n] = strndup(p, (size_t)(end - p));
                if (!image->env[n++])
                        return -ENOMEM;
        }
        return 0;
}

int image_open(const struct config *config, const char *text, struct image *ret_image, struct err *err)
{
        struct image image = { .lock = -1 };
        char folder[IMAGE_PATH_MAX], root[IMAGE_PATH_MAX];
        int r = image_name(text, image.name, err);

        r = r ? r : image_digest(config, image.name, image.digest, err);
        r = r ? r : image_path(config, "/roots/", folder, err);
        if (r != 0)
                return r;
        if (snprintf(root, sizeof(root), "%s%s", folder, image.digest) >= IMAGE_PATH_MAX ||
            snprintf(image.files, sizeof(image.files), "%s/files", root) >= IMAGE_PATH_MAX)
                return err_set(err, -ENAMETOOLONG, "data_directory is too long");
        r = lock_shared(&image, root);
        r = r ? r : read_env(&image);
        if (r < 0)
                err_errno(err, r, "image %s", image.name);
        if (r != 0)
                image_deinit(&image);
        else
                *ret_image = image;
        return r;
}

void image_deinit(struct image *image)
{
        document_list_free(image->env);
        close_fd(&image->lock);
        *image = (struct image){ .lock = -1 };
}

static bool is_program(int root, const char *path)
{
        struct open_how how = { .flags = O_PATH | O_CLOEXEC,
                                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
        CLEANUP(close_fd) int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
        struct stat st;

        return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0005) == 0005;
}

int image_program(const struct image *image, const char *name, char **ret_path)
{
        CLEANUP(close_fd) int root = open(image->files, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        const char *folders = name[0] == '/' ? "" : image_env(image, "PATH");
        char path[PATH_MAX];

        if (root < 0)
                return -errno;
        for (const char *p = folders ? folders : default_path;; p += strcspn(p, ":") + 1) {
                int n = (int)strcspn(p, ":");

                if (snprintf(path, sizeof(path), "%.*s%s%s", n, p, n ? "/" : "", name) < (int)sizeof(path) &&
                    path[0] == '/' && is_program(root, path)) {
                        *ret_path = strdup(path);
                        return *ret_path ? 0 : -ENOMEM;
                }
                if (!p[n])
                        return IMAGE_NO_PROGRAM;
        }
}

const char *image_env(const struct image *image, const char *name)
{
        size_t n = strlen(name);

        for (char **word = image->env; word && *word; word++)
                if (strncmp(*word, name, n) == 0 && (*word)[n] == '=')
                        return *word + n + 1;
        return NULL;
}

bool image_tag_version(const struct image *image, char *ret_version, size_t room)
{
        const char *slash = strrchr(image->name, '/'), *tag = slash ? strpbrk(slash, ":@") : NULL;
        unsigned v[3] = { 0 };
        int n = tag && *tag == ':' ? sscanf(tag + 1, "%6u.%6u.%6u", &v[0], &v[1], &v[2]) : 0;

        if (n < 1)
                return false;
        snprintf(ret_version, room, "%u.%u.%u", v[0], v[1], v[2]);
        return true;
}

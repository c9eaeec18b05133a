/*
 * `coderunr key`: the file of API keys (config/keys.h), which is read, changed and put in the place of the old one whole, so that
 * an engine never reads half of it.  The folder is locked meanwhile.
 */
#include "config/config.h"
#include "config/keys.h"
#include "main/arguments.h"
#include "main/cli.h"
#include "util/err.h"
#include "util/fdio.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { FILE_MAX = 1024 * 1024, NEW_MODE = 0600 };

/* What the command was given. */
struct wish {
        struct words scopes;
        const char *rate, *burst, *concurrency, *share;
        const char *name;
};

struct ring {
        char path[PATH_MAX];
        int folder; /* locked */
        struct keys keys;
        mode_t mode;
        uid_t uid;
        gid_t gid;
};

static void ring_close(struct ring *ring)
{
        keys_deinit(&ring->keys);
        close_fd(&ring->folder);
}

/* ---- the file ---- */

/* No file is an empty one, when one is going to be made. */
static int ring_read(struct ring *ring, bool may_lack, struct err *err)
{
        CLEANUP(close_fd) int fd = open(ring->path, O_RDONLY | O_CLOEXEC);
        struct stat st;

        if (fd < 0 && errno == ENOENT && may_lack)
                return 0;
        if (fd < 0 || fstat(fd, &st) < 0)
                return err_errno(err, -errno, "%s", ring->path);
        ring->mode = st.st_mode & 07777;
        ring->uid = st.st_uid;
        ring->gid = st.st_gid;
        return keys_read(&ring->keys, fd, ring->path, err);
}

static int ring_open(struct ring *ring, const char *path, bool may_lack, struct err *err)
{
        char folder[PATH_MAX];

        *ring = (struct ring){ .folder = -1, .mode = NEW_MODE, .uid = geteuid(), .gid = getegid() };
        if (!realpath(path, ring->path) &&
            (errno != ENOENT || snprintf(ring->path, sizeof(ring->path), "%s", path) >= PATH_MAX))
                return err_errno(err, -errno, "%s", path);
        memcpy(folder, ring->path, sizeof(folder));
        ring->folder = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (ring->folder < 0 || flock(ring->folder, LOCK_EX) < 0)
                return err_errno(err, -errno, "the folder of %s", ring->path);
        return ring_read(ring, may_lack, err);
}

static int write_new(const struct ring *ring, const char *name, const struct bytes *text)
{
        CLEANUP(close_fd)
        int fd = openat(ring->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, NEW_MODE);

        if (fd < 0)
                return -errno;
        if (write(fd, text->p, text->n) != (ssize_t)text->n || fchown(fd, ring->uid, ring->gid) < 0 ||
            fchmod(fd, ring->mode) < 0 || fsync(fd) < 0)
                return errno ? -errno : -EIO;
        return 0;
}

static int ring_write(const struct ring *ring, struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(FILE_MAX);
        char base[PATH_MAX], name[PATH_MAX + 32];
        int r = keys_print(&ring->keys, &text);

        memcpy(base, ring->path, sizeof(base));
        snprintf(name, sizeof(name), ".%s.%d", basename(base), (int)getpid());
        errno = 0;
        r = r ? r : write_new(ring, name, &text);
        if (r == 0 && (renameat(ring->folder, name, ring->folder, strrchr(ring->path, '/') + 1) < 0 ||
                       fsync(ring->folder) < 0))
                r = -errno;
        if (r == 0)
                return 0;
        (void)unlinkat(ring->folder, name, 0);
        return err_errno(err, r, "cannot write %s", ring->path);
}

/* ---- what can be done with it ---- */

static int set_all(struct key *key, const struct wish *wish, struct err *err)
{
        const struct {
                const char *field, *text;
        } rows[] = { { "rate", wish->rate },
                     { "burst", wish->burst },
                     { "concurrency", wish->concurrency },
                     { "share", wish->share } };
        char where[32];
        int r = 0;

        if (wish->scopes.n == 0)
                key->scopes = 1u << SCOPE_EXECUTE | 1u << SCOPE_JOBS;
        for (size_t i = 0; i < wish->scopes.n && r == 0; i++)
                r = key_set(key, "scopes", wish->scopes.p[i], "--scope", err);
        for (size_t i = 0; i < ARRAY_LEN(rows) && r == 0; i++) {
                snprintf(where, sizeof(where), "--%s", rows[i].field);
                if (rows[i].text)
                        r = key_set(key, rows[i].field, rows[i].text, where, err);
        }
        if (key->burst == 0)
                key->burst = MAX(key->rate_milli / 1000, UINT64_C(1));
        return r;
}

static int key_new(struct ring *ring, const struct wish *wish)
{
        char secret[KEY_SECRET_ROOM];
        struct err err = { "" };
        struct key *key;

        if (keys_find(&ring->keys, wish->name))
                return cli_fail(
                        EXIT_USAGE,
                        "%s has a key; `coderunr key rotate %s` makes another, `coderunr key revoke %s` "
                        "takes it away",
                        wish->name, wish->name, wish->name);
        key = keys_add(&ring->keys, wish->name, &err);
        if (!key || set_all(key, wish, &err) < 0)
                return cli_fail(EXIT_USAGE, "%s", err.text);
        key_make(key, false, secret);
        if (ring_write(ring, &err) < 0)
                return cli_fail(EXIT_WRONG, "%s", err.text);
        printf("%s\n", secret);
        fflush(stdout);
        fprintf(stderr, "This is the key of %s; it is kept nowhere and cannot be shown again.\n", wish->name);
        return 0;
}

static struct key *known(struct ring *ring, const struct wish *wish)
{
        struct key *key = keys_find(&ring->keys, wish->name);

        if (!key)
                cli_fail(EXIT_WRONG, "%s has no key in %s", wish->name, ring->path);
        return key;
}

static int key_rotate(struct ring *ring, const struct wish *wish)
{
        struct key *key = known(ring, wish);
        char secret[KEY_SECRET_ROOM];
        struct err err = { "" };

        if (!key)
                return EXIT_WRONG;
        key_make(key, true, secret);
        if (ring_write(ring, &err) < 0)
                return cli_fail(EXIT_WRONG, "%s", err.text);
        printf("%s\n", secret);
        fflush(stdout);
        fprintf(stderr, "This is the new key of %s; the one before stays good until the next rotate.\n",
                wish->name);
        return 0;
}

static int key_revoke(struct ring *ring, const struct wish *wish)
{
        struct key *key = known(ring, wish);
        struct err err = { "" };

        if (!key)
                return EXIT_WRONG;
        keys_remove(&ring->keys, key);
        if (ring_write(ring, &err) < 0)
                return cli_fail(EXIT_WRONG, "%s", err.text);
        return 0;
}

static void show_count(uint64_t value, int width)
{
        char text[32] = "-";

        if (value)
                snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
        printf("  %*s", width, text);
}

static void show(const struct key *key)
{
        char rate[32] = "-";

        if (key->rate_milli)
                snprintf(rate, sizeof(rate), "%g", (double)key->rate_milli / 1000);
        printf("%-20s  %9s", key->name, rate);
        show_count(key->rate_milli ? key->burst : 0, 6);
        show_count(key->concurrency, 11);
        show_count(key->share, 5);
        printf("  ");
        for (int i = 0; i < SCOPE_COUNT; i++)
                if (key->scopes & 1u << i)
                        printf("%s ", scope_name((enum scope)i));
        printf("\n");
}

static int key_list(struct ring *ring, const struct wish *wish)
{
        printf("%-20s  %9s  %6s  %11s  %5s  %s\n", "name", "rate", "burst", "concurrency", "share", "scopes");
        for (size_t i = 0; i < ring->keys.n; i++)
                show(&ring->keys.p[i]);
        return 0;
}

/* ---- the words ---- */

static const struct act {
        const char *word;
        int (*run)(struct ring *ring, const struct wish *wish);
        bool named;
        bool makes;
} acts[] = {
        { "new", key_new, true, true },
        { "list", key_list, false, false },
        { "rotate", key_rotate, true, false },
        { "revoke", key_revoke, true, false },
};

static const struct act *act_of(const struct words *words)
{
        for (size_t i = 0; words->n > 0 && i < ARRAY_LEN(acts); i++)
                if (streq(acts[i].word, words->p[0]))
                        return &acts[i];
        return NULL;
}

static int act(const struct act *what, const struct wish *wish, const struct arguments *arguments)
{
        struct err err = { "" };
        struct config config;
        struct ring ring;
        int r;

        if (!cli_config_load(arguments, &config))
                return EXIT_WRONG;
        if (!config.keys_file[0])
                r = cli_fail(EXIT_USAGE,
                             "no keys_file is configured; name one with --keys-file=/etc/coderunr/keys.yaml");
        else if (ring_open(&ring, config.keys_file, what->makes, &err) < 0)
                r = cli_fail(EXIT_WRONG, "%s", err.text);
        else
                r = what->run(&ring, wish);
        if (config.keys_file[0])
                ring_close(&ring);
        config_deinit(&config);
        return r;
}

int cli_key(int argc, char **argv)
{
        struct wish wish = { .name = NULL };
        const struct flag flags[] = {
                { "scope", 's', FLAG_VALUES, &wish.scopes, "SCOPE",
                  "what it is for; may be repeated; default execute and jobs" },
                { "rate", 'r', FLAG_VALUE, &wish.rate, "NUMBER", "requests a second; default: no limit" },
                { "burst", 'b', FLAG_VALUE, &wish.burst, "NUMBER",
                  "of them at once; default: one second's worth" },
                { "concurrency", 'n', FLAG_VALUE, &wish.concurrency, "NUMBER",
                  "programs at once, and durable jobs at once; default: no limit" },
                { "share", 0, FLAG_VALUE, &wish.share, "NUMBER",
                  "1 to 100, beside others who wait; default 1" },
                { 0 },
        };
        const struct cli_help text = {
                "coderunr key {new|list|rotate|revoke} [OPTION…] [NAME] [--keys-file=FILE]",
                "Make, list and revoke API keys in the file that the option keys_file names.\n"
                "new prints the key of NAME once; rotate makes another beside the one in use, and the one "
                "before that "
                "ends.",
                flags,
                "Scopes: execute, jobs, packages, worker, questions, admin. A running engine takes the "
                "change within a "
                "second.",
        };
        struct arguments arguments;
        const struct act *what;
        int status = cli_parse(&text, false, &arguments, argc, argv);

        if (status)
                return status - 1;
        what = act_of(&arguments.operands);
        if (!what)
                return cli_fail(EXIT_USAGE,
                                "key takes one of new, list, rotate, revoke; coderunr key --help says more");
        if (arguments.operands.n != 1 + (size_t)what->named)
                return cli_fail(EXIT_USAGE,
                                what->named ? "key %s takes one NAME" : "key %s takes no more words",
                                what->word);
        wish.name = what->named ? arguments.operands.p[1] : NULL;
        if (!what->makes && (wish.scopes.n || wish.rate || wish.burst || wish.concurrency || wish.share))
                return cli_fail(EXIT_USAGE, "these options are for key new");
        return act(what, &wish, &arguments);
}

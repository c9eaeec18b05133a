/*
 * `coderunr package build DIR`: from a source folder to an archive and its line of an index.
 *
 * The folder is copied, its build.sh run in the copy, pkg-info.json written from its description, and the copy packed by tar
 * and gzip without anything that differs between two days or two machines: sorted names, one time, root as owner.  build.sh
 * is the package's author's and runs as whoever calls this; nothing of it runs when the package is installed.
 */
#include "main/cli.h"
#include "main/arguments.h"
#include "runtime/semver.h"
#include "util/err.h"

#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <openssl/evp.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

enum { INFO_CAP = 1 << 20, HASH_CHARS = 2 * EVP_MAX_MD_SIZE + 1, PIECE = 64 * 1024 };

struct build {
        const char *folder;
        const char *output;   /* where the archive goes */
        const char *base_url; /* of the index line */
        const char *platform;
        bool no_script;
        char work[PATH_MAX]; /* a folder of our own beside the archive */
        char tree[PATH_MAX]; /* in it: what is packed */
        char file[NAME_MAX + 1];
        char hash[HASH_CHARS];
        json_t *info;
        const char *name, *version;
};

/* Run one program; its stdout is our stderr, for ours is the index line.  0 or the exit status. */
static int run(const char *folder, const char *const argv[])
{
        posix_spawn_file_actions_t actions;
        int r, status = 0;
        pid_t pid;

        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
        if (folder)
                posix_spawn_file_actions_addchdir_np(&actions, folder);
        r = posix_spawn(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        if (r != 0)
                return cli_fail(EXIT_WRONG, "%s: %s", argv[0], strerror(r));
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        return cli_fail(EXIT_WRONG, "%s failed", argv[1] && streq(argv[0], "/bin/bash") ? argv[1] : argv[0]);
}

#define RUN(folder, ...) run(folder, (const char *const[]){ __VA_ARGS__, NULL })

/* ---- the description ---- */

/* Names go into file names and a line with commas. */
static bool is_name(const char *text)
{
        return text && *text && text[0] != '.' && text[0] != '-' && strlen(text) <= 128 &&
               !text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-_#")];
}

static int read_info(struct build *build)
{
        static const char *const files[] = { "metadata.json", "package.json", "pkg-info.json" };
        char path[PATH_MAX];
        struct semver version;

        for (size_t i = 0; i < ARRAY_LEN(files) && !build->info; i++) {
                json_error_t error;

                snprintf(path, sizeof(path), "%s/%s", build->folder, files[i]);
                if (access(path, F_OK) < 0)
                        continue;
                build->info = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
                if (!build->info)
                        return cli_fail(EXIT_WRONG, "%s:%d: %s", path, error.line, error.text);
        }
        if (!build->info)
                return cli_fail(EXIT_WRONG, "%s holds no metadata.json", build->folder);
        build->name = json_string_value(json_object_get(build->info, "language"));
        build->version = json_string_value(json_object_get(build->info, "version"));
        if (!is_name(build->name))
                return cli_fail(EXIT_WRONG, "%s: \"language\" has to be a name of letters, digits and .+-_#",
                                path);
        if (!build->version || semver_parse(build->version, &version) < 0 || !is_name(build->version))
                return cli_fail(EXIT_WRONG, "%s: \"version\" has to be three numbers, as \"1.2.3\"", path);
        snprintf(build->file, sizeof(build->file), "%s-%s.pkg.tar.gz", build->name, build->version);
        return 0;
}

/* "linux/amd64" on the usual machine. */
static void own_platform(char *text, size_t room)
{
        struct utsname host = { 0 };
        const char *machine = uname(&host) == 0 ? host.machine : "unknown";

        if (streq(machine, "x86_64"))
                machine = "amd64";
        else if (streq(machine, "aarch64"))
                machine = "arm64";
        snprintf(text, room, "linux/%s", machine);
}

static int write_info(const struct build *build)
{
        char platform[128], path[PATH_MAX + 16];

        if (build->platform)
                snprintf(platform, sizeof(platform), "%s", build->platform);
        else
                own_platform(platform, sizeof(platform));
        snprintf(path, sizeof(path), "%s/pkg-info.json", build->tree);
        if (json_object_set_new(build->info, "build_platform", json_string(platform)) < 0 ||
            json_dump_file(build->info, path, JSON_INDENT(4)) < 0)
                return cli_fail(EXIT_WRONG, "%s could not be written", path);
        return 0;
}

/* ---- the tree ---- */

static int make_tree(struct build *build)
{
        char from[PATH_MAX + 4], script[PATH_MAX + 16];
        int status;

        snprintf(build->work, sizeof(build->work), "%s/.package-XXXXXX", build->output);
        if (!mkdtemp(build->work)) {
                status = cli_fail(EXIT_WRONG, "%s: %m", build->output);
                build->work[0] = '\0';
                return status;
        }
        snprintf(build->tree, sizeof(build->tree), "%.*s/tree", PATH_MAX - 8, build->work);
        snprintf(from, sizeof(from), "%s/.", build->folder);
        if (mkdir(build->tree, 0755) < 0)
                return cli_fail(EXIT_WRONG, "%s: %m", build->tree);
        status = RUN(NULL, "/bin/cp", "-a", "--", from, build->tree);
        snprintf(script, sizeof(script), "%s/build.sh", build->tree);
        if (status == 0 && !build->no_script && access(script, F_OK) == 0)
                status = RUN(build->tree, "/bin/bash", "build.sh");
        return status ? status : write_info(build);
}

/* An installed package leaves these behind; they belong to one host. */
static int pack(const struct build *build)
{
        char tar[PATH_MAX + 16];
        int status;

        snprintf(tar, sizeof(tar), "%s/tar", build->work);
        status = RUN(NULL, "/bin/tar", "--create", "--file", tar, "--directory", build->tree, "--format=gnu",
                     "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner",
                     "--mode=u+rwX,go+rX,go-w", "--exclude=./.env", "--exclude=./.ppman-installed",
                     "--exclude=./.git", ".");
        return status ? status : RUN(NULL, "/bin/gzip", "--no-name", "--best", "--force", tar);
}

static int hash_file(const char *path, char ret_hash[HASH_CHARS])
{
        int fd CLEANUP(close_fd) = open(path, O_RDONLY | O_CLOEXEC);
        CLEANUP(free_ptr) char *piece = malloc(PIECE);
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        unsigned char hash[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        ssize_t got = -1;
        bool ok = fd >= 0 && piece && context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;

        while (ok && (got = read(fd, piece, PIECE)) > 0)
                ok = EVP_DigestUpdate(context, piece, (size_t)got) == 1;
        ok = ok && got == 0 && EVP_DigestFinal_ex(context, hash, &n) == 1;
        EVP_MD_CTX_free(context);
        for (unsigned i = 0; ok && i < n; i++)
                snprintf(ret_hash + 2 * i, 3, "%02x", hash[i]);
        return ok ? 0 : cli_fail(EXIT_WRONG, "%s could not be read", path);
}

static int put_in_place(struct build *build)
{
        char from[PATH_MAX + 16], to[PATH_MAX + NAME_MAX + 2];
        int status;

        snprintf(from, sizeof(from), "%s/tar.gz", build->work);
        snprintf(to, sizeof(to), "%s/%s", build->output, build->file);
        status = hash_file(from, build->hash);
        if (status == 0 && rename(from, to) < 0)
                status = cli_fail(EXIT_WRONG, "%s: %m", to);
        return status;
}

static void print_line(const struct build *build)
{
        const char *base = build->base_url ? build->base_url : "";
        size_t n = strlen(base);

        printf("%s,%s,%s,%s%s%s\n", build->name, build->version, build->hash, base,
               n > 0 && base[n - 1] != '/' ? "/" : "", build->file);
}

static int make(struct build *build)
{
        int status = read_info(build), swept = 0;

        if (status == 0)
                status = make_tree(build);
        if (status == 0)
                status = pack(build);
        if (status == 0)
                status = put_in_place(build);
        if (build->work[0])
                swept = RUN(NULL, "/bin/rm", "-rf", "--", build->work);
        status = MAX(status, swept);
        if (status == 0)
                print_line(build);
        json_decref(build->info);
        return status;
}

int cli_package_build(int argc, char **argv)
{
        struct build build = { .output = "." };
        const struct flag flags[] = {
                { "output", 'o', FLAG_VALUE, &build.output, "FOLDER",
                  "where the archive goes; default here" },
                { "base-url", 0, FLAG_VALUE, &build.base_url, "URL",
                  "where the archive will be fetched from" },
                { "platform", 0, FLAG_VALUE, &build.platform, "TEXT",
                  "build_platform; default linux/amd64 and such" },
                { "no-script", 0, FLAG_SWITCH, &build.no_script, NULL, "do not run its build.sh" },
                { 0 },
        };
        const struct cli_help text = {
                "coderunr package build [OPTION…] FOLDER",
                "Make NAME-VERSION.pkg.tar.gz of a source folder (metadata.json, run, and where there are: "
                "compile,\n"
                "environment, build.sh) and print its line of an index: name,version,sha256,url.",
                flags,
                "The same folder gives the same bytes, unless its build.sh does not.",
        };
        struct arguments arguments;
        int status = cli_parse(&text, false, &arguments, argc, argv);

        if (status)
                return status - 1;
        if (arguments.operands.n != 1 || arguments.config.n > 0)
                return cli_fail(EXIT_USAGE,
                                "build needs one folder; coderunr package build --help says more");
        build.folder = arguments.operands.p[0];
        if (access(build.folder, R_OK | X_OK) < 0)
                return cli_fail(EXIT_USAGE, "%s: %m", build.folder);
        return make(&build);
}

/*
 * Theory of operation: one child does it all, one recipe after the other.  It enters the folder while it is root, gives root
 * up, and starts each recipe in a fresh folder that gets its name when the recipe has ended well and is on the disk: a
 * compiler that finds half a precompiled header fails the job.
 *
 * TRUST: recipes are the operator's, run over the operator's toolchains; no byte of a client is near.  Still they run as
 * nobody: what a compiler does while it reads headers is not the warden's business.
 */
#include "main/provision.h"
#include "config/config.h"
#include "main/folders.h"
#include "main/serve_priv.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define FOLDER    "prepared" /* below the data directory */
#define FRESH     ".new"
#define RECIPE_NS (300 * NSEC_PER_SEC)
#define LOOK_NS   (20 * (long)NSEC_PER_MSEC)

enum { EXIT_NEWS = 0, EXIT_NONE = 1, OPEN_FOLDERS = 16, NICE = 19 };

#define FILE_BYTES GIB

void provision_path(const struct config *config, char *path)
{
        path[0] = '\0';
        if (config->prepare_runtimes)
                (void)snprintf(path, FOLDERS_PATH_MAX, "%s/" FOLDER, config->data_directory);
}

/* ---- the folder ---- */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
        (void)remove(path);
        return 0;
}

static void remove_tree(const char *path)
{
        (void)nftw(path, remove_one, OPEN_FOLDERS, FTW_PHYS | FTW_DEPTH | FTW_MOUNT);
}

static bool is_wanted(const struct catalog *catalog, const char *name)
{
        for (size_t i = 0; i < catalog->n_runtimes; i++)
                if (catalog->runtimes[i].prepared && streq(catalog->runtimes[i].prepared, name))
                        return true;
        return false;
}

static void sweep(const struct engine *engine, const char *folder)
{
        char path[FOLDERS_PATH_MAX + 256];
        DIR *dir = opendir(folder);
        struct dirent *entry;

        while (dir && (entry = readdir(dir))) {
                if (streq(entry->d_name, ".") || streq(entry->d_name, "..") ||
                    is_wanted(&engine->catalog, entry->d_name))
                        continue;
                snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
                remove_tree(path);
        }
        if (dir)
                closedir(dir);
}

/* Call @found for each runtime whose folder has come to be there; true: some are still missing. */
static bool look(struct engine *engine, void (*found)(struct engine *engine, uint32_t runtime))
{
        char path[FOLDERS_PATH_MAX + 256];
        bool missing = false;

        for (uint32_t i = 0; i < engine->catalog.n_runtimes; i++) {
                struct runtime *runtime = &engine->catalog.runtimes[i];

                if (!runtime->prepared || runtime->is_prepared)
                        continue;
                provision_path(engine->config, path);
                snprintf(path + strlen(path), sizeof(path) - strlen(path), "/%s", runtime->prepared);
                runtime->is_prepared = access(path, F_OK) == 0;
                if (runtime->is_prepared && found)
                        found(engine, i);
                missing |= !runtime->is_prepared;
        }
        return missing;
}

void provision_open(struct engine *engine)
{
        uint32_t uid = engine->warden.uid_base + WARDEN_UID_PROVISION;
        char path[FOLDERS_PATH_MAX];
        struct err err = { "" };

        provision_path(engine->config, path);
        if (!path[0])
                return;
        if (folders_make(path, 0755, &err) < 0) {
                log_warn("nothing is prepared for compilers: %s", err.text);
                return;
        }
        if (lchown(path, uid, uid) < 0)
                log_warn("nothing is prepared for compilers: %s: %s", path, strerror(errno));
        sweep(engine, path);
        (void)look(engine, NULL);
}

/* ---- one recipe ---- */

NORETURN static void become_recipe(char *const *argv)
{
        char *const environment[] = { "PATH=/usr/local/bin:/usr/bin:/bin", "HOME=.", "TMPDIR=.",
                                      "LANG=C.UTF-8", NULL };
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null < 0 || setpgid(0, 0) < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
            prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                _exit(127);
        (void)close_range(STDERR_FILENO + 1, ~0u, 0);
        execve(argv[0], argv, environment);
        _exit(127);
}

/* Its wait status, or -1 when it took too long. */
static int run_recipe(char *const *argv)
{
        uint64_t until = clock_now_ns() + RECIPE_NS;
        pid_t pid = fork();
        int status = -1;

        if (pid == 0)
                become_recipe(argv);
        while (pid > 0 && clock_now_ns() < until) {
                if (waitpid(pid, &status, WNOHANG) == pid)
                        return status;
                nanosleep(&(struct timespec){ .tv_nsec = LOOK_NS }, NULL);
        }
        if (pid > 0) {
                (void)kill(-pid, SIGKILL);
                (void)kill(pid, SIGKILL);
                (void)waitpid(pid, &status, 0);
        }
        return -1;
}

static int keep(const char *name)
{
        CLEANUP(close_fd) int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (folder < 0 || syncfs(folder) < 0 || chdir("..") < 0)
                return -errno;
        return rename(FRESH, name) < 0 ? -errno : 0;
}

static bool make(const struct runtime *runtime)
{
        uint64_t start = clock_now_ns();
        int status = -1, r = 0;

        log_info("preparing %s %s", runtime->language, runtime->version);
        remove_tree(FRESH);
        if (mkdir(FRESH, 0755) < 0 || chdir(FRESH) < 0)
                r = -errno;
        if (r == 0)
                status = run_recipe(runtime->prepare);
        if (status == 0)
                r = keep(runtime->prepared);
        if (r == 0 && status == 0) {
                log_info("prepared %s %s in %.1f s", runtime->language, runtime->version,
                         (double)(clock_now_ns() - start) / (double)NSEC_PER_SEC);
                return true;
        }
        log_warn("%s %s could not be prepared (%s), which only costs speed", runtime->language,
                 runtime->version,
                 r < 0        ? strerror(-r)
                 : status < 0 ? "it took too long"
                              : "its tool failed");
        if (chdir("/tmp") < 0)
                _exit(EXIT_NONE);
        remove_tree(FRESH);
        return false;
}

/* ---- the process ---- */

/* The folder becomes /tmp: nobody may go where it lies, and tools want to know where they are. */
static int enter(const char *path)
{
        if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC) < 0 ||
            mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount(path, "/tmp", NULL, MS_BIND, NULL) < 0)
                return -errno;
        return chdir("/tmp") < 0 ? -errno : 0;
}

static int give_up_root(uint32_t uid)
{
        const struct rlimit none = { 0, 0 }, file = { FILE_BYTES, FILE_BYTES };
        sigset_t empty;

        sigemptyset(&empty);
        if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0 ||
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
            sigprocmask(SIG_SETMASK, &empty, NULL) < 0)
                return -errno;
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)setrlimit(RLIMIT_FSIZE, &file);
        (void)umask(022);
        return 0;
}

NORETURN static void become_provision(const struct engine *engine, const char *path)
{
        const struct sched_param idle = { 0 };
        bool news = false;
        int r;

        log_open(log_level(), "provision");
        (void)prctl(PR_SET_NAME, "provision", 0, 0, 0);
        (void)setpriority(PRIO_PROCESS, 0, NICE);
        (void)sched_setscheduler(0, SCHED_IDLE, &idle);
        r = enter(path);
        r = r ? r : give_up_root(engine->warden.uid_base + WARDEN_UID_PROVISION);
        if (r < 0) {
                log_warn("nothing is prepared for compilers: %s", strerror(-r));
                _exit(EXIT_NONE);
        }
        for (size_t i = 0; i < engine->catalog.n_runtimes; i++) {
                const struct runtime *runtime = &engine->catalog.runtimes[i];

                if (runtime->prepared && access(runtime->prepared, F_OK) < 0)
                        news |= make(runtime);
        }
        _exit(news ? EXIT_NEWS : EXIT_NONE);
}

void provision_start(struct engine *engine)
{
        char path[FOLDERS_PATH_MAX];
        pid_t pid;

        provision_path(engine->config, path);
        if (!path[0] || !look(engine, NULL))
                return;
        pid = fork();
        if (pid == 0)
                become_provision(engine, path);
        engine->provision = MAX(pid, 0);
}

void provision_ended(struct engine *engine, int status)
{
        engine->provision = 0;
        if (!engine->stopping && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NEWS)
                (void)look(engine, runner_tell_prepared);
}

void provision_stop(struct engine *engine)
{
        if (engine->provision <= 0)
                return;
        (void)kill(engine->provision, SIGKILL);
        (void)waitpid(engine->provision, NULL, 0);
        engine->provision = 0;
}

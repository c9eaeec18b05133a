/*
 * Program: the process that becomes the user's program.
 *
 * Before the order it enters the box for good: maps its one user, forbids nested namespaces, gives up every capability,
 * takes the set-up calls away by a last filter and says READY.  All of that happens before any byte of a stranger
 * arrives; from READY on it is as powerless as the program it becomes (obey.c).
 */
#include "box/keeper.h"
#include "box/last_filter.h"
#include "box/steps.h"
#include "util/number.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { FOLDER_MODE = 0755 };

static int write_proc(const struct box_plan *plan, const char *name, const char *text)
{
        CLEANUP(close_fd) int fd = openat(plan->proc, name, O_WRONLY | O_CLOEXEC);
        size_t n = strlen(text);

        if (fd < 0)
                return -errno;
        return write(fd, text, n) == (ssize_t)n ? 0 : -errno;
}

/* "1000 2000000064 1\n": one id inside, which one it is outside. */
static void fill_map(char *map, uint32_t inside, uint32_t outside)
{
        map = number_text(map, inside, 10);
        *map = ' ';
        map = number_text(map + 1, outside, 10);
        memcpy(map, " 1\n", 4);
}

/* One user and one group.  Our outer ids are the slot's already, so the maps need no privilege outside. */
static int map_user(const void *context)
{
        const struct box_plan *plan = context;
        char map[2 * NUMBER_ROOM + 4];
        int r;

        /* KERNEL: /proc/self belongs to root while we are not dumpable; the ids changed, so we are not */
        (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
        r = write_proc(plan, "self/setgroups", "deny");
        if (r < 0)
                return r;
        fill_map(map, BOX_UID, plan->slot_uid);
        r = write_proc(plan, "self/uid_map", map);
        if (r < 0)
                return r;
        fill_map(map, BOX_GID, plan->slot_uid);
        return write_proc(plan, "self/gid_map", map);
}

static int forbid_namespaces(const void *plan)
{
        return write_proc(plan, "sys/user/max_user_namespaces", "0");
}

/* KERNEL: what this process owns of the slot's memory is taken first, before init and keeper. */
static int volunteer(const void *plan)
{
        int r = write_proc(plan, "self/oom_score_adj", "1000");

        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        return r;
}

static int drop_privileges(const void *plan)
{
        (void)plan;
        return privileges_drop_all();
}

static int enter_folder(const void *plan)
{
        (void)plan;
        umask(022);
        return mkdir(BOX_FOLDER, FOLDER_MODE) < 0 || chdir(BOX_FOLDER) < 0 ? -errno : 0;
}

static int load_last_filter(const void *plan)
{
        (void)plan;
        return filter_load(last_filter, last_filter_n);
}

void program_reset_signals(void)
{
        static const int ours[] = { SIGCHLD, SIGPIPE, SIGINT, SIGTERM };
        sigset_t none;

        for (size_t i = 0; i < ARRAY_LEN(ours); i++)
                signal(ours[i], SIG_DFL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
}

void program_reset_session(void)
{
        (void)setsid();
        (void)setpriority(PRIO_PROCESS, 0, 0);
}

/* Keep nothing but the channel to the keeper, as descriptor 3; it also holds 0 to 2, so that no descriptor of the
 * order arrives there. */
static void keep_only(int channel)
{
        if (channel != 3)
                (void)dup2(channel, 3);
        (void)fcntl(3, F_SETFD, FD_CLOEXEC);
        (void)close_range(4, ~0u, 0);
        for (int i = 0; i <= STDERR_FILENO; i++)
                (void)dup2(3, i);
}

int program_enter(const struct box_plan *plan, enum step *ret_step)
{
        static const struct step_row rows[] = {
                { STEP_PROGRAM_MAPS, map_user },       { STEP_PROGRAM_NAMESPACES, forbid_namespaces },
                { STEP_PROGRAM_OOM, volunteer },       { STEP_PROGRAM_PRIVILEGES, drop_privileges },
                { STEP_PROGRAM_FOLDER, enter_folder }, { STEP_PROGRAM_FILTER, load_last_filter },
        };

        return steps_run(rows, ARRAY_LEN(rows), plan, ret_step);
}

NORETURN void program_fail(int channel, enum word word, enum step step, int error)
{
        word_send(channel, word, step, error);
        _exit(127);
}

NORETURN void program_main(const struct box_plan *plan)
{
        enum step step;
        int r = program_enter(plan, &step);

        if (r < 0)
                program_fail(plan->order, WORD_FAILED, step, r);
        program_reset_session();
        program_reset_signals();
        if (plan->warm > 0)
                park(plan);
        keep_only(plan->order);
        r = steps_fault(STEP_PROGRAM_READY);
        word_send(3, r ? WORD_FAILED : WORD_READY, STEP_PROGRAM_READY, r);
        obey(3);
}

/*
 * Zygotes: interpreters that have come up beside the keeper and fork into its boxes.
 *
 * A slot has few, the ones used last.  Each is started when a box shall be warm for the first time, is replaced after so many
 * forks or so long a time, and ends with the keeper.  One that does not come up is not tried again for a while: boxes
 * are ordinary ones until then, and nothing is lost but speed.
 *
 * Where the slot's cgroup is a v1 one, zygotes live in it, since what they fork has to; their memory is measured when
 * they have come up, so that it is not taken off what a program may use.
 */
#include "box/keeper.h"
#include "box/steps.h"
#include "box/warm.h"
#include "util/clock.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
        ZYGOTES_MAX = 3,
        START_MS = 10000,
        FORKS_MAX = 20000,
};

#define AGE_NS (3600 * NSEC_PER_SEC)

struct zygote {
        uint32_t row; /* of the slot's table, 0: none */
        pid_t pid;
        int channel;
        uint32_t forks;
        uint64_t bytes; /* of the slot's memory */
        uint64_t born_ns;
        uint64_t used_ns;
};

static struct zygote zygotes[ZYGOTES_MAX];

void zygotes_charge(struct account *account)
{
        account->zygote_bytes = 0;
        for (size_t i = 0; i < ZYGOTES_MAX; i++)
                account->zygote_bytes += zygotes[i].bytes;
        account->zygotes = zygotes_count();
}

uint32_t zygotes_count(void)
{
        uint32_t n = 0;

        for (size_t i = 0; i < ZYGOTES_MAX; i++)
                n += zygotes[i].row > 0;
        return n;
}

static void end(struct zygote *zygote)
{
        if (zygote->row == 0)
                return;
        (void)kill(zygote->pid, SIGKILL);
        while (waitpid(zygote->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        close_fd(&zygote->channel);
        *zygote = (struct zygote){ 0 };
}

void zygotes_close(void)
{
        for (size_t i = 0; i < ZYGOTES_MAX; i++)
                end(&zygotes[i]);
}

static bool is_worn(const struct zygote *zygote, uint64_t now)
{
        return zygote->forks >= FORKS_MAX || now - zygote->born_ns > AGE_NS;
}

/* The zygote of @row, or the place for it: a free one, else the one not used for longest. */
static struct zygote *find(uint32_t row)
{
        struct zygote *oldest = &zygotes[0];

        for (size_t i = 0; i < ZYGOTES_MAX; i++) {
                if (zygotes[i].row == row)
                        return &zygotes[i];
                if (zygotes[i].used_ns < oldest->used_ns)
                        oldest = &zygotes[i];
        }
        return oldest;
}

NORETURN static void become_zygote(uint32_t row, int channel)
{
        int r;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        (void)setpriority(PRIO_PROCESS, 0, 0);
        program_reset_signals();
        umask(022);
        r = chdir(BOX_FOLDER) < 0 ? -errno : 0;
        r = r ? r : warm_exec(keeper.boot, row, channel, keeper.proc);
        program_fail(channel, WORD_FAILED, STEP_WARM_START, r);
}

/* It is up, or it has said what failed, or it has ended without a word. */
static int await(const struct zygote *zygote)
{
        struct pollfd fd = { zygote->channel, POLLIN, 0 };
        struct word_frame frame;
        int n;

        do
                n = poll(&fd, 1, START_MS);
        while (n < 0 && errno == EINTR);
        if (n == 0)
                return -ETIMEDOUT;
        if (recv(zygote->channel, &frame, sizeof(frame), MSG_DONTWAIT) != (ssize_t)sizeof(frame))
                return -ECHILD;
        return frame.word == WORD_READY ? 0 : word_error(&frame);
}

static int spawn(struct zygote *zygote, uint32_t row)
{
        int pair[2];
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        pid = fork();
        if (pid == 0)
                become_zygote(row, pair[1]);
        close(pair[1]);
        if (pid < 0) {
                close(pair[0]);
                return -errno;
        }
        *zygote = (struct zygote){ .row = row, .pid = pid, .channel = pair[0], .born_ns = clock_now_ns() };
        return 0;
}

static int start(struct zygote *zygote, uint32_t row)
{
        uint64_t before, after;
        int r = steps_fault(STEP_WARM_START);

        r = r ? r : account_relax(&keeper.account);
        if (r < 0)
                return r;
        before = account_charged(&keeper.account);
        r = spawn(zygote, row);
        r = r ? r : await(zygote);
        if (r < 0)
                return r;
        after = account_charged(&keeper.account);
        zygote->bytes = after - MIN(before, after);
        return 0;
}

/* A running zygote of @row in *ret_zygote. */
static int obtain(uint32_t row, struct zygote **ret_zygote)
{
        struct zygote *zygote = find(row);
        int r;

        *ret_zygote = zygote;
        if (zygote->row == row && !is_worn(zygote, clock_now_ns()))
                return 0;
        end(zygote);
        r = start(zygote, row);
        if (r < 0) {
                end(zygote);
                row_rest(row);
        }
        return r;
}

int zygotes_fork(uint32_t row, const int fds[], int n_fds, enum step *ret_step)
{
        struct zygote *zygote;
        int r;

        *ret_step = STEP_WARM_START;
        r = obtain(row, &zygote);
        if (r < 0)
                return r;
        *ret_step = STEP_WARM_FORK;
        r = steps_fault(STEP_WARM_FORK);
        r = r ? r : fds_send(zygote->channel, fds, n_fds);
        if (r < 0) {
                end(zygote);
                return r;
        }
        zygote->forks++;
        zygote->used_ns = clock_now_ns();
        return 0;
}

/*
 * Park: a program starts in its prepared box and waits there for its order.
 *
 * It is as powerless as the program it becomes, and the library that stops it at its door (warm.c) says READY for it.
 */
#include "box/keeper.h"
#include "box/steps.h"
#include "box/warm.h"

#include <fcntl.h>
#include <sys/socket.h>

enum { WORDS_MAX = 64 };

/* Words of a row with the library's own two, for exec: 0, or -EINVAL for a row that is not as slot.h says. */
static int warm_words(const struct slot_warm *warm, char *args[], char *env[], size_t room)
{
        static char copy[SLOT_WARM_WORDS], mark[] = WARM_ENV, preload[] = WARM_PRELOAD;
        char *p = copy, *end = copy + MIN(warm->words_bytes, (uint32_t)sizeof(copy));

        if (warm->n_args == 0 || warm->n_args >= room || warm->n_env + 3 > room)
                return -EINVAL;
        memcpy(copy, warm->words, sizeof(copy));
        p = words_take(p, end, warm->n_args, args);
        p = p ? words_take(p, end, warm->n_env, env) : NULL;
        if (p != end)
                return -EINVAL;
        args[warm->n_args] = NULL;
        env[warm->n_env] = mark;
        env[warm->n_env + 1] = preload;
        env[warm->n_env + 2] = NULL;
        return 0;
}

/* The streams are pipes, as the order's will be: interpreters look at what they are. */
static int connect_pipes(void)
{
        int pipe[2];

        if (pipe2(pipe, O_CLOEXEC) < 0)
                return -errno;
        for (int i = 0; i <= STDERR_FILENO; i++)
                if (dup2(pipe[i > 0], i) < 0)
                        return -errno;
        return 0;
}

/* Put @from where the library looks for it, to stay open through exec. */
static int place(int from, int to)
{
        return dup2(from, to) < 0 ? -errno : 0;
}

/* The library reads it before anything else, and it fits into any pipe. */
static int leave_note(const struct slot_boot *boot, uint32_t row)
{
        struct warm_note note = { SLOT_MAGIC, row, boot->fault, boot->warm[row - 1] };
        int pipe[2];

        if (pipe2(pipe, O_CLOEXEC) < 0)
                return -errno;
        if (write(pipe[1], &note, sizeof(note)) != (ssize_t)sizeof(note))
                return -EIO;
        return place(pipe[0], WARM_FD_NOTE);
}

/* The highest descriptor it is to have. */
static unsigned last_of(const struct slot_warm *warm, int proc)
{
        return warm->by == SLOT_WARM_FORK ? WARM_FD_BOOT : proc >= 0 ? WARM_FD_PROC : WARM_FD_NOTE;
}

int warm_exec(const struct slot_boot *boot, uint32_t row, int channel, int proc)
{
        const struct slot_warm *warm = &boot->warm[row - 1];
        char *args[WORDS_MAX], *env[WORDS_MAX];
        int r = warm_words(warm, args, env, WORDS_MAX);

        r = r ? r : place(channel, WARM_FD_CHANNEL);
        r = r ? r : leave_note(boot, row);
        if (r == 0 && proc >= 0)
                r = place(proc, WARM_FD_PROC);
        if (r == 0 && warm->by == SLOT_WARM_FORK)
                r = place(SLOT_FD_BOOT, WARM_FD_BOOT);
        r = r ? r : connect_pipes();
        if (r < 0)
                return r;
        (void)close_range(STDERR_FILENO + 1, WARM_FD_CHANNEL - 1, 0);
        (void)close_range(last_of(warm, proc) + 1, ~0u, 0);
        execve(args[0], args, env);
        return -errno;
}

/* One that packs what the program leaves: it waits beside it for the order's descriptor, then for its end. */
NORETURN static void wait_to_collect(const struct box_plan *plan, int told, pid_t program)
{
        struct word_frame frame;
        int artefact = -1;

        (void)dup3(plan->order, WARM_FD_CHANNEL, O_CLOEXEC);
        (void)dup3(told, WARM_FD_PROC, O_CLOEXEC);
        (void)close_range(0, WARM_FD_CHANNEL - 1, 0);
        (void)!fds_recv(WARM_FD_PROC, &frame, &artefact, 1);
        collect_after(program, artefact, WARM_FD_CHANNEL);
}

/* Comes back in the program's process with its end of the way to the collector, -1 where there is none; -errno. */
static int split(const struct box_plan *plan, int *ret_tell)
{
        int pair[2];
        pid_t pid;

        *ret_tell = -1;
        if (!plan->boot->warm[plan->warm - 1].collects)
                return 0;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid > 0) {
                close(pair[1]);
                wait_to_collect(plan, pair[0], pid);
        }
        close(pair[0]);
        *ret_tell = pair[1];
        return 0;
}

NORETURN void park(const struct box_plan *plan)
{
        int tell, r = steps_fault(STEP_WARM_EXEC);

        r = r ? r : split(plan, &tell);
        r = r ? r : warm_exec(plan->boot, plan->warm, plan->order, tell);
        /* exec may have failed with every descriptor closed but this one */
        program_fail(fcntl(WARM_FD_CHANNEL, F_GETFD) < 0 ? plan->order : WARM_FD_CHANNEL, WORD_FAILED,
                     STEP_WARM_EXEC, r);
}
